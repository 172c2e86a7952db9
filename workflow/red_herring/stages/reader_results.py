"""What readers answered about the models of a study, from the files that they saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.pages.reader import read_key
from red_herring.report.reader_answers import read_answers
from red_herring.report.reader_results import results
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.settings import known_titles


def reader_results(
    key: Annotated[Path, Input("CSV of reader")],
    answers: Annotated[list[Path], Input("CSVs that the pages saved")],
    csv: Annotated[Path, Output()],
    markdown: Annotated[Path, Output()],
) -> None:
    table = results(read_answers(answers, read_key(key)), known_titles())
    write_text(csv, table.to_csv())
    write_text(markdown, table.to_markdown())


if __name__ == "__main__":
    command.run(reader_results)
