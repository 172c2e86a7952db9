"""What each process that was measured says of its coverage, before all is put together."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def remove_half_written(folder: Path) -> list[Path]:
    """Those of processes that were killed while they wrote, which would end the run; those removed."""
    removed = [file for file in folder.glob(".coverage.*") if not is_whole(file)]
    for file in removed:
        file.unlink()
    return removed


def is_whole(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("select * from coverage_schema")
            return database.execute("pragma quick_check").fetchone() == ("ok",)
    except sqlite3.DatabaseError:
        return False
