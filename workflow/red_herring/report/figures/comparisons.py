"""How much each method differs from Classification, seed by seed, on each task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.figures._differences import beside, draw_difference, dress, keys, p_values
from red_herring.report.figures._inputs import rows_of, runs_expected, scored_runs, seeds_expected, table_of
from red_herring.report.scores import methods_of
from red_herring.study.names import BASELINE

TITLE = "Comparisons"
CATEGORY = "Analyses"
CAPTION_OF = "tables/comparisons"
FILES = ["runs.csv", "localisation.csv", "tables/comparisons.csv"]
ITEMS = {
    "comparisons": {"score": "test_auc"},
    "comparisons_iou": {"title": "Comparisons of IoU", "score": "iou_gradient", "attribution": "gradient"},
}

COMPARISON = (
    *("task", "score", "method", "collapsed", "paired", "difference"),
    *("low", "high", "p_holm", "low_new", "high_new", "p_new_holm"),
)
"""Columns of comparisons.csv."""

SCORES = {"test_auc": "test AUC", "iou_gradient": "test IoU (input gradient)"}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: comparisons.csv, and for the seeds runs.csv and localisation.csv. study: `score`, a key of SCORES,
    test_auc unless given; the `attribution` that the score is of, if any.

    Large: the mean over the seeds that a method shares with Classification, with its 95 % bootstrap interval on this
    pool of images, and thin the one on new data; small: each of these seeds. To the right Holm's p on this pool and on
    new data, and the share of collapsed runs if there are any.
    """
    score = study.get("score", "test_auc")
    table = rows_of(table_of(files, "comparisons.csv", *COMPARISON), score=score)
    runs = scored_runs(files, [study["attribution"]] if "attribution" in study else [], "test_auc")
    compared = {task: [method for method in methods_of(study, task) if method != BASELINE] for task in study["tasks"]}
    colours, most = style.colours(study["methods"]), max(map(len, compared.values()))
    figure, panels = style.panels(list(study["tasks"]), height=0.3 * most + 0.85, across=2)
    for task, axes in panels.items():
        own, methods = rows_of(runs, task=task), compared[task]
        rows = rows_of(table, task=task).set_index("method").reindex(list(methods_of(study, task)))
        for position, method in enumerate(methods):
            row, seeds = rows.loc[method], differences(own, method, score)
            draw_difference(axes, position, row, seeds, colours[method], style.marker(study["methods"], method))
            beside(axes, position, _words(row, method in set(own["method"])))
        titles = [style.shortened(style.title(study["methods"], method), 18) for method in methods]
        dress(axes, titles, f"difference to Classification, {SCORES[score]}")
        _head(axes, task, own[score], rows, study)
    style.legend(figure, keys(table))
    return figure


def differences(runs: pd.DataFrame, method: str, score: str) -> pd.Series:
    """Seed -> score of the method - score of Classification, of the seeds that both have. runs: those of one task."""
    of = {name: rows_of(runs, method=name).set_index("seed")[score].astype(float) for name in (method, BASELINE)}
    return (of[method] - of[BASELINE]).dropna()


def _words(row: pd.Series, has_run: bool) -> str:
    if not has_run:
        return "no run"
    if pd.isna(row["difference"]):
        return "undefined"
    return p_values(row) + (f"\n{_share(row['collapsed'])} collapsed" if row["collapsed"] > 0 else "")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _head(axes: Axes, task: str, scores: pd.Series, rows: pd.DataFrame, study: dict[str, Any]) -> None:
    """scores: of all runs of the task; rows: of its methods in comparisons.csv."""
    n = int(scores.notna().sum())
    runs = style.count(n, runs_expected(study, task), undefined=len(scores) - n)
    paired = rows["paired"].drop(BASELINE, errors="ignore").dropna()
    seeds = style.count([int(value) for value in paired], seeds_expected(study), "seeds")
    lines = [task, runs, f"{seeds} paired with Classification"]
    if BASELINE in rows.index and rows.loc[BASELINE, "collapsed"] > 0:
        lines.append(f"Classification: {_share(rows.loc[BASELINE, 'collapsed'])} collapsed")
    style.head(axes, *lines)
