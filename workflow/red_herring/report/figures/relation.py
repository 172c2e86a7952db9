"""How test AUC and the localisation of each attribution go together: over all runs, within and between methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from red_herring.report import style
from red_herring.report.figures._inputs import rows_of, runs_expected, table_of
from red_herring.report.scores import methods_of
from red_herring.statistics.correlation import EQUIVALENCE_BOUND

TITLE = "Relation"
CATEGORY = "Analyses"
CAPTION_OF = "tables/relation"
FILES = ["tables/relation.csv"]

RELATION = ("task", "attribution", "level", "coefficient", "n", "value", "low", "high")
"""Columns of relation.csv."""

LEVELS = {
    "pooled": ("over all runs", "o", style.GROUP_COLOURS[0]),
    "within": ("within methods", "s", style.GROUP_COLOURS[1]),
    "between": ("between methods", "D", style.GROUP_COLOURS[2]),
}
"""Level -> how it is called, marked and coloured."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: relation.csv. study: `attributions`.

    Spearman's coefficient of test AUC and test IoU with its 95 % interval; in the band there is no relation to speak
    of.
    """
    table = rows_of(table_of(files, "relation.csv", *RELATION), coefficient="spearman")
    attributions = study["attributions"]
    figure, panels = style.panels(list(study["tasks"]), 0.34 * len(attributions) + 0.85, sharex=True, sharey=True)
    for task, axes in panels.items():
        rows = rows_of(table, task=task)
        for position, attribution in enumerate(attributions):
            _draw_attribution(axes, position, rows_of(rows, attribution=attribution))
        _dress(axes, attributions)
        _head(axes, task, rows, study)
    hollow = (table["value"].notna() & table["low"].isna()).any()
    style.legend(figure, [*_keys(), *([style.hollow_key()] if hollow else [])])
    return figure


def _draw_attribution(axes: Axes, position: int, rows: pd.DataFrame) -> None:
    """The levels of one attribution below each other; in words what has no value, a dash what was never given."""
    for number, (level, (_, marker, colour)) in enumerate(LEVELS.items()):
        place = position + 0.26 * (number - 1)
        found = rows_of(rows, level=level)
        if found.empty or pd.isna(found.iloc[0]["value"]):
            words = "–" if found.empty or not found.iloc[0]["n"] > 0 else "undefined"
            axes.text(0.03, place, words, color=colour, fontsize=style.SMALL, va="center")
            continue
        look: dict[str, Any] = {"linewidth": 1.1, "marker": marker, "markersize": 3.4}
        style.interval(axes, place, found.iloc[0], "value", colour, **look)


def _dress(axes: Axes, attributions: style.Known) -> None:
    axes.axvspan(-EQUIVALENCE_BOUND, EQUIVALENCE_BOUND, color="grey", alpha=0.18, linewidth=0, zorder=0)
    axes.axvline(0, color="grey", linewidth=0.6, zorder=0.5)
    names = [style.wrapped(style.title(attributions, attribution), 14) for attribution in attributions]
    axes.set_yticks(range(len(attributions)), names)
    axes.set(xlim=(-1.05, 1.05), ylim=(len(attributions) - 0.5, -0.5), xlabel="Spearman ρ, test AUC and IoU")
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.tick_params(axis="y", length=0, labelsize=style.SMALL + 0.5)
    axes.tick_params(axis="x", labelbottom=True)


def _head(axes: Axes, task: str, rows: pd.DataFrame, study: dict[str, Any]) -> None:
    """n of the pooled and of the between level, over the attributions that were given at all."""
    given = {level: [int(n) for n in rows_of(rows, level=level)["n"].dropna() if n > 0] for level in LEVELS}
    runs = style.count(given["pooled"], runs_expected(study, task))
    methods = style.count(given["between"], len(methods_of(study, task)), "methods").removeprefix("n = ")
    style.head(axes, task, f"{runs}, {methods}")


def _keys() -> list[Line2D | Patch]:
    lines = [
        Line2D([], [], color=colour, marker=marker, markersize=3.4, label=name)
        for name, marker, colour in LEVELS.values()
    ]
    return [*lines, Patch(color="grey", alpha=0.18, linewidth=0, label=f"negligible, |ρ| < {EQUIVALENCE_BOUND:g}")]
