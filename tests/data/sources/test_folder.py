"""A folder of images and a CSV."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.picture import UnreadableImage
from red_herring.data.sources.base import check_index
from red_herring.data.sources.folder import Source
from red_herring.runtime.files import StudyError

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
        ([*ROWS, ROWS[0] | {"class": " | "}], COLUMNS, ["table.csv", "row 4 has no label"]),
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


def test_labels_groups_and_patients_are_tidy_and_masks_too(tmp_path):
    rows = [
        {"path": " ./a//1.png", "class": "PNEUMONIA | Effusion ", "scanner": "X  1", "who": " p1 ", "roi": " "},
        {"path": "a/2.png ", "class": "Effusion", "scanner": "X 1", "who": "p1", "roi": "m.png "},
    ]
    own = source(tmp_path, rows, COLUMNS | {"mask": "roi"}, findings={"PNEUMONIA": "Pneumonia"})
    assert own.index().to_dict("list") == {
        "image": ["a/1.png", "a/2.png"], "patient": ["p1", "p1"], "group": ["X 1", "X 1"],
        "findings": ["Pneumonia|Effusion", "Effusion"],
    }  # fmt: skip
    assert own._masks == {"a/1.png": "", "a/2.png": "m.png"}
    with pytest.raises(StudyError, match=r"image 'a/1.png' has two rows"):
        check_index(source(tmp_path, [rows[0], rows[0] | {"path": "a/1.png"}]).index(), "mine")


@pytest.mark.parametrize(("patient", "as_it_is"), [("ANONYMOUS", False), ("nan", False), ("0", True), ("p1", True)])
def test_rows_that_name_no_patient_are_refused(tmp_path, patient, as_it_is):
    index = source(tmp_path, [ROWS[0], *(ROWS[1] | {"path": f"{n}.png", "who": patient} for n in range(3))]).index()
    if as_it_is:
        check_index(index, "mine")
        return
    with pytest.raises(StudyError, match=f"source mine: 3 of 4 images have patients such as '{patient}', which names"):
        check_index(index, "mine")
    check_index(index.iloc[:2], "mine")  # one is one, whatever its name


def test_names_in_two_writings_are_told(tmp_path, caplog):
    rows = [ROWS[0] | {"path": f"{n}.png", "class": label, "who": who} for n, (label, who) in enumerate(
        [("sick", "7"), ("Sick", "007"), ("well|SICK", "7"), ("well", "8")]
    )]  # fmt: skip
    check_index(source(tmp_path, rows).index(), "mine")
    assert "its patient '007' and '7' count as different" in caplog.text
    assert "its findings 'SICK' and 'Sick' and 'sick' count as different" in caplog.text
    assert "group" not in caplog.text


@pytest.mark.parametrize(("table_form", "disk_form"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
def test_files_are_found_in_whichever_unicode_form(tmp_path, table_form, disk_form):
    name = unicodedata.normalize(disk_form, "M\u00fcller/\u00e9.png")
    (tmp_path / name).parent.mkdir()
    Image.fromarray(np.full((8, 4), 255, np.uint8)).save(tmp_path / name)
    written = unicodedata.normalize(table_form, name)
    own = source(tmp_path, [ROWS[0] | {"path": written, "roi": written}], COLUMNS | {"mask": "roi"})
    images = own.index()["image"]
    own.check(images, 0)
    pixels, mask = own.read(images[0])
    assert pixels.shape == mask.shape == (8, 4)


def test_duplicate_images_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"source mine: image 'a/1.png' has two rows"):
        check_index(source(tmp_path, [*ROWS, ROWS[0]]).index(), "mine")


def test_an_empty_table_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("path,class,scanner,who\n")
    with pytest.raises(StudyError, match="list no image"):
        check_index(Source(str(tmp_path), str(tmp_path / "table.csv"), COLUMNS).index(), "mine")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.csv: there is no such file; fix `csvpath`"):
        Source(str(tmp_path), str(tmp_path / "none.csv"), COLUMNS).index()


@pytest.mark.parametrize(
    ("make", "words"),
    [(None, "no such folder"), ("empty", "holds 0 of the 1 images the metadata name"), ("null", "imgpath: is null")],
)
def test_a_missing_or_empty_folder_is_named(tmp_path, make, words):
    folder = tmp_path / "images"
    if make == "empty":
        folder.mkdir()
    with pytest.raises(StudyError, match=words):
        Source(None if make == "null" else str(folder), "", COLUMNS).check(["a.png"], 0)


def test_another_folder_than_the_metadata_mean_is_told_by_what_it_holds(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a/1.png", "a/9.png", "a/8.png", "7.png"):
        (tmp_path / name).touch()
    images = [f"a/{number}.png" for number in range(1, 7)]
    with pytest.raises(StudyError) as caught:
        Source(str(tmp_path), "", COLUMNS).check(images, 4)
    for words in ("holds 1 of the 6 images", "it lacks a/2.png, a/3.png, a/4.png and holds a/", "max_unreadable"):
        assert words in str(caught.value)
    Source(str(tmp_path), "", COLUMNS).check(images, 5)


def test_a_column_may_name_the_masks(tmp_path):
    """Bright is inside; a mask of half the size is scaled; one of another shape, or a missing one, is no mask."""
    for name, shape in {"a": (8, 4), "b": (8, 4), "c": (8, 4), "d": (8, 4)}.items():
        Image.fromarray(np.full(shape, 100, np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "masks").mkdir()
    inside = np.zeros((8, 4), np.uint8)
    inside[2:4, 1:3] = 255
    Image.fromarray(inside).save(tmp_path / "masks" / "a.png")
    Image.fromarray(inside[:4, :2]).save(tmp_path / "masks" / "b.png")
    Image.fromarray(inside.T.copy()).save(tmp_path / "masks" / "c.png")
    names = {"a": "a.png", "b": "b.png", "c": "c.png", "d": "", "e": "e.png"}
    rows = [ROWS[0] | {"path": f"{name}.png", "roi": mask} for name, mask in names.items()]
    own = source(tmp_path, rows, COLUMNS | {"mask": "roi"}, maskpath=str(tmp_path / "masks"))
    assert own.has_masks
    own.check(own.index()["image"], 1)
    np.testing.assert_array_equal(own.read("a.png")[1], inside > 0)
    np.testing.assert_array_equal(own.read("b.png")[1], np.kron(inside[:4, :2], np.ones((2, 2))) > 0)
    assert own.read("d.png")[1] is None
    with pytest.raises(UnreadableImage, match="its mask has 4 x 8 pixels, which do not fit its 8 x 4"):
        own.read("c.png")
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(UnreadableImage, match="no such mask file"):
        own.read("a.png")
