"""The mean saliency maps of one task: a row per attribution, a column per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.figures._inputs import only_task, rows_of
from red_herring.report.figures.mean_saliency import draw_row, head, localised_runs, panels
from red_herring.report.scores import methods_shown

TITLE = "All attributions"
CATEGORY = "Figures"
CAPTION_OF = "figures/mean_saliency"
FILES = ["localisation.csv", "localisation/maps"]
ITEMS = {
    "mean_saliency_{task}": {"tasks": "each"},
}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: localisation.csv. study: one task, `attributions`, and else what `mean_saliency` reads."""
    name, task = only_task(study)
    runs = rows_of(localised_runs(files), task=name)
    methods, attributions = methods_shown(study), study["attributions"]
    figure, grid = panels(len(attributions), 1 + len(methods))
    for row, attribution in zip(grid, attributions, strict=True):
        draw_row(row, runs, attribution, task, study)
        row[0].set_ylabel(style.wrapped(style.title(attributions, attribution), 14), fontsize=7)
    head(grid[0], methods)
    figure.suptitle(f"{name}, mean over seeds", fontsize=7)
    return figure
