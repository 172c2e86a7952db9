"""What the search tried on one task: validation AUC against each hyperparameter, a row of panels per method."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from red_herring.report import style
from red_herring.report.figures._inputs import only_task, rows_of, table_of
from red_herring.report.scores import methods_of

TITLE = "Hyperparameters"
CATEGORY = "Analyses"
CAPTION = (
    "Validation AUC of every trial against each hyperparameter. A best trial at the end of a range is flagged: a "
    "wider range may do better."
)
FILES = ["trials.csv", "searches.csv"]
ITEMS = {
    "hyperparameters_{task}": {"tasks": "each"},
}

SEARCH = ("task", "method", "hyperparameter", "law", "low", "high", "best", "on_bound")
"""Columns of searches.csv."""

LOG = "log-uniform"
FLAGGED = "#B00000"
"""Dark red, for what lies on a bound; it comes with words."""

MARGIN = 0.1
"""What is shown beyond each end of a range, in ranges."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: searches.csv, and trials.csv for what was tried. study: one task.

    The ends of a range are dashed, its best value is starred and written. Where nothing was searched, it stands on a
    line from one end of the range to the other. The scale is logarithmic where the law is; a 0 there, which switches a
    loss off, stands before the lower end.
    """
    task, _ = only_task(study)
    searches = rows_of(table_of(files, "searches.csv", *SEARCH), task=task)
    searches = searches.assign(on_bound=searches["on_bound"].eq(True))
    trials = rows_of(table_of(files, "trials.csv", "task", "method", "trial", "status", "valid_auc"), task=task)
    columns = list(dict.fromkeys(searches["hyperparameter"])) or ["lr"]
    methods, colours = methods_of(study, task), style.colours(study["methods"])
    figure = Figure(figsize=(style.PAGE, (0.95 if len(trials) else 0.6) * len(methods) + 0.6))
    grid = figure.subplots(len(methods), len(columns), squeeze=False)
    for row, method in zip(grid, methods, strict=True):
        own = rows_of(trials, method=method)
        ranges = rows_of(searches, method=method).set_index("hyperparameter")
        for axes, name in zip(row, columns, strict=True):
            if name in ranges.index:
                _panel(axes, ranges.loc[name], own, colours[method])
            else:
                _blank(axes)
        _label(row[0], style.title(methods, method), own, bool(len(ranges)), bool(len(trials)))
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(style.wrapped(name.replace("_", " "), 16), fontsize=7)
    shown = "best validation AUC of each trial, best" if len(trials) else "n = 0 trials known, chosen values"
    figure.suptitle(f"{task}: {shown} starred; red: on a bound of its range", fontsize=7.5)
    return figure


def _panel(axes: Axes, search: pd.Series, trials: pd.DataFrame, colour: str) -> None:
    if pd.isna(search["low"]):
        _blank(axes)
        style.say(axes, f"given:\n{_number(search['best'])}")
        return
    tried = trials[search.name].dropna() if search.name in trials else pd.Series(dtype=float)
    _scale(axes, search, [*tried, search["best"]])
    if len(trials):
        for end in (search["low"], search["high"]):
            axes.plot([end, end], [0, 1], color="grey", linewidth=0.6, linestyle="--")
        good = trials["status"] == "ok"
        look: dict[str, Any] = {"color": colour, "clip_on": False, "zorder": 3}
        axes.scatter(trials[search.name][good], trials["valid_auc"][good], s=9, alpha=0.7, linewidths=0, **look)
        axes.scatter(trials[search.name][~good], [0.0] * int((~good).sum()), s=12, linewidths=0.9, marker="x", **look)
        axes.set(ylim=(-0.06, 1.5), yticks=[0, 0.5, 1])
    else:
        axes.plot([search["low"], search["high"]], [0.4, 0.4], color="grey", linewidth=0.8, marker="|", markersize=6)
        axes.set(ylim=(0, 1.5), yticks=[])
        axes.spines[["left", "bottom"]].set_visible(False)
    _star(axes, search, trials, colour)


def _scale(axes: Axes, search: pd.Series, values: list[float]) -> None:
    """The horizontal axis: the range with some margin, or more if a value lies outside, ticks at its ends."""
    low, high = search["low"], search["high"]
    shown = [low, high, *(value for value in values if value > 0 or search["law"] != LOG)]
    shown = [value for value in shown if not math.isnan(value)]
    if search["law"] == LOG:
        axes.set_xscale("log")
        margin = (high / low) ** MARGIN
        axes.set_xlim(min(shown) / margin, max(shown) * margin)
    else:
        margin = (high - low) * MARGIN
        axes.set_xlim(min(shown) - margin, max(shown) + margin)
    axes.set_xticks([low, high], [_number(low), _number(high)], fontsize=style.SMALL)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", labelsize=style.SMALL)
    axes.tick_params(length=2, pad=1.5)


def _star(axes: Axes, search: pd.Series, trials: pd.DataFrame, colour: str) -> None:
    """The best value at the highest AUC, and in words above, in red when it lies on a bound."""
    best, on_bound = search["best"], search["on_bound"]
    if pd.isna(best):
        axes.text(0.5, 0.98, "best undefined", transform=axes.transAxes, ha="center", va="top", fontsize=style.SMALL)
        return
    off = search["law"] == LOG and best <= 0
    auc = trials.loc[trials["status"] == "ok", "valid_auc"].max() if len(trials) else 0.4
    place = axes.get_xlim()[0] if off else best
    edge = FLAGGED if on_bound else "black"
    axes.scatter(
        [place], [auc], s=48, marker="*", facecolor=colour, edgecolor=edge, linewidths=0.7, clip_on=False, zorder=4
    )
    words = f"{_number(best)}{' (off)' if off else ''}{', on bound' if on_bound else ''}"
    axes.text(
        0.5, 0.99, words, transform=axes.transAxes, ha="center", va="top", fontsize=style.SMALL,
        color=FLAGGED if on_bound else "black",
    )  # fmt: skip


def _label(axes: Axes, title: str, trials: pd.DataFrame, has_ranges: bool, searched: bool) -> None:
    name = style.wrapped(title, 14)
    failed = int((trials["status"] == "failed").sum())
    text = f"{name}\n{style.count(len(trials), noun='trials')}" + (f",\n{failed} failed" if failed else "")
    if not has_ranges:
        text = f"{name}\nno search"
    elif not searched:
        text = name
    axes.set_ylabel(text, fontsize=style.SMALL, rotation=0, ha="right", va="center")


def _blank(axes: Axes) -> None:
    """Nothing but, perhaps, a label."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _number(value: float) -> str:
    """Three digits at most, powers of ten as such."""
    if value > 0 and not 1e-2 < value < 1e4:
        mantissa, exponent = f"{value:.1e}".split("e")
        factor = "" if mantissa == "1.0" else rf"{float(mantissa):g} \times "
        return rf"${factor}10^{{{int(exponent)}}}$"
    return f"{value:.3g}"
