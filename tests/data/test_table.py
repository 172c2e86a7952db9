"""A user's CSV as it comes."""

import bz2
import gzip
import io
import lzma
import zipfile

import pandas as pd
import pytest
from red_herring.data.table import read_table
from red_herring.runtime.files import StudyError

PLAIN = "path,class,who\na.png,SICK,007\nb.png,WELL,1.10\n"
ROWS = [["a.png", "SICK", "007"], ["b.png", "WELL", "1.10"]]
COLUMNS = ["path", "class", "who"]


@pytest.fixture
def read(tmp_path):
    def read(content, columns=COLUMNS, **arguments):
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, columns, "csvpath", **arguments)

    return read


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip("\n"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        PLAIN.replace("\n", ",\n"),  # every row ends in a comma, the header too
        PLAIN.replace("\n", ",,\n").replace("who,,", "who"),  # or all but the header
        PLAIN.replace("path,", "path ,  ").replace("SICK,", " SICK ,").replace("a.png", "\u00a0a.png"),
        '"path","class","who"\n"a.png","SICK","007"\n"b.png","WELL","1.10"\n',
        "\n\n" + PLAIN.replace("SICK,007\n", "SICK,007\n\n,,\n  \n") + ",,\n\n",
        PLAIN.replace("\n", ",rest\n").replace("who,rest", "who,other"),  # a column more
        PLAIN.replace("\n", ",1,2\n").replace("who,1,2", "who,other,other"),  # and another, named twice
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode(), mtime=0),
        bz2.compress(PLAIN.encode()),
        lzma.compress(PLAIN.encode()),
    ],
)
def test_a_table_is_read_as_it_comes(read, content):
    assert read(content).to_numpy().tolist() == ROWS


def test_columns_are_found_whatever_their_blanks_and_unicode_form(read):
    table = read("Pfad ,Gro\u0308\u00dfe\nu\u0308.png,1\n", ["Pfad", "Gr\u00f6\u00dfe"])
    assert table.to_dict("list") == {"Pfad": ["\u00fc.png"], "Gr\u00f6\u00dfe": ["1"]}
    assert read("who\n1\n", [" who"])[" who"].tolist() == ["1"]


@pytest.mark.parametrize("cell", ["NA", "nan", "null", "True", "1e5", "2020-01-01", "None", "00"])
def test_cells_stay_as_they_are_written(read, cell):
    assert read(f"who\n{cell}\n", ["who"])["who"].tolist() == [cell]


def test_rows_are_numbered_as_an_editor_shows_them(read):
    table = read('\nwho,what\n\n1,"two\nlines, and\nthree"\n2,x\n,,\n3,x\n', ["who", "what"])
    assert table.index.tolist() == [4, 7, 9]
    assert table["what"].iloc[0] == "two\nlines, and\nthree"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PLAIN + "c.png,,1\nd.png, ,1\n", "row 4 has nothing in column 'class', as have 1 others"),
        (PLAIN + '\n"c.png","x\ny",\n', "row 5 has nothing in column 'who'"),
        (PLAIN.replace("who", "patient"), "has no column 'who', only path, class, patient"),
        (PLAIN.replace("who", "path "), "has column 'path' 2 times"),
        ("path,class,who\n0,a.png,SICK,007\n", "row 2 has 4 cells, expected 3"),  # row names as R writes them
        (PLAIN + "c.png,SICK, old,1\n", "row 4 has 4 cells, expected 3 as in the header; a cell with ','"),
        (PLAIN + "c.png,SICK\n", "row 4 has 2 cells, expected 3"),
        (PLAIN + 'c.png,"SICK,1\nd.png,WELL,1\n', "row 4 cannot be read as CSV"),
        (PLAIN.replace("SICK", "gro\u00df").encode("latin-1"), "row 2 is not UTF-8; save the table as CSV UTF-8"),
        (PLAIN.encode("utf-16")[2:], "is not text"),
        (gzip.compress(PLAIN.encode(), mtime=0)[:20], "cannot be read as CSV"),
        ("", "has no column 'path', only an empty file"),
        ("\n\n", "has no column 'path', only an empty file"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_its_row(read, content, words):
    with pytest.raises(StudyError) as caught:
        read(content)
    assert "table.csv" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_workbook_is_no_csv(read):
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    with pytest.raises(StudyError, match="is a workbook or an archive, expected a CSV; save the sheet as CSV UTF-8"):
        read(workbook.getvalue())


def test_a_folder_or_nothing_is_no_table(tmp_path):
    with pytest.raises(StudyError, match="there is no such file; fix `csvpath`"):
        read_table(tmp_path / "none.csv", COLUMNS, "csvpath")
    with pytest.raises(StudyError, match="cannot be read as CSV: Is a directory"):
        read_table(tmp_path, COLUMNS, "csvpath")


def test_one_column_may_be_empty(read):
    assert read("path,mask\na,\nb,x\n", ["path", "mask"], may_be_empty="mask")["mask"].tolist() == ["", "x"]


def test_a_large_table_is_what_pandas_reads(read):
    table = pd.DataFrame({name: [f"{name} {row}, {row % 7}" for row in range(20_000)] for name in COLUMNS})
    pd.testing.assert_frame_equal(read(table.to_csv(index=False)).reset_index(drop=True), table)
