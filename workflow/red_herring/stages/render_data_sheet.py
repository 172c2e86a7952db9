"""The data sheet of one source, as Markdown and a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report import style
from red_herring.report.fonts import showable
from red_herring.report.pages import data_sheet
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import read_json, write_text
from red_herring.study.stage_settings import Describing

NAMES = ["group", "findings"]
"""What the figure shows of the user's own."""


def render_data_sheet(
    settings: Describing,
    index: Annotated[Path, Input("CSV of index_source")],
    decoded: Annotated[Path, Input("CSV of prepare_images")],
    about: Annotated[Path, Input("JSON of prepare_images")],
    markdown: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    png: Annotated[Path, Output()],
    anatomy: Annotated[Path | None, Input("CSV of segment_images, if a task has masks of anatomy")] = None,
) -> None:
    listed, images, source = read_table(index), read_table(decoded), read_json(about)
    shares = read_table(anatomy) if anatomy else None
    write_text(markdown, data_sheet.to_markdown(vars(settings), listed, images, source, shares))
    names = showable({name: name for column in NAMES for name in listed[column].unique()})
    shown = listed.assign(**{column: listed[column].map(names) for column in NAMES})
    style.save(data_sheet.draw(vars(settings), shown, images, source), pdf, png)


if __name__ == "__main__":
    command.run(render_data_sheet)
