"""Files that readers saved: what they say, and that none is taken that is not whole."""

import json

import numpy as np
import pandas as pd
import pytest
from red_herring.report.pages.reader import KEY, REASONS
from red_herring.report.reader_answers import COLUMNS, read_answers
from red_herring.runtime.files import StudyError
from support.reader_study import answered, checked, save

PAGES = {"blinded": "00000000000000e1", "unblinded": "1234567890123456"}


@pytest.fixture
def key():
    rows = [
        [page, digest, question, "attribution", "gradient", "tag", "classification", 1, model, json.dumps([["s", "1"]])]
        for page, digest in PAGES.items()
        for question, model in (("q01", "own"), ("q02", "normal"))
    ]
    return pd.DataFrame(rows, columns=KEY)


def rows_of(key, page="blinded", reader=7, changes=None):
    """A file of two rows; changes: of fields of the first."""
    first, second = answered(
        key, page, reader, lambda row: "2", lambda row: "unclear answers_wrong", 'I say "no", é\\n'
    )
    fields = dict(zip(COLUMNS, first, strict=True)) | (changes or {})
    return [list(fields.values()), second]


def rechecked(rows):
    return [checked(row[:-1]) for row in rows]


def test_rows_say_what_readers_answered(tmp_path, key):
    one = save(tmp_path / "a.csv", rechecked(rows_of(key, changes={"recommend": "", "reasons": ""})))
    two = save(tmp_path / "b.csv", rows_of(key, "unblinded", 12))
    found = read_answers([one, two], key)
    assert found["reader"].tolist() == [7, 7, 12, 12]
    np.testing.assert_array_equal(found["recommend"], [np.nan, 2, 2, 2])
    assert found["page"].tolist() == ["blinded"] * 2 + ["unblinded"] * 2
    assert found["model"].tolist() == ["own", "normal"] * 2
    assert found["unclear"].tolist() == [False, True, True, True]
    assert not found["answers_right"].any()
    assert set(REASONS) < set(found)
    assert "why" not in found, "what is written stays in the files"


def test_the_order_of_rows_and_files_makes_no_difference(tmp_path, key):
    files = [save(tmp_path / f"{reader}.csv", rows_of(key, reader=reader)[::-1]) for reader in (9, 3)]
    assert len(read_answers(files, key)) == 4


@pytest.mark.parametrize(
    "change", [{"recommend": "5"}, {"why": "x"}, {"question": "q02"}, {"position": "2"}, {"check": "0" * 8}]
)
def test_a_row_that_was_edited_is_named(tmp_path, key, change):
    file = save(tmp_path / "a.csv", rows_of(key, changes=change))
    with pytest.raises(StudyError, match=r"a\.csv: row 2 was changed after it was saved: its check does not fit"):
        read_answers([file], key)


FORGED = {
    "page": ("feed", r"row 2 is of the page 'feed', expected 00000000000000e1 or 1234567890123456, .*key\.csv"),
    "recommend": ("6", "recommend is '6', expected 1 to 5 or nothing"),
    "reasons": ("because", "reasons are 'because', expected some of answers_right, "),
    "question": ("q02", "has q02 2 times, expected each question once"),
    "reader": ("8", "row 3 is of another page or reader than row 2"),
}


@pytest.mark.parametrize("field", FORGED)
def test_what_no_page_saves_is_refused_even_with_the_right_check(tmp_path, key, field):
    value, sentence = FORGED[field]
    file = save(tmp_path / "a.csv", rechecked(rows_of(key, changes={field: value})))
    with pytest.raises(StudyError, match=rf"a\.csv: .*{sentence}"):
        read_answers([file], key)


@pytest.mark.parametrize("reader", ["", "-1", "1.5", "me", "²"])
def test_a_reader_is_a_number(tmp_path, key, reader):
    file = save(tmp_path / "a.csv", rechecked([[*row[:1], reader, *row[2:]] for row in rows_of(key)]))
    with pytest.raises(StudyError, match=r"reader is .*, expected a number"):
        read_answers([file], key)


def test_a_file_without_all_rows_is_refused(tmp_path, key):
    with pytest.raises(StudyError, match=r"a\.csv: has no row of q02, expected one of each question"):
        read_answers([save(tmp_path / "a.csv", rows_of(key)[:1])], key)
    with pytest.raises(StudyError, match=r"a\.csv: has no answer; take the file as the page saved it"):
        read_answers([save(tmp_path / "a.csv", [])], key)


CONTENTS = {
    "empty": (b"", "begins with ''"),
    "semicolons": (b"page;reader\n1;2\n", "begins with 'page;reader', expected 'page,reader,position,"),
    "mark": (("\ufeff" + ",".join(COLUMNS)).encode(), "begins with"),
    "latin": ((",".join(COLUMNS) + '\n"é"').encode("latin-1"), "is no CSV in UTF-8"),
    "open quote": ((",".join(COLUMNS) + '\n"a').encode(), "is no CSV in UTF-8"),
    "fields": ((",".join(COLUMNS) + "\na,b\n").encode(), "row 2 has 2 fields, expected 8"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_what_a_spreadsheet_makes_of_a_file_is_refused(tmp_path, key, kind):
    content, sentence = CONTENTS[kind]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(StudyError, match=rf"a\.csv: {sentence}"):
        read_answers([tmp_path / "a.csv"], key)


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_answers_once_and_one_page(tmp_path, key, page):
    files = [save(tmp_path / "a.csv", rows_of(key)), save(tmp_path / "b.csv", rows_of(key, page))]
    with pytest.raises(StudyError, match=r"b\.csv: is of reader 7, as is .*a\.csv, expected one file of each reader"):
        read_answers(files, key)
