"""How sure the test AUC of every run is, by resampling patients, and that of every method, by resampling seeds too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.figures._inputs import rows_of, runs_expected, table_of
from red_herring.report.scores import methods_of

TITLE = "AUC intervals"
CATEGORY = "Analyses"
CAPTION_OF = "tables/auc_intervals"
FILES = ["auc_intervals.csv"]

INTERVALS = ("task", "method", "seed", "images", "patients", "auc", "low", "high")
"""Columns of auc_intervals.csv."""

RUNS, TOGETHER = 0.5, 0.32
"""The width that the runs of a method take, in columns, and how far to the right of its middle the method stands."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: auc_intervals.csv. A thin line per run in the order of the seeds, a thick one for all of a method."""
    table = table_of(files, "auc_intervals.csv", *INTERVALS)
    colours = style.colours(study["methods"])
    figure, panels = style.panels(list(study["tasks"]), height=2.5, across=2)
    for task, axes in panels.items():
        rows = rows_of(table, task=task)
        methods = methods_of(study, task)
        for position, method in enumerate(methods):
            _draw_method(
                axes, position, rows_of(rows, method=method), colours[method], style.marker(study["methods"], method)
            )
        axes.axhline(0.5, **style.CHANCE)
        axes.set(ylabel="test AUC", ylim=(-0.03, 1.03), xlim=(-0.5, len(methods) - 0.5))
        titles = [style.shortened(style.title(methods, method)) for method in methods]
        axes.set_xticks(range(len(methods)), titles, rotation=35, ha="right", rotation_mode="anchor")
        _head(axes, task, rows.dropna(subset="seed"), study)
    look: dict[str, Any] = {"color": "dimgrey", "linestyle": "-"}
    extra = [
        Line2D([], [], **look, marker=".", markersize=3, linewidth=0.7, label="a run: 95 % over patients"),
        Line2D([], [], **look, marker="o", markersize=4.5, linewidth=2, label="a method: over seeds and patients"),
    ]
    if (table["auc"].notna() & table["low"].isna()).any():
        extra.append(style.hollow_key())
    style.legend(figure, extra)
    return figure


def _draw_method(axes: Axes, position: int, rows: pd.DataFrame, colour: str, marker: str) -> None:
    runs = rows.dropna(subset=["seed", "auc"]).sort_values("seed")
    if runs.empty:
        words = "no run" if rows.empty else "undefined"
        look: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "fontsize": style.SMALL}
        axes.text(position, 0.5, words, color="dimgrey", **look, bbox={"facecolor": "white", "linewidth": 0, "pad": 1})
        return
    places = position - 0.15 + RUNS * (np.arange(len(runs)) - (len(runs) - 1) / 2) / max(len(runs), 3)
    axes.vlines(places, runs["low"], runs["high"], color=colour, linewidth=0.7, alpha=0.8)
    axes.scatter(places, runs["auc"], s=6, color=colour, linewidths=0, clip_on=False, zorder=3)
    for _, row in rows[rows["seed"].isna()].dropna(subset="auc").iterrows():
        place, value = position + TOGETHER, {"marker": marker, "markersize": 4.5}
        style.interval(axes, place, row, "auc", colour, upright=True, linewidth=2, **value)


def _head(axes: Axes, task: str, runs: pd.DataFrame, study: dict[str, Any]) -> None:
    n = int(runs["auc"].notna().sum())
    lines = [task, style.count(n, runs_expected(study, task), undefined=len(runs) - n)]
    if n:
        counted = [style.count(runs[name].astype(int).tolist(), noun=name) for name in ("images", "patients")]
        lines.append(" of ".join(text.removeprefix("n = ") for text in counted) + " each")
    style.head(axes, *lines)
