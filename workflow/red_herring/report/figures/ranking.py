"""The methods ranked on each task, by the shifted test set and where nuisance and label are unrelated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._differences import beside
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.sweeps import ranked_tasks

TITLE = "Ranking"
CATEGORY = "Analyses"
CAPTION_OF = "tables/ranking"
FILES = ["runs.csv", "tables/ranking.csv"]

RANKING = ("task", "method", "score", "n", "mean", "low", "high", "ranked", "rank", "last", "best", "worst")
"""Columns of ranking.csv."""

SCORES = {"test_auc": "AUC, shifted", "test_balanced_auc": "AUC, balanced"}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: ranking.csv, and runs.csv for the seeds. For each task the AUC on the shifted and, if it is known, on the
    balanced test set, the methods in the order of the first; to the right the rank and, in brackets, the ranks in
    single seeds.
    """
    table = table_of(files, "ranking.csv", *RANKING)
    runs = table_of(files, "runs.csv", *KEYS, *SCORES)
    tasks = ranked_tasks(study) or list(study["tasks"])
    scores = [score for score in SCORES if len(rows_of(table, score=score))] or ["test_auc"]
    places = {f"{task} {score}": (task, score) for task in tasks for score in scores}
    shifted = rows_of(table, score="test_auc")
    heights = [0.16 * max(len(rows_of(shifted, task=task)), 1) + 0.85 for task in tasks]
    figure, panels = style.panels(
        list(places), height=sum(heights) / len(heights), across=len(scores), gridspec_kw={"height_ratios": heights}
    )
    for place, axes in panels.items():
        task, score = places[place]
        order = list(rows_of(table, task=task, score="test_auc")["method"])
        own = rows_of(table, task=task, score=score).set_index("method")
        _draw_panel(axes, own.reindex(order), rows_of(runs, task=task), score, study)
        counted = style.count([int(n) for n in own["n"]], seeds_expected(study), "seeds")
        style.head(axes, *filter(None, (task, counted, _ranked_on(own))))
        if own["mean"].isna().all():
            style.say(axes, "no run" if rows_of(runs, task=task).empty else "undefined")
    entries = [
        Line2D([], [], color="dimgrey", marker="o", markersize=4, linewidth=1.2, label="mean, 95 % over seeds (t)"),
        Line2D([], [], color="dimgrey", marker="o", markersize=2, linestyle="", label="a seed"),
        Line2D([], [], linestyle="", label="right: rank (in single seeds)"),
    ]
    undefined = (table["mean"].notna() & table["low"].isna()).any()
    style.legend(figure, [*entries, style.hollow_key()] if undefined else entries)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, runs: pd.DataFrame, score: str, study: dict[str, Any]) -> None:
    """rows: by method, from the top."""
    colours = style.colours(study["methods"])
    rows = rows.assign(low=rows["low"].clip(lower=0), high=rows["high"].clip(upper=1))
    for position, (method, row) in enumerate(rows.iterrows()):
        seeds = rows_of(runs, method=method)[score].dropna()
        look: dict[str, Any] = {"linewidth": 1.1, "marker": style.marker(study["methods"], method), "markersize": 4}
        axes.scatter(seeds, [position + 0.22] * len(seeds), s=4, color=colours[method], alpha=0.7, linewidths=0)
        if pd.isna(row["mean"]):
            beside(axes, position, "undefined")
            continue
        style.interval(axes, position - 0.08, row, "mean", colours[method], **look)
        beside(axes, position, _rank(row))
    axes.axvline(0.5, **style.CHANCE)
    axes.set_yticks(range(len(rows)), [style.shortened(style.title(study["methods"], name), 18) for name in rows.index])
    axes.set(xlim=(-0.03, 1.03), ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel=SCORES[score])
    axes.tick_params(axis="y", length=0, labelsize=style.SMALL + 0.5)


def _ranked_on(rows: pd.DataFrame) -> str:
    """How many seeds the ranks are of, where that is not all that there are."""
    ranked, most = rows[["ranked", "n"]].max()
    return f"ranked on {ranked:.0f} of {most:.0f} seeds" if ranked < most else ""


def _rank(row: pd.Series) -> str:
    if pd.isna(row["rank"]):
        return "no rank"
    shared = "" if row["last"] == row["rank"] else f"–{row['last']:.0f}"
    return f"{row['rank']:.0f}{shared} ({row['best']:.0f}–{row['worst']:.0f})"
