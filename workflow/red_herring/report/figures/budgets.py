"""What masks for a part of the training images are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.figures._sweeps import draw_methods, keys
from red_herring.report.sweeps import benefits

TITLE = "Benefit of masks by budget"
CATEGORY = "Analyses"
CAPTION_OF = "tables/budgets"
FILES = ["runs.csv", "tables/budgets.csv"]
ITEMS = {"budgets": {"series": "mask.budget"}}
RELEASED = False

BUDGETS = ("series", "budget", "method", "score", "n", "mean", "low", "high")
"""Columns of budgets.csv."""

LABELS = {"auc": "AUC, shifted", "benefit": "benefit in AUC"}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: budgets.csv, and runs.csv for the seeds. For each series the AUC and beside it the benefit."""
    table = table_of(files, "budgets.csv", *BUDGETS)
    runs = benefits(table_of(files, "runs.csv", *KEYS, "test_auc"), study)
    places = {f"{series}\n{score}": (series, score) for series in dict.fromkeys(table["series"]) for score in LABELS}
    figure, panels = style.panels(list(places), height=2.4, across=2)
    for place, axes in panels.items():
        series, score = places[place]
        rows = rows_of(table, series=series, score=score)
        _draw_panel(axes, rows, rows_of(runs, series=series), score, study)
        axes.set(xlabel="share of training images with a mask (not to scale)", ylabel=LABELS[score])
        style.head(axes, series, style.count([int(n) for n in rows["n"]], seeds_expected(study), "seeds"))
    style.legend(figure, keys(study, set(table["method"]), table), handlelength=2.8)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, runs: pd.DataFrame, score: str, study: dict[str, Any]) -> None:
    """rows: of one series and score; runs: of the series."""
    low, high, level = (0, 1, 0.5) if score == "auc" else (-1, 1, 0.0)
    means = rows.assign(value=rows["budget"], low=rows["low"].clip(lower=low), high=rows["high"].clip(upper=high))
    seeds = runs.assign(value=runs["budget"], score=runs[score]).dropna(subset="score")
    draw_methods(axes, means, seeds, sorted(set(rows["budget"])), study)
    axes.axhline(level, **style.CHANCE)
    axes.set_ylim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    if rows["mean"].isna().all():
        style.say(axes, "undefined: no run of Classification")
