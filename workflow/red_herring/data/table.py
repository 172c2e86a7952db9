"""A user's CSV as it comes: from a spreadsheet, R, pandas or by hand, in any delimiter, with or without blanks."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import pandas as pd

from red_herring.data.names import tidy, tidy_path
from red_herring.runtime.files import StudyError
from red_herring.study.places import named

DELIMITERS = (",", ";", "\t")
UNPACK = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
"""First bytes of a packed file -> what unpacks it."""

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of xlsx and ods, and of xls."""

Row = tuple[int, list[str]]
"""The number of its first line in the file, as an editor shows it, and its cells."""


def read_table(path: str | Path, columns: Collection[str], key: str, may_be_empty: str | None = None) -> pd.DataFrame:
    """The `columns` of a CSV as strings without blanks around them; the index, `row`, has the line each row begins at.

    Headers and cells are in Unicode's composed form; a blank line, or a row of nothing, is none. `key` of config.yaml
    names the file. StudyError when a column is not there or there twice, when a row has more or fewer cells than the
    header, and for an empty cell, but in the column that `may_be_empty`.
    """
    rows = _rows(path, _text(path, key), {tidy(column) for column in columns})
    names = next(rows, (0, []))[1]
    places = {column: _place(path, column, names) for column in columns}
    numbers, cells = [], []
    for number, row in rows:
        numbers.append(number)
        cells.append([tidy_path(row[place]) for place in places.values()])
    table = pd.DataFrame(cells, pd.Index(numbers, name="row", dtype=int), list(places), dtype=str)
    for column in columns:
        blank = table.index[table[column] == ""]
        if len(blank) and column != may_be_empty:
            others = f", as have {len(blank) - 1} others" if len(blank) > 1 else ""
            raise StudyError(f"{path}: row {blank[0]} has nothing in column {column!r}{others}")
    return table


def _place(path: str | Path, column: str, names: list[str]) -> int:
    """Which cell of a row a column is."""
    places = [place for place, name in enumerate(names) if name == tidy(column)]
    if not places:
        raise StudyError(f"{path}: has no column {column!r}, only {', '.join(filter(None, names)) or 'an empty file'}")
    if len(places) > 1:
        raise StudyError(f"{path}: has column {column!r} {len(places)} times; rename all but the one that is meant")
    return places[0]


def _rows(path: str | Path, text: str, columns: set[str]) -> Iterator[Row]:
    """The tidy header without empty names at its end, then the rows, all of its length."""
    declared = re.match(r'"?sep=(.)"?(?=[\r\n])', text)  # the first line of some spreadsheets' CSV
    text = text[declared.end() :] if declared else text
    headers = {
        delimiter: [tidy(name) for name in next(_records(path, text, delimiter, strict=False), (0, []))[1]]
        for delimiter in ([declared[1]] if declared else DELIMITERS)
    }
    delimiter = max(headers, key=lambda delimiter: (columns <= set(headers[delimiter]), len(headers[delimiter])))
    names = headers[delimiter]
    while names and not names[-1]:
        names.pop()
    for count, (number, cells) in enumerate(_records(path, text, delimiter)):
        if count == 0:
            yield number, names
        elif len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
            raise StudyError(
                f"{path}: row {number} has {len(cells)} cells, expected {len(names)} as in the header; a cell with "
                f"{delimiter!r} in it goes between quotes, and every column has a name"
            )
        else:
            yield number, cells


def _records(path: str | Path, text: str, delimiter: str, strict: bool = True) -> Iterator[Row]:
    """All rows but those of nothing."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise StudyError(
            f"{path}: row {number} cannot be read as CSV: {error}; a quote that opens a cell has to end it"
        ) from error


def _text(path: str | Path, key: str) -> str:
    try:
        content = Path(path).read_bytes()
        for magic, unpack in UNPACK.items():
            content = unpack(content) if content.startswith(magic) else content
    except FileNotFoundError as error:
        raise StudyError(f"{named(path)}: there is no such file; fix `{key}` in config.yaml") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise StudyError(f"{path}: cannot be read as CSV: {getattr(error, 'strerror', None) or error}") from error
    if content.startswith(WORKBOOKS):
        raise StudyError(f"{path}: is a workbook or an archive, expected a CSV; save the sheet as CSV UTF-8")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise StudyError(f"{path}: row {row} is not {encoding.upper()}; save the table as CSV UTF-8") from error
    if "\0" in text:
        raise StudyError(f"{path}: is not text, expected a CSV; save the table as CSV UTF-8")
    return text
