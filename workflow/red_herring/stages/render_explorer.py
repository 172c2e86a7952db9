"""The interactive page of a study, one HTML file that works without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.pages import explorer
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.stages._shown import known
from red_herring.study.stage_settings import Showing


def render_explorer(
    settings: Showing,
    files: Annotated[list[Path], Input("the tables that it shows, each named after it")],
    maps: Annotated[Path, Input("the folder of localisation; that of weight_randomisation is beside it")],
    html: Annotated[Path, Output()],
) -> None:
    read = {file.stem: read_table(file) for file in files}
    write_text(html, explorer.page(known(settings), read, maps))


if __name__ == "__main__":
    command.run(render_explorer)
