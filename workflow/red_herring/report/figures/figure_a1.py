"""Figure A.1: the validation AUC of every trial of the search, per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.figures._inputs import rows_of, table_of
from red_herring.report.scores import methods_of

TITLE = "Figure A.1"
CATEGORY = "Figures"
CAPTION = (
    "The validation AUC of every trial of the search, at the epoch that a run would select (the highest of all "
    "epochs where `tuning.objective` says so). Look how much luck there is in the best of a few, and whether optima "
    "lie on a bound."
)
FILES = ["trials.csv", "searches.csv"]
RELEASED = False

SPREAD = 0.55
"""How far apart the first and last trial of a method stand, in columns."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: trials.csv, and searches.csv, which says whether the best trial lies on the bound of a range.

    From left to right in the order of the search. Viviano et al. 2021, Figure A.1.
    """
    trials = table_of(files, "trials.csv", "task", "method", "trial", "status", "valid_auc")
    searches = table_of(files, "searches.csv", "task", "method", "hyperparameter", "on_bound")
    colours = style.colours(study["methods"])
    figure, panels = style.panels(list(study["tasks"]), height=2.7)
    for task, axes in panels.items():
        rows, methods = rows_of(trials, task=task), methods_of(study, task)
        bounds = set(searches.loc[(searches["task"] == task) & searches["on_bound"].eq(True), "method"])
        for position, method in enumerate(methods):
            own = rows_of(rows, method=method)
            if len(own):
                _draw_search(axes, position, own, colours[method], method in bounds)
        searched = [method for method in methods if method in set(rows["method"])]
        _head(axes, task, rows, searched, methods)
        axes.axhline(0.5, **style.CHANCE)
        axes.set(ylabel="best validation AUC", ylim=(-0.05, 1.05), xlim=(-0.6, len(methods) - 0.4))
        titles = [style.shortened(style.title(methods, method)) for method in methods]
        axes.set_xticks(range(len(methods)), titles, rotation=35, ha="right", rotation_mode="anchor")
    style.legend(figure, _keys())
    return figure


def best_trial(rows: pd.DataFrame) -> pd.Series | None:
    """The trial that the search chose: the highest AUC, the earliest if several; None when all failed."""
    good = rows[rows["status"] == "ok"].dropna(subset="valid_auc").sort_values("trial")
    return None if good.empty else good.loc[good["valid_auc"].astype(float).idxmax()]


def _draw_search(axes: Axes, position: int, rows: pd.DataFrame, colour: str, on_bound: bool) -> None:
    place = position + SPREAD * ((rows["trial"] - 1) / max(rows["trial"].max() - 1, 1) - 0.5)
    good = rows["status"] == "ok"
    look: dict[str, Any] = {"color": colour, "clip_on": False, "zorder": 3}
    axes.scatter(place[good], rows["valid_auc"][good], s=10, alpha=0.6, linewidths=0, **look)
    axes.scatter(place[~good], [0.0] * int((~good).sum()), s=14, linewidths=0.9, marker="x", **look)
    best = best_trial(rows)
    if best is not None:
        fill = "white" if on_bound else colour
        axes.scatter(
            place[best.name], best["valid_auc"], s=52, marker="*", facecolor=fill, edgecolor=colour, linewidths=0.9,
            clip_on=False, zorder=4,
        )  # fmt: skip


def _head(axes: Axes, task: str, rows: pd.DataFrame, searched: list[str], methods: style.Known) -> None:
    if not searched:
        style.head(axes, task, "n = 0 trials")
        style.say(axes, "not searched:\nhyperparameters were given")
        return
    counts = [len(rows_of(rows, method=method)) for method in searched]
    lines = [task, f"{style.count(counts, noun='trials')} each"]
    absent = [method for method in methods if method not in searched]
    style.head(axes, *lines, *([f"no trials: {style.names(methods, absent)}"] if absent else []))


def _keys() -> list[Line2D]:
    def key(label: str, marker: str, **arguments: Any) -> Line2D:
        return Line2D([], [], color="dimgrey", linestyle="", marker=marker, label=label, **arguments)

    return [
        key("trial", "o", markersize=3.5, markeredgewidth=0),
        key("failed", "x", markersize=4),
        key("best", "*", markersize=7),
        key("best, on a bound", "*", markersize=7, markerfacecolor="white"),
    ]
