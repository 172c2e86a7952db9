"""A table of ours comes back as it was written, whatever its names look like."""

import numpy as np
import pandas as pd
import pytest
from red_herring.runtime.files import StudyError
from red_herring.runtime.frames import read_frame

NAMES = [
    "NA", "null", "nan", "None", "2019", "true", "False", "007", "7", "1e5", "-", "inf", "0x1", "1_000", "", " a ", "a,b", 'a"b', "a\nb", "a\rb",
    "#a", "é", "右", "\ufeffa",
]  # fmt: skip
WORDS, FLAGS = {"task"}, {"on_bound"}


def written(path, table):
    path.write_bytes(table.to_csv(index=False).encode())
    return path


def test_names_numbers_and_flags_come_back_as_they_were_written(tmp_path):
    count = len(NAMES)
    numbers = np.random.default_rng(0).standard_normal(count) * 10.0 ** np.arange(-150, -150 + 12 * count, 12)
    table = pd.DataFrame(
        {"task": NAMES, "seed": range(count), "auc": numbers, "on_bound": [True, False] * (count // 2)}
    )
    table.loc[3, "auc"] = np.nan
    read = read_frame(written(tmp_path / "t.csv", table), WORDS, FLAGS)
    pd.testing.assert_frame_equal(read, table)
    assert read.dtypes.astype(str).tolist() == ["str", "int64", "float64", "bool"]


def test_a_name_that_is_missing_is_the_empty_text_and_a_missing_number_nan(tmp_path):
    read = read_frame(written(tmp_path / "t.csv", pd.DataFrame({"task": [None, "a"], "auc": [None, None]})), WORDS)
    assert read["task"].tolist() == ["", "a"]
    assert read["auc"].isna().all()


def test_grouping_by_such_names_loses_no_row(tmp_path):
    table = pd.DataFrame({"task": NAMES, "n": 1})
    read = read_frame(written(tmp_path / "t.csv", table), WORDS)
    assert read.groupby("task")["n"].sum().to_dict() == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_file_without_a_line_is_an_empty_table(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    assert read_frame(tmp_path / "t.csv", WORDS).shape == (0, 0)


def test_without_rows_the_columns_still_have_their_types(tmp_path):
    (tmp_path / "t.csv").write_text("task,auc,on_bound\n")
    read = read_frame(tmp_path / "t.csv", WORDS, FLAGS)
    assert read.dtypes.astype(str).tolist() == ["str", "float64", "bool"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n\n1\nNA\n", "row 3 has 'NA' in column 'n', expected a number"),
        ("n\nTrue\n", "row 2 has 'True' in column 'n', expected a number"),
        ("on_bound\nTrue\n1\n", "row 3 has '1' in column 'on_bound', expected True or False"),
        ("n\n1,2\n", "more fields than"),
        ("n\n1\n2,3\n", "cannot be read as CSV"),
        ("task\n\xff\n", "cannot be read as CSV"),
    ],
)
def test_what_fits_no_type_is_refused_in_one_sentence(tmp_path, text, words):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(StudyError, match=words) as error:
        read_frame(tmp_path / "t.csv", WORDS, FLAGS)
    assert str(tmp_path / "t.csv") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"t\.csv: there is no such file"):
        read_frame(tmp_path / "t.csv", WORDS)
