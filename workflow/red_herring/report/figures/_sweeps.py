"""What figures of series of tasks share: values side by side, methods a little apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.figures._inputs import has_table, rows_of, table_of
from red_herring.report.sweeps import in_words

WIDTH = 0.7
"""The width that the methods take at a value, of the distance between two."""


def table_if_there(files: Collection[Path], name: str, *columns: str) -> pd.DataFrame | None:
    """The table called `name`, if the study has it."""
    return table_of(files, name, *columns) if has_table(files, name) else None


class Look(NamedTuple):
    """Of a line: its colour, the marker of its means, and how it is drawn."""

    colour: str
    marker: str
    line: str


def draw_methods(
    axes: Axes, means: pd.DataFrame, seeds: pd.DataFrame, values: Sequence[float], study: dict[str, Any]
) -> None:
    """`draw_lines` of the methods that are there, in display order."""
    methods = study["methods"]
    there = [method for method in methods if method in set(means["method"])]
    colours = style.colours(methods)
    looks = {name: Look(colours[name], style.marker(methods, name), style.line(methods, name)) for name in there}
    draw_lines(axes, means, seeds, values, looks)


def draw_lines(
    axes: Axes,
    means: pd.DataFrame,
    seeds: pd.DataFrame,
    values: Sequence[float],
    looks: Mapping[str, Look],
    width: float = WIDTH,
) -> None:
    """For each method of `looks` a line over the values, which are evenly spaced: the means with their intervals, and
    each seed as a small point. Hollow where the interval is undefined.

    means: method, value, mean, low, high. seeds: method, value, score. width: that the lines take at a value.
    """
    apart = width * ((np.arange(len(looks)) + 0.5) / max(len(looks), 1) - 0.5)
    place_of = {value: place for place, value in enumerate(values)}
    for (method, (colour, marker, line)), shift in zip(looks.items(), apart, strict=True):
        own = rows_of(means, method=method).dropna(subset="mean").sort_values("value", kind="stable")
        places = own["value"].map(place_of) + shift
        axes.plot(places, own["mean"], color=colour, linestyle=line, linewidth=0.8, zorder=2)
        axes.vlines(places, own["low"], own["high"], color=colour, linewidth=0.6, alpha=0.5)
        points = rows_of(seeds, method=method)
        seed_places = points["value"].map(place_of) + shift
        axes.scatter(seed_places, points["score"], s=3, color=colour, alpha=0.5, linewidths=0, zorder=2)
        for place, mean, undefined in zip(places, own["mean"], own["low"].isna(), strict=True):
            look: dict[str, Any] = {"marker": marker, "markersize": 3.5, "markeredgewidth": 0.7, "clip_on": False}
            look["markerfacecolor"] = "white" if undefined else colour
            axes.plot([place], [mean], color=colour, linestyle="", zorder=3, **look)
    axes.set_xticks(range(len(values)), in_words(values))
    axes.set_xlim(-0.5, len(values) - 0.5)


def keys(study: dict[str, Any], shown: Collection[str], means: pd.DataFrame) -> list[Line2D]:
    """The entries of a legend: the methods that are shown, an interval, a seed."""
    return [*style.keys(study["methods"], shown, lines=True), *seed_keys(means)]


def seed_keys(means: pd.DataFrame) -> list[Line2D]:
    """The entries of a legend for an interval, a seed, and a mean without an interval if there is one."""
    entries = [
        Line2D([], [], color="dimgrey", linewidth=0.6, label="95 % over seeds (t)"),
        Line2D([], [], color="dimgrey", marker="o", markersize=2, linestyle="", label="a seed"),
    ]
    undefined = (means["mean"].notna() & means["low"].isna()).any()
    return [*entries, style.hollow_key()] if undefined else entries
