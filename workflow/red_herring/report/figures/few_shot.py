"""How well masks find the finding by how many examples their masker was fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.collect import KEYS
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.figures._sweeps import draw_methods, keys
from red_herring.report.masks import examples_of, over_draws
from red_herring.statistics.paired import t_interval

TITLE = "Learned masks from few examples"
CATEGORY = "Learned masks"
CAPTION = (
    "Scores of learned masks on the shifted test set by the training images of each class that the masker was fitted "
    "to, in the same number of steps; mean over seeds, of each over the draws of its examples, with 95 % "
    "intervals (t), and chance or the score of the whole image (dotted). Look whether a curve still rises where it "
    "reaches all images, and whether maskers of few examples collapse: these have no score."
)
FILES = ["learned_masks.csv"]
RELEASED = False

SCORES = {"iou": "IoU", "le": "localisation error"}
LEVELS = {"iou": ("gradient", "chance_iou"), "le": ("ones", "le")}
"""Score -> where a level to set it against is found: mask and column."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: learned_masks.csv. A panel for each task, family of settings and score."""
    columns = [*SCORES, "chance_iou"]
    table = table_of(
        files, "learned_masks.csv", *KEYS, "arm", "reference", "collapsed", "examples", "examples_alone", *columns
    )
    runs = over_draws(table[table["task"].isin(study["tasks"])], columns)
    few = examples_of(runs)
    if few.empty:
        figure = Figure(figsize=(style.PAGE, 1))
        figure.subplots().axis("off")
        style.say(figure.axes[0], "no masker was fitted to a part of the examples")
        return figure
    named = few[["task", "family"]].drop_duplicates().itertuples(index=False)
    places = {f"{task} {family} {score}": (task, family, score) for task, family in named for score in SCORES}
    figure, panels = style.panels(list(places), height=2.5, across=len(SCORES))
    means = _means(few)
    for place, axes in panels.items():
        task, family, score = places[place]
        here = {"task": task, "family": family}
        _draw_panel(axes, rows_of(few, **here), rows_of(means, **here, score=score), score, study)
        mask, column = LEVELS[score]
        axes.axhline(rows_of(runs, task=task, setting=mask)[column].mean(), **style.CHANCE)
    style.legend(figure, keys(study, set(few["method"]), means), handlelength=2.8)
    return figure


def _means(few: pd.DataFrame) -> pd.DataFrame:
    """task, family, method, value (examples), score, n, mean, low, high: over seeds."""
    rows = []
    for (task, family, method, examples), own in few.groupby(["task", "family", "method", "examples"], sort=False):
        for score in SCORES:
            mean, low, high = t_interval(own[score].dropna().to_numpy(float))
            about = {"task": task, "family": family, "method": method, "value": examples, "score": score}
            rows.append({**about, "n": own[score].count(), "mean": mean, "low": low, "high": high})
    return pd.DataFrame(rows)


def _draw_panel(axes: Axes, runs: pd.DataFrame, means: pd.DataFrame, score: str, study: dict[str, Any]) -> None:
    """runs: of one task and family; means: of these and one score."""
    values = sorted(runs["examples"].unique())
    seeds = runs.rename(columns={"examples": "value", score: "score"}).dropna(subset="score")
    bounds = {"low": means["low"].clip(lower=0), "high": means["high"].clip(upper=1)}
    draw_methods(axes, means.assign(**bounds), seeds[["method", "value", "score"]], values, study)
    axes.set_xticks(range(len(values)), ["all" if np.isinf(value) else f"{value:g}" for value in values])
    axes.set(xlabel="examples of each class (not to scale)", ylabel=SCORES[score], ylim=(-0.03, 1.03))
    collapsed, fits = runs[["collapsed", "fits"]].sum()
    shown = style.count([int(n) for n in means["n"]], seeds_expected(study), "seeds")
    lost = f"{collapsed:.0f} of {fits:.0f} maskers collapsed"
    style.head(axes, f"{runs['task'].iloc[0]}, {runs['family'].iloc[0]}", f"{shown}; {lost}")
