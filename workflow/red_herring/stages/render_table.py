"""One table as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

from red_herring.reference import PUBLISHED_RUNS, PUBLISHED_TABLES
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.stages._shown import known
from red_herring.study.stage_settings import Showing


def render_table(
    settings: Showing,
    table: Annotated[str, "a module of red_herring.report.tables"],
    files: Annotated[list[Path], Input("tables of the study")],
    csv: Annotated[Path, Output()],
    markdown: Annotated[Path, Output()],
    latex: Annotated[Path, Output()],
    html: Annotated[Path, Output()],
) -> None:
    read = [*files, PUBLISHED_TABLES, PUBLISHED_RUNS]
    module = importlib.import_module(f"red_herring.report.tables.{table}")
    found = module.tabulate({file.stem: read_table(file) for file in read}, known(settings))
    write_text(csv, found.to_csv())
    write_text(markdown, found.to_markdown())
    write_text(latex, found.to_latex())
    write_text(html, found.to_html())


if __name__ == "__main__":
    command.run(render_table)
