"""Test AUC against what might tell it: reliance on the outside, the IoU of saliency and mask, a probe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import runs_expected, table_of
from red_herring.report.figures._sweeps import table_if_there
from red_herring.report.figures.figure_8 import scatter
from red_herring.report.predictors import PREDICTORS, UNTRAINED, on_every_task, settings_of, with_predictors
from red_herring.report.scores import methods_shown
from red_herring.report.sweeps import RATIO, named
from red_herring.statistics import correlation

TITLE = "Predictors"
CATEGORY = "Analyses"
CAPTION = (
    "Test AUC of every run against the share of its answer that it owes to the nuisance outside the ROI mask, how well "
    "its map agrees with the mask, and how well the nuisance can be read from its features; dotted lines are AUC 0.5, "
    "a classifier that ignores the outside, a random map, and an untrained network. Look which of them tells the runs "
    "that generalise from those that do not, also within one colour. Exchanging the outside is close to what the "
    "shifted test set does: a yardstick, no discovery."
)
FILES = ["runs.csv", "localisation.csv", "reliance.csv"]
OPTIONAL = ["nuisance_probe.csv"]
ITEMS = {
    "predictors": {},
    "predictors_by_ratio": {"title": "Predictors over ratios", "series": "ratio"},
}
RELEASED = False

LABELS = {
    "relative_reliance": "reliance (share of the answer)",
    "iou": "test IoU",
    "nuisance_auc": "probe: AUC of the nuisance",
}
"""Predictor -> what its axis is called."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: runs.csv, localisation.csv and reliance.csv, and nuisance_probe.csv if the study has it. A row of panels
    for each task or, if the item is of series, for each series of ratios with the runs of all its tasks; a point per
    run.
    """
    attribution, about = next(iter(study["attributions"].items()))
    runs = with_predictors(
        table_of(files, "runs.csv", *KEYS, "test_auc"),
        table_of(files, "localisation.csv", *KEYS, "attribution", "iou", "chance_iou"),
        table_of(files, "reliance.csv", *KEYS, "relative_reliance"),
        table_if_there(files, "nuisance_probe.csv", *KEYS, "nuisance_auc", UNTRAINED),
        attribution,
    )
    predictors = [name for name in PREDICTORS if name in runs]
    of = named(study["series"], RATIO) if "series" in study else {task: [task] for task in study["tasks"]}
    places = {f"{name} {predictor}": (name, predictor) for name in of for predictor in predictors}
    figure, panels = style.panels(list(places), height=2.5, across=len(predictors))
    for place, axes in panels.items():
        name, predictor = places[place]
        rows = runs[runs["task"].isin(of[name])]
        shown = rows.dropna(subset=[predictor, "test_auc"])
        n = scatter(axes, shown, predictor, "test_auc", study["methods"])
        _dress(axes, rows, predictor, about["title"])
        expected = sum(runs_expected(study, task) or 0 for task in of[name]) or None
        counted = style.count(n, expected, undefined=len(rows) - n)
        style.head(axes, name, counted, _in_words(shown, predictor))
        if n == 0:
            style.say(axes, "no run" if rows.empty else "undefined")
    style.legend(figure, style.keys(study["methods"], methods_shown(study)))
    return figure


def _dress(axes: Axes, rows: pd.DataFrame, predictor: str, attribution: str) -> None:
    """Dotted: AUC 0.5, and a classifier that ignores the outside, a random map, or an untrained network."""
    level_of = {"iou": "chance_iou", "nuisance_auc": UNTRAINED}
    chance = rows[level_of[predictor]].mean() if predictor in level_of else 0.0
    axes.axhline(0.5, **style.CHANCE)
    if pd.notna(chance):
        axes.axvline(chance, **style.CHANCE)
    label = f"{LABELS[predictor]} ({attribution})" if predictor == "iou" else LABELS[predictor]
    axes.set(xlabel=label, ylabel="test AUC", ylim=(-0.03, 1.03))


def _in_words(rows: pd.DataFrame, predictor: str) -> str:
    """Spearman's coefficient over the runs, of several tasks over those of methods that run on each, and within
    methods, which says nothing of why.
    """
    comparable = on_every_task(rows, predictor) if len(set(rows["task"])) > 1 else rows
    parts = {"pooled": comparable, "within": rows}
    values = {level: _coefficient(part, predictor, level) for level, part in parts.items()}
    shown = [f"{level} {value:.2f}" for level, value in values.items() if pd.notna(value)]
    return f"ρ {', '.join(shown) or 'undefined'}".replace("-", "−")


def _coefficient(rows: pd.DataFrame, predictor: str, level: str) -> float:
    return correlation.coefficients(
        rows[predictor].to_numpy(float), rows["test_auc"].to_numpy(float), settings_of(rows), rows["seed"].to_numpy()
    )[level]
