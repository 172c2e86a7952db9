"""What figures of paired differences share: a row for each, with its seeds, its mean and its two intervals."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from red_herring.report import style

MEAN, SEEDS = 0.12, -0.2
"""Where in a row its mean and its seeds are drawn."""


def draw_difference(axes: Axes, position: int, row: pd.Series, seeds: pd.Series, colour: str, marker: str) -> None:
    """Large: the mean with its interval on this pool of images, and thin the one on new data; small: each seed.

    row: difference, low, high, low_new, high_new; hollow where there is no interval on this pool.
    """
    axes.scatter(seeds, [position + SEEDS] * len(seeds), s=5, color=colour, alpha=0.7, linewidths=0, zorder=2)
    look: dict[str, Any] = {"linewidth": 1.4, "marker": marker, "markersize": 5}
    style.interval(axes, position + MEAN, row, "difference", colour, **look)
    new = row[["low_new", "high_new"]].astype(float).clip(-1, 1)  # no score differs by more
    axes.plot(new, [position + MEAN] * 2, color=colour, linewidth=0.5)


def beside(axes: Axes, position: int, words: str) -> None:
    """Words to the right of a row."""
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": style.SMALL, "va": "center"}
    axes.text(1.01, position, words, **place)


def p_values(row: pd.Series) -> str:
    """Holm's p in both scopes."""
    return f"p {_p_value(row['p_holm'])} | {_p_value(row['p_new_holm'])}"


def _p_value(p: float) -> str:
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def dress(axes: Axes, titles: list[str], label: str) -> None:
    """titles: of the rows, from above."""
    axes.axvline(0, color="grey", linewidth=0.6, zorder=0.5)
    axes.set_yticks(range(len(titles)), titles)
    axes.set(ylim=(max(len(titles), 1) - 0.5, -0.5), xlabel=label)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)


def keys(table: pd.DataFrame) -> list[Line2D]:
    """The entries of a legend. table: the rows that are drawn."""
    entries = [
        Line2D([], [], color="dimgrey", marker="o", markersize=4.5, label="mean, 95 % on this pool"),
        Line2D([], [], color="dimgrey", marker="o", markersize=2, linestyle="", label="a seed"),
        Line2D([], [], color="dimgrey", linewidth=0.5, label="95 % on new data"),
        Line2D([], [], linestyle="", label="p: Holm, on this pool | on new data"),
    ]
    undefined = (table["difference"].notna() & table["low"].isna()).any()
    return [*entries, style.hollow_key()] if undefined else entries
