"""What the stages that collect runs have in common."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from red_herring.runtime.files import write_text

INCOMPLETE = ("incomplete.md", "incomplete")
"""What was made of the runs that were there while others were missing."""


def drop_incomplete(results: Path) -> None:
    """Once there is the whole."""
    (results / INCOMPLETE[0]).unlink(missing_ok=True)
    shutil.rmtree(results / INCOMPLETE[1], ignore_errors=True)


def write_tables(tables: dict[str, pd.DataFrame], files: list[Path]) -> None:
    """Each table to the file of its name."""
    for file in files:
        write_text(file, tables[file.stem].to_csv(index=False))
