"""What readers answered: reads the files that the pages of the reader study saved, and takes none that is not whole.

Rows carry a CRC-32 of their other fields, so a cell that was changed by mistake, as a spreadsheet does, is found. It is
no signature: who wants to forge answers can.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import pandas as pd

from red_herring.report.pages.reader import REASONS, SCALE
from red_herring.runtime.files import StudyError

COLUMNS = ["page", "reader", "position", "question", "recommend", "reasons", "why", "check"]
RECOMMENDATIONS = {"": float("nan")} | {str(step): float(step) for step in range(1, len(SCALE) + 1)}

AS_SAVED = "take the file as the page saved it, or leave it out"


def read_answers(paths: Sequence[Path], key: pd.DataFrame) -> pd.DataFrame:
    """One row per reader and question: reader, recommend (1 to 5, NaN where left out), a column of True or False for
    each of REASONS, and the columns of the key; text that readers wrote is left where it is.

    key: of `red_herring.report.pages.reader.pages`. StudyError for a file that is of another page, changed, not whole,
    or of a reader whose answers are there already: everybody answers one page, once.
    """
    files = [_read(path, key) for path in paths]
    seen: dict[int, Path] = {}
    for path, rows in zip(paths, files, strict=True):
        reader = int(rows[0].reader)
        if reader in seen:
            raise StudyError(
                f"{path}: is of reader {reader}, as is {seen[reader]}, expected one file of each reader, who "
                "answers one of the two pages, once; keep the right one"
            )
        seen[reader] = path
    given = pd.DataFrame([_values(row) for rows in files for row in rows])
    return given.merge(key, on=["digest", "question"], validate="many_to_one")


class Row(NamedTuple):
    """A line of a file, as it is written; `page` is the digest of the page."""

    page: str
    reader: str
    position: str
    question: str
    recommend: str
    reasons: str
    why: str
    check: str


def _values(row: Row) -> dict[str, object]:
    ticked = row.reasons.split()
    return {
        "reader": int(row.reader),
        "digest": row.page,
        "question": row.question,
        "recommend": RECOMMENDATIONS[row.recommend],
        **{reason: reason in ticked for reason in REASONS},
    }


def _read(path: Path, key: pd.DataFrame) -> list[Row]:
    """The rows of a file that is as a page of this key saved it; StudyError for any other."""
    rows = list(_rows(path))
    if not rows:
        raise StudyError(f"{path}: has no answer; {AS_SAVED}")
    pages = key.groupby("digest")["question"].agg(set)
    for number, row in enumerate(rows, start=2):
        if row.page not in pages:
            raise StudyError(
                f"{path}: row {number} is of the page {row.page!r}, expected {' or '.join(pages.index)}, the pages of "
                "this key; put the key.csv that was made with the page in its place, or leave the file out"
            )
        if (row.page, row.reader) != (rows[0].page, rows[0].reader):
            raise StudyError(f"{path}: row {number} is of another page or reader than row 2; {AS_SAVED}")
        wrong = _wrong(row)
        if wrong:
            raise StudyError(f"{path}: row {number} was changed after it was saved: {wrong}; {AS_SAVED}")
    _check_whole(path, [row.question for row in rows], pages[rows[0].page])
    return rows


def _rows(path: Path) -> Iterator[Row]:
    try:
        with open(path, encoding="utf-8", newline="") as lines:
            read = csv.reader(lines, strict=True)
            header = next(read, [])
            if header != COLUMNS:
                found, expected = ",".join(header), ",".join(COLUMNS)
                raise StudyError(f"{path}: begins with {found!r}, expected {expected!r}; {AS_SAVED}")
            for number, fields in enumerate(read, start=2):
                if len(fields) != len(COLUMNS):
                    counts = f"{len(fields)} fields, expected {len(COLUMNS)}"
                    raise StudyError(f"{path}: row {number} has {counts}; {AS_SAVED}")
                yield Row(*fields)
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path}: is no CSV in UTF-8 ({error}); {AS_SAVED}") from error


def _wrong(row: Row) -> str:
    """What is wrong with a row; empty if nothing is."""
    *fields, check = row
    if format(crc32("\n".join(fields).encode()), "08x") != check:
        return "its check does not fit its fields"
    if row.recommend not in RECOMMENDATIONS:
        return f"recommend is {row.recommend!r}, expected 1 to {len(SCALE)} or nothing"
    if not set(row.reasons.split()) <= set(REASONS):
        return f"reasons are {row.reasons!r}, expected some of {', '.join(REASONS)}"
    if not (row.reader.isascii() and row.reader.isdigit()):
        return f"reader is {row.reader!r}, expected a number"
    return ""


def _check_whole(path: Path, questions: Sequence[str], expected: Collection[str]) -> None:
    for question, count in Counter(questions).items():
        if count > 1:
            raise StudyError(f"{path}: has {question} {count} times, expected each question once; {AS_SAVED}")
    lacking = sorted(set(expected) - set(questions))
    if lacking:
        raise StudyError(f"{path}: has no row of {lacking[0]}, expected one of each question; {AS_SAVED}")
