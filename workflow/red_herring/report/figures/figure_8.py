"""Figure 8: test AUC against the IoU of saliency and mask, one point per run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report.figures import style
from red_herring.report.figures._inputs import has_table, rows_of, runs_expected, table_of

ATTRIBUTION = "gradient"
SCORES = ("iou_gradient", "test_auc")


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: runs.csv, and relation.csv for the rank correlation over all runs of a task, if it is there.

    The colour is the method, the marker its approach; dotted lines are chance. Viviano et al. 2021, Figure 8.
    """
    runs = table_of(files, "runs.csv", "task", "method", *SCORES, "chance_iou_gradient")
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
        lines = [task, style.count(n, runs_expected(study), undefined=len(rows) - n)]
        if relation is not None:
            lines.append(correlation(rows_of(relation, task=task, attribution=ATTRIBUTION)))
        absent = [method for method in study["methods"] if method not in set(rows["method"])]
        if absent:
            lines.append(f"no run: {style.names(absent)}")
        style.head(axes, *lines)
        if n == 0:
            style.say(axes, "no run" if rows.empty else "undefined")
    style.legend(figure, style.keys(study["methods"]))
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


def scatter(axes: Axes, rows: pd.DataFrame, x: str, y: str, methods: Sequence[str], size: float = 18) -> int:
    """A point per row, by method; how many. rows: with `method` and the columns x and y, none of them undefined."""
    for method, colour in style.colours(methods).items():
        own = rows_of(rows, method=method)
        axes.scatter(
            own[x], own[y], s=size, color=colour, marker=style.marker(method), alpha=0.8, linewidths=0,
            label=style.title(method), clip_on=False, zorder=3,
        )  # fmt: skip
    return int(rows["method"].isin(methods).sum())


def chance_lines(axes: Axes, chance: float) -> None:
    """AUC 0.5 across, and upright what a random map would score, if that is known."""
    axes.axhline(0.5, **style.CHANCE)
    if pd.notna(chance):
        axes.axvline(chance, **style.CHANCE)
