"""One figure as PDF and PNG."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from red_herring.report import style
from red_herring.report.fonts import showable
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.stages._shown import known
from red_herring.study.stage_settings import Showing


def render_figure(
    settings: Showing,
    figure: Annotated[str, "a module of red_herring.report.figures"],
    pdf: Annotated[Path, Output()],
    png: Annotated[Path, Output()],
    files: Annotated[Sequence[Path], Input("what the figure shows")] = (),
) -> None:
    module = importlib.import_module(f"red_herring.report.figures.{figure}")
    study = known(settings) | {"tasks": showable(settings.tasks)}
    style.save(module.draw(files, study), pdf, png)


if __name__ == "__main__":
    command.run(render_figure)
