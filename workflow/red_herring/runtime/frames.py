"""Reads tables of our own, every column as what it holds: words as they are written, yes or no, or numbers."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from red_herring.runtime.files import StudyError

YES_OR_NO = {"True": True, "False": False}


def read_frame(path: str | Path, words: Collection[str], flags: Collection[str] = ()) -> pd.DataFrame:
    """A CSV that a stage has written; one without a line is a table without rows and columns.

    words: the columns that hold text, which stays as it is written, whether it looks like a number or says `NA`; an
    empty cell is the empty text. flags: those that hold True or False. All others hold numbers, NaN where a cell is
    empty. StudyError when there is no such file, or a column holds something else.
    """
    try:
        columns = pd.read_csv(path, nrows=0).columns
        table = pd.read_csv(
            path,
            dtype={name: str for name in columns if name in words or name in flags},
            keep_default_na=False,
            na_values={name: [""] for name in columns if name not in words},
            lineterminator="\n",  # a carriage return may be part of a name
            low_memory=False,  # else the type of a column could change on its way
        )
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such file; run the rule that makes it") from error
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except ValueError as error:
        raise StudyError(f"{path}: cannot be read as CSV ({str(error).strip()}); delete it and run again") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise StudyError(f"{path}: its rows have more fields than its header; delete it and run again")
    for name in columns:
        if name in flags:
            table[name] = _flags(table[name], path)
        elif name not in words:
            table[name] = _numbers(table[name], path)
    return table


def _flags(column: pd.Series, path: str | Path) -> pd.Series:
    _expect(column, column.isin(YES_OR_NO), path, "True or False")
    return column.map(YES_OR_NO).astype(bool)


def _numbers(column: pd.Series, path: str | Path) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column
    written = column.astype(str)
    _expect(written, column.isna() | pd.to_numeric(written, errors="coerce").notna(), path, "a number")
    return column.astype(float)


def _expect(column: pd.Series, fits: pd.Series, path: str | Path, what: str) -> None:
    if not fits.all():
        row = int((~fits).to_numpy().argmax())
        raise StudyError(
            f"{path}: row {row + 2} has {column.iloc[row]!r} in column {column.name!r}, expected {what}; delete it and "
            "run again"
        )
