"""Figure 8: test AUC against the IoU of saliency and mask, one point per run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.figures._inputs import has_table, rows_of, runs_expected, scored_runs, table_of
from red_herring.report.scores import methods_of, methods_shown

TITLE = "Figure 8"
CATEGORY = "Figures"
CAPTION = (
    "Test AUC against agreement of saliency and ROI mask, one point per run; dotted lines are chance. If saliency "
    "told which classifiers generalise, the points of every panel and of every method would rise to the right."
)
FILES = ["runs.csv", "localisation.csv", "tables/relation.csv"]
ITEMS = {
    "figure_8": {"attribution": "gradient"},
}

ATTRIBUTION = "gradient"
SCORES = ("iou_gradient", "test_auc")


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: runs.csv and localisation.csv; relation.csv for the rank correlation of a task, if it is there.

    The colour is the method, the marker its approach; dotted lines are chance. Viviano et al. 2021, Figure 8.
    """
    runs = scored_runs(files, [ATTRIBUTION], "test_auc")
    relation = None
    if has_table(files, "relation.csv"):
        relation = table_of(files, "relation.csv", *RELATION)
    figure, panels = style.panels(list(study["tasks"]), height=2.7)
    for task, axes in panels.items():
        rows = rows_of(runs, task=task)
        n = scatter(axes, rows.dropna(subset=list(SCORES)), *SCORES, study["methods"])
        chance_lines(axes, rows["chance_iou_gradient"].mean())
        axes.set(xlabel="test IoU (input gradient)", ylabel="test AUC", ylim=(-0.03, 1.03))
        axes.set_xlim(left=0)
        lines = [task, style.count(n, runs_expected(study, task), undefined=len(rows) - n)]
        if relation is not None:
            lines.append(correlation(rows_of(relation, task=task, attribution=ATTRIBUTION)))
        absent = [method for method in methods_of(study, task) if method not in set(rows["method"])]
        if absent:
            lines.append(f"no run: {style.names(study['methods'], absent)}")
        style.head(axes, *lines)
        if n == 0:
            style.say(axes, "no run" if rows.empty else "undefined")
    style.legend(figure, style.keys(study["methods"], methods_shown(study)))
    return figure


RELATION = ("task", "attribution", "level", "coefficient", "value", "low", "high")
"""Columns of relation.csv."""


def correlation(relation: pd.DataFrame) -> str:
    """Spearman's coefficient over all runs with its 95 % interval, in words. relation: rows of one task and measure."""
    row = rows_of(relation, level="pooled", coefficient="spearman")
    if row.empty or row["value"].isna().all():
        return "Spearman ρ undefined"
    value, low, high = row.iloc[0][["value", "low", "high"]]
    interval = "(no interval)" if pd.isna(low) or pd.isna(high) else f"[{low:z.2f}, {high:z.2f}]"
    return f"Spearman ρ = {value:z.2f} {interval}".replace("-", "−")


def scatter(axes: Axes, rows: pd.DataFrame, x: str, y: str, methods: style.Known, size: float = 18) -> int:
    """A point per row, by method; how many. rows: with `method` and the columns x and y, none of them undefined."""
    for method, colour in style.colours(methods).items():
        own = rows_of(rows, method=method)
        axes.scatter(
            own[x], own[y], s=size, color=colour, marker=style.marker(methods, method), alpha=0.8, linewidths=0,
            label=style.title(methods, method), clip_on=False, zorder=3,
        )  # fmt: skip
    return int(rows["method"].isin(methods).sum())


def chance_lines(axes: Axes, chance: float) -> None:
    """AUC 0.5 across, and upright what a random map would score, if that is known."""
    axes.axhline(0.5, **style.CHANCE)
    if pd.notna(chance):
        axes.axvline(chance, **style.CHANCE)
