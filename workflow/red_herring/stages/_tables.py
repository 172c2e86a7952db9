"""What the stages that collect runs have in common."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from red_herring.runtime.files import write_text


def write_tables(tables: dict[str, pd.DataFrame], files: list[Path]) -> None:
    """Each table to the file of its name."""
    for file in files:
        write_text(file, tables[file.stem].to_csv(index=False))
