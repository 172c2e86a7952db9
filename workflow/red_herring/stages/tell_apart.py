"""How well explanations by spurious models can be told from those by normal ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.report.reading import read_table
from red_herring.report.told_apart import told_apart
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text


def tell_apart(
    tables: Annotated[list[Path], Input("of the analyses that explain, each with the runs that it was asked of")],
    results: Annotated[Path, Input("the folder with the arrays of these analyses")],
    told: Annotated[Path, Output("CSV, one row per run and explanation and one per method and explanation")],
) -> None:
    runs = [read_table(file)[KEYS].drop_duplicates().assign(family=file.stem) for file in tables]
    write_text(told, told_apart(results, pd.concat(runs)).to_csv(index=False))


if __name__ == "__main__":
    command.run(tell_apart)
