"""A folder of images and a CSV."""

import pandas as pd
import pytest
from red_herring.data.sources.base import check_index
from red_herring.data.sources.folder import Source
from red_herring.files import StudyError

COLUMNS = {"file": "path", "label": "class", "group": "scanner", "patient": "who"}


def source(tmp_path, rows, columns=COLUMNS, **arguments):
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    return Source(str(tmp_path), str(tmp_path / "table.csv"), columns, **arguments)


ROWS = [
    {"path": "a/1.png", "class": "SICK", "scanner": "X", "who": "p1"},
    {"path": "a/2.png", "class": "WELL", "scanner": "Y", "who": "007"},
]


def test_columns_and_labels_are_named_in_the_settings(tmp_path):
    index = source(tmp_path, ROWS, findings={"SICK": "Pneumonia"}).index()
    assert index.to_dict("list") == {
        "image": ["a/1.png", "a/2.png"], "patient": ["p1", "007"], "group": ["X", "Y"], "findings": ["Pneumonia", "WELL"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        (ROWS, COLUMNS | {"label": "diagnosis"}, ["table.csv", "no column 'diagnosis'", "path, class, scanner, who"]),
        ([*ROWS, ROWS[0] | {"who": ""}], COLUMNS, ["table.csv", "row 4", "'who'"]),
        ([ROWS[0] | {"path": "../secret.png"}], COLUMNS, ["../secret.png", "not a path below imgpath"]),
        ([ROWS[0] | {"path": "/etc/passwd"}], COLUMNS, ["/etc/passwd", "not a path below imgpath"]),
    ],
)
def test_a_wrong_table_is_named(tmp_path, rows, columns, words):
    with pytest.raises(StudyError) as caught:
        source(tmp_path, rows, columns).index()
    for word in words:
        assert word in str(caught.value)


def test_duplicate_images_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"source mine: image 'a/1.png' has two rows"):
        check_index(source(tmp_path, [*ROWS, ROWS[0]]).index(), "mine")


def test_an_empty_table_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("path,class,scanner,who\n")
    with pytest.raises(StudyError, match="list no image"):
        check_index(Source(str(tmp_path), str(tmp_path / "table.csv"), COLUMNS).index(), "mine")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.csv: there is no such file; mend `csvpath`"):
        Source(str(tmp_path), str(tmp_path / "none.csv"), COLUMNS).index()


@pytest.mark.parametrize(("make", "words"), [(None, "no such folder"), ("empty", "is empty"), ("null", "is null")])
def test_a_missing_or_empty_folder_is_named(tmp_path, make, words):
    folder = tmp_path / "images"
    if make == "empty":
        folder.mkdir()
    with pytest.raises(StudyError, match=words):
        Source(None if make == "null" else str(folder), "", COLUMNS).check()
