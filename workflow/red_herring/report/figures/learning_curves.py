"""Figure 4 (and A.2 for the X-ray tasks): validation AUC over the epochs, mean and standard deviation over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from red_herring.report import style
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.scores import methods_of, methods_shown

TITLE = "Learning curves"
CATEGORY = "Figures"
CAPTION = (
    "Validation AUC over the epochs, mean and standard deviation over seeds. A line of DFR is of the classifier before "
    "its last layer is fitted again, and one of JTT begins with its first stage. {in_validation}"
)
FILES = ["histories.csv"]
ITEMS = {
    "figure_4": {"title": "Figure 4", "tasks": ["synthetic"]},
    "figure_a2": {"title": "Figure A.2", "tasks": ["spc", "no_spc", "vpc", "no_vpc"]},
    "learning_curves": {"tasks": "others"},
}
IN_VALIDATION = {
    "shifted": (
        "the validation set has the shifted relation, so a curve below one half is a method that uses the nuisance"
    ),
    "in_distribution": (
        "the validation set has the relation of training, so the nuisance alone scores as high as there, and a "
        "high curve may be of a method that uses nothing else"
    ),
    "balanced": (
        "nuisance and finding are unrelated in the validation set, so the nuisance alone scores one half, and a "
        "curve above it is a method that uses something else"
    ),
}

FEW = 20
"""With at most so many epochs each has a dot."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: histories.csv.

    A line is dotted where some of its seeds are no longer trained or have no AUC: a mean of fewer, and of other, seeds.
    Viviano et al. 2021, Figures 4 and A.2.
    """
    table = table_of(files, "histories.csv", "task", "method", "seed", "epoch", "valid_auc")
    figure, panels = style.panels(list(study["tasks"]), height=2.5)
    colours, fewer = style.colours(study["methods"]), False
    for task, axes in panels.items():
        rows = rows_of(table, task=task)
        curves = {method: curve(rows_of(rows, method=method)) for method in methods_of(study, task)}
        drawn = {method: points for method, points in curves.items() if len(points)}
        for method, points in drawn.items():
            look = {"color": colours[method], "linestyle": style.line(study["methods"], method)}
            fewer |= _draw_curve(axes, style.title(study["methods"], method), points, look)
        axes.axhline(0.5, **style.CHANCE)
        axes.set(xlabel="epoch", ylabel="validation AUC", ylim=(-0.03, 1.03))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _head(axes, task, curves, set(rows["method"]), study)
    extra: list[Artist] = [Patch(color="grey", alpha=0.3, linewidth=0, label="± 1 sd over seeds")]
    if fewer:
        extra.append(Line2D([], [], color="grey", linestyle=":", label="mean of fewer seeds"))
    keys = style.keys(study["methods"], methods_shown(study), markers=False, lines=True)
    style.legend(figure, [*keys, *extra])
    return figure


def curve(rows: pd.DataFrame) -> pd.DataFrame:
    """By epoch the mean and sample standard deviation over the seeds that have an AUC, and their number n.

    rows: of one task and method in histories.csv.
    """
    defined = rows.dropna(subset="valid_auc").astype({"valid_auc": float})
    points = defined.groupby("epoch")["valid_auc"].agg(["mean", "std", "size"])
    return points.set_axis(["mean", "sd", "n"], axis=1)


def _draw_curve(axes: Axes, title: str, points: pd.DataFrame, look: dict[str, str]) -> bool:
    """The line, and the band where there are two seeds or more; whether a part of the line is of fewer seeds."""
    whole = points["n"] == points["n"].max()
    style_of_line: dict[str, Any] = look | {"marker": "." if len(points) <= FEW else "", "markersize": 3}
    if not whole.all():
        axes.plot(points.index, points["mean"], **(style_of_line | {"linestyle": ":", "linewidth": 0.9}))
    axes.plot(points.index, points["mean"].where(whole), label=title, **style_of_line)
    low, high = points["mean"] - points["sd"], points["mean"] + points["sd"]
    if (points["n"] > 1).any():
        axes.fill_between(points.index, low, high, where=points["n"] > 1, color=look["color"], alpha=0.15, linewidth=0)
    return not whole.all()


def _head(axes: Axes, task: str, curves: dict[str, pd.DataFrame], there: set[str], study: dict[str, Any]) -> None:
    """there: the methods that have any epoch, with an AUC or not."""
    methods, expected = study["methods"], seeds_expected(study)
    seeds = {method: int(points["n"].max()) for method, points in curves.items() if len(points)}
    lines = [task, style.count(seeds.values(), expected, "seeds")]
    single = [method for method, n in seeds.items() if n == 1]
    if single:
        lines.append(f"one seed, no band: {'all' if len(single) == len(curves) else style.names(methods, single)}")
    absent = [method for method in curves if method not in there]
    if absent:
        lines.append(f"no run: {style.names(methods, absent)}")
    undefined = [method for method in curves if method in there and method not in seeds]
    if undefined:
        lines.append(f"undefined: {style.names(methods, undefined)}")
    style.head(axes, *lines)
