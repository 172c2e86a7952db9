"""Test AUC against reliance on what is outside the ROI mask, beside test AUC against the IoU of saliency and mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import rows_of, runs_expected, scored_runs, table_of
from red_herring.report.figures.figure_8 import scatter
from red_herring.report.scores import methods_shown
from red_herring.statistics.correlation import spearman

TITLE = "Reliance and localisation"
CATEGORY = "Analyses"
CAPTION = (
    "Test AUC of every run against how far exchanging the outside of the ROI mask moves its logits (left), and against "
    "how well its gradient agrees with the mask (right); dotted lines are a classifier that ignores the nuisance, "
    "a random map, and AUC 0.5. Look which of the two tells the runs that generalise from those that do not, also "
    "within one colour. Exchanging the outside is close to what the shifted test set does: a yardstick, no discovery."
)
FILES = ["runs.csv", "localisation.csv", "reliance.csv"]
ITEMS = {"reliance": {"attribution": "gradient"}}
RELEASED = False

AXES = {
    "relative_reliance": "reliance on the outside (in sd of the logits)",
    "iou_gradient": "test IoU (input gradient)",
}
"""Score -> what its axis is called."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: runs.csv, localisation.csv and reliance.csv. Two panels for each task, a point per run."""
    reliance = table_of(files, "reliance.csv", *KEYS, "relative_reliance")
    runs = scored_runs(files, ["gradient"], "test_auc")
    runs = runs.merge(reliance[[*KEYS, "relative_reliance"]], on=KEYS, how="left")
    places = {f"{task} {score}": (task, score) for task in study["tasks"] for score in AXES}
    figure, panels = style.panels(list(places), height=2.5, across=2)
    for place, axes in panels.items():
        task, score = places[place]
        rows = rows_of(runs, task=task)
        shown = rows.dropna(subset=[score, "test_auc"])
        n = scatter(axes, shown, score, "test_auc", study["methods"])
        axes.axhline(0.5, **style.CHANCE)
        chance = 0.0 if score == "relative_reliance" else rows["chance_iou_gradient"].mean()
        if pd.notna(chance):
            axes.axvline(chance, **style.CHANCE)
        axes.set(xlabel=AXES[score], ylabel="test AUC", ylim=(-0.03, 1.03))
        runs_shown = style.count(n, runs_expected(study, task), undefined=len(rows) - n)
        style.head(axes, task, runs_shown, _in_words(shown, score))
        if n == 0:
            style.say(axes, "no run" if rows.empty else "undefined")
    style.legend(figure, style.keys(study["methods"], methods_shown(study)))
    return figure


def _in_words(rows: pd.DataFrame, score: str) -> str:
    """Spearman's coefficient over the runs, which says nothing of why."""
    value = (
        spearman(rows[score].to_numpy(float), rows["test_auc"].to_numpy(float))[0] if len(rows) > 2 else float("nan")
    )
    return "Spearman ρ undefined" if pd.isna(value) else f"Spearman ρ = {value:z.2f}".replace("-", "−")
