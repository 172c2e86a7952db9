"""What differs between two studies beyond noise, on the terminal and as CSV and Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from red_herring.files import StudyError, write_text
from red_herring.results.differences import compared
from red_herring.results.reading import read_table
from red_herring.stages import command


def main(given: argparse.Namespace) -> None:
    before, after = read_study(given.before), read_study(given.after)
    table = compared(before, after, (str(given.before), str(given.after)))
    write_text(given.csv, table.to_csv())
    write_text(given.markdown, table.to_markdown())
    print(table.to_markdown())


def read_study(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of the runs in the folder of a study; StudyError if they are not there."""
    files = {name: folder / f"{name}.csv" for name in ("runs", "localisation")}
    for file in files.values():
        if not file.is_file():
            raise StudyError(
                f"{file}: there is no such file; expected the folder of a study, such as results/published"
            )
    return {name: read_table(file) for name, file in files.items()}


if __name__ == "__main__":
    arguments = command.Arguments(__doc__, settings=False)
    arguments.add_argument("--before", type=Path, required=True, help="input: the folder of a study")
    arguments.add_argument("--after", type=Path, required=True, help="input: the folder of the other")
    arguments.add_output("--csv")
    arguments.add_output("--markdown")
    command.run(main, arguments)
