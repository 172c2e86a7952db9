"""How much each method differs from Classification, seed by seed, on each task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from red_herring.report import style
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

MEAN, SEEDS = 0.12, -0.2
"""Where in the row of a method its mean and its seeds are drawn."""


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
            row = rows.loc[method]
            _draw_seeds(axes, position, differences(own, method, score), colours[method])
            look: dict[str, Any] = {"linewidth": 1.4, "marker": style.marker(study["methods"], method), "markersize": 5}
            style.interval(axes, position + MEAN, row, "difference", colours[method], **look)
            new = row[["low_new", "high_new"]].astype(float).clip(-1, 1)  # no score differs by more
            axes.plot(new, [position + MEAN] * 2, color=colours[method], linewidth=0.5)
            axes.text(
                1.01, position, _words(row, method in set(own["method"])), transform=axes.get_yaxis_transform(),
                fontsize=style.SMALL, va="center",
            )  # fmt: skip
        _dress(axes, [style.title(study["methods"], method) for method in methods], SCORES[score])
        _head(axes, task, own[score], rows, study)
    extra = [
        Line2D([], [], color="dimgrey", marker="o", markersize=4.5, label="mean, 95 % on this pool"),
        Line2D([], [], color="dimgrey", marker="o", markersize=2, linestyle="", label="a seed"),
        Line2D([], [], color="dimgrey", linewidth=0.5, label="95 % on new data"),
        Line2D([], [], linestyle="", label="p: Holm, on this pool | on new data"),
    ]
    if (table["difference"].notna() & table["low"].isna()).any():
        extra.append(style.hollow_key())
    style.legend(figure, extra)
    return figure


def differences(runs: pd.DataFrame, method: str, score: str) -> pd.Series:
    """Seed -> score of the method - score of Classification, of the seeds that both have. runs: those of one task."""
    of = {name: rows_of(runs, method=name).set_index("seed")[score].astype(float) for name in (method, BASELINE)}
    return (of[method] - of[BASELINE]).dropna()


def _draw_seeds(axes: Axes, position: int, seeds: pd.Series, colour: str) -> None:
    axes.scatter(seeds, [position + SEEDS] * len(seeds), s=5, color=colour, alpha=0.7, linewidths=0, zorder=2)


def _words(row: pd.Series, has_run: bool) -> str:
    if not has_run:
        return "no run"
    if pd.isna(row["difference"]):
        return "undefined"
    words = f"p {_p_value(row['p_holm'])} | {_p_value(row['p_new_holm'])}"
    return words + (f"\n{_share(row['collapsed'])} collapsed" if row["collapsed"] > 0 else "")


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _p_value(p: float) -> str:
    return "–" if pd.isna(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _dress(axes: Axes, titles: list[str], score: str) -> None:
    axes.axvline(0, color="grey", linewidth=0.6, zorder=0.5)
    axes.set_yticks(range(len(titles)), [style.shortened(title, 18) for title in titles])
    axes.set(ylim=(len(titles) - 0.5, -0.5), xlabel=f"difference to Classification, {score}")
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", length=0)


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
