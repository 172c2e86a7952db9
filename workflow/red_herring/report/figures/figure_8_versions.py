"""Figure 8 for other ways to see: a row per attribution, a column per task, for one measure of localisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import rows_of, runs_expected, table_of
from red_herring.report.figures.figure_8 import chance_lines, scatter
from red_herring.report.scores import methods_shown
from red_herring.runtime.files import StudyError
from red_herring.study.names import MEASURES

TITLE = "Figure 8 of all attributions"
CATEGORY = "Figures"
CAPTION_OF = "figures/figure_8"
FILES = ["runs.csv", "localisation.csv"]
ITEMS = {
    "figure_8_iou": {"title": "Figure 8, IoU of all attributions", "measure": "iou"},
    "figure_8_iop": {"title": "Figure 8, IoP of all attributions", "measure": "iop"},
    "figure_8_iot": {"title": "Figure 8, IoT of all attributions", "measure": "iot"},
}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: localisation.csv for the measure, runs.csv for the test AUC. study: `measure`, one of MEASURES, and
    `attributions`. All panels have the same scales, so that they can be compared.
    """
    measure = study["measure"]
    if measure not in MEASURES:
        raise StudyError(f"measure: is {measure!r}, expected one of {', '.join(MEASURES)}; correct the settings")
    tasks, attributions = list(study["tasks"]), study["attributions"]
    table = scores(files, measure)
    width = style.COLUMN if len(tasks) == 1 else style.PAGE
    figure = Figure(figsize=(width, 0.83 * len(attributions) + 1.1))
    grid = figure.subplots(len(attributions), len(tasks), squeeze=False, sharex=True, sharey=True)
    for number, (row, attribution) in enumerate(zip(grid, attributions, strict=True)):
        for axes, task in zip(row, tasks, strict=True):
            rows = rows_of(table, task=task, attribution=attribution)
            n = scatter(axes, rows.dropna(subset=[measure, "test_auc"]), measure, "test_auc", study["methods"], 9)
            chance_lines(axes, rows[f"chance_{measure}"].mean())
            lines = [style.count(n, runs_expected(study, task), undefined=len(rows) - n)]
            style.head(axes, *([] if number else [task]), *lines)
            if n == 0:
                style.say(axes, "no run" if rows.empty else "undefined", fontsize=style.SMALL)
        name = style.wrapped(style.title(attributions, attribution), 12)
        row[0].set_ylabel(name, fontsize=style.SMALL, rotation=0, ha="right", va="center")
    grid[0, 0].set(xlim=(0, None), ylim=(-0.05, 1.05), yticks=[0, 0.5, 1])
    for axes in grid[-1]:
        axes.set_xlabel(f"test {MEASURES[measure]}", fontsize=7)
    figure.supylabel("test AUC", fontsize=8)
    style.legend(figure, style.keys(study["methods"], methods_shown(study)))
    return figure


def scores(files: list[Path], measure: str) -> pd.DataFrame:
    """The rows of localisation.csv with the test AUC of their runs."""
    table = table_of(files, "localisation.csv", *KEYS, "attribution", measure, f"chance_{measure}")
    runs = table_of(files, "runs.csv", *KEYS, "test_auc")
    return table.merge(runs[[*KEYS, "test_auc"]], on=KEYS, how="left")
