"""What differs between two studies beyond noise, on the terminal and as CSV and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.differences import compared
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError, write_text
from red_herring.study.settings import known_titles


def compare_studies(
    before: Annotated[Path, Input("the folder of a study")],
    after: Annotated[Path, Input("the folder of the other")],
    csv: Annotated[Path, Output()],
    markdown: Annotated[Path, Output()],
) -> None:
    table = compared(read_study(before), read_study(after), (str(before), str(after)), known_titles())
    write_text(csv, table.to_csv())
    write_text(markdown, table.to_markdown())
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
    command.run(compare_studies)
