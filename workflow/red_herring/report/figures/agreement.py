"""Whether two attributions order the runs of a task alike: Spearman's coefficient of their IoU, per task."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from red_herring.report import style
from red_herring.report.figures._inputs import rows_of, runs_expected, table_of

TITLE = "Agreement"
CATEGORY = "Analyses"
CAPTION_OF = "tables/agreement"
FILES = ["tables/agreement.csv"]

AGREEMENT = ("task", "attribution_a", "attribution_b", "n", "value")
"""Columns of agreement.csv."""

RANGE = Normalize(-1, 1)
SCALE = ScalarMappable(RANGE, "RdBu_r")
HATCH: dict[str, Any] = {"facecolor": "white", "edgecolor": "grey", "hatch": "/////", "linewidth": 0}
"""How an undefined coefficient looks."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: agreement.csv. study: `attributions`; with fewer than two there is nothing to compare."""
    attributions = study["attributions"]
    table = table_of(files, "agreement.csv", *AGREEMENT)
    small = len(attributions) <= 4
    figure, panels = style.panels(list(study["tasks"]), 0.21 * len(attributions) + 1.5, across=3 if small else 2)
    for task, axes in panels.items():
        rows = rows_of(table, task=task)
        counts = [int(n) for n in rows["n"].dropna() if n > 0]
        style.head(axes, task, style.count(counts, runs_expected(study, task)))
        _label(axes, attributions)
        if len(attributions) > 1:
            _draw_matrix(axes, matrix(rows, attributions))
        else:
            style.say(axes, "fewer than two attributions")
    bar = figure.colorbar(SCALE, ax=list(panels.values()), shrink=0.6, pad=0.02, aspect=25)
    bar.set_label("Spearman ρ of two IoUs over runs", fontsize=7)
    bar.ax.tick_params(labelsize=style.SMALL)
    if any(axes.patches for axes in panels.values()):
        style.legend(figure, [Patch(**HATCH, label="undefined")])
    return figure


def matrix(rows: pd.DataFrame, attributions: Iterable[str]) -> np.ndarray:
    """The coefficients of a task, symmetric, [attributions, attributions]; NaN where undefined, and on the diagonal."""
    place = {attribution: number for number, attribution in enumerate(attributions)}
    values = np.full((len(place), len(place)), np.nan)
    for row in rows.itertuples():
        if row.attribution_a in place and row.attribution_b in place:
            a, b = place[row.attribution_a], place[row.attribution_b]
            values[a, b] = values[b, a] = row.value
    return values


def _draw_matrix(axes: Axes, values: np.ndarray) -> None:
    """The part below the diagonal, with its numbers."""
    below = np.tril(np.ones(values.shape, bool), -1)
    shown = np.where(below, values, np.nan)[1:, :-1]
    axes.imshow(shown, cmap=SCALE.cmap, norm=RANGE, aspect="auto")
    for row, column in zip(*np.nonzero(below), strict=True):
        value, place = values[row, column], (column, row - 1)
        if np.isnan(value):
            axes.add_patch(Rectangle((place[0] - 0.5, place[1] - 0.5), 1, 1, **HATCH))
        else:
            ink = "white" if abs(value) > 0.6 else "black"
            axes.text(*place, _number(value), ha="center", va="center", fontsize=style.SMALL, color=ink)


def _number(value: float) -> str:
    """Two digits without the leading zero: `.87`, `−.04`, `1`."""
    text = f"{value:z.2f}".replace("0.", ".").replace("-", "−")
    return text.removesuffix(".00") if text.endswith("1.00") else text


def _label(axes: Axes, attributions: style.Known) -> None:
    titles = [style.title(attributions, attribution) for attribution in attributions]
    axes.set_xticks(
        range(len(titles) - 1), titles[:-1], rotation=40, ha="right", rotation_mode="anchor", fontsize=style.SMALL
    )
    axes.set_yticks(range(len(titles) - 1), titles[1:], fontsize=style.SMALL)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
