"""Figure 1: what tells the nuisance groups apart, and how that gets into what tells the classes apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.figures._inputs import chunks, images_of, shape_of, splits_of
from red_herring.study.cells import SPLITS

TITLE = "Figure 1"
CATEGORY = "Figures"
CAPTION = (
    "Mean images of the two nuisance groups and the mean difference of the classes without and with the relation of "
    "training. What appears only with the relation is what a classifier can take for the finding."
)
FILES = ["images"]

SATURATED = 98.0
"""The percentile of the absolute differences where the colours end; a few bright pixels would leave the rest pale."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: the split of one seed per task, .../splits/{task}/seed=*.csv, and images.npy of all sources.

    A row per task in which label and nuisance are related, or per task when they are in none. With m(y, g) the mean
    image of label y and group g over training, validation and test, and r the ratio:
      group g:                  (m(0, g) + m(1, g)) / 2
      without the correlation:  ((m(1, 0) - m(0, 0)) + (m(1, 1) - m(0, 1))) / 2
      with it, as in training:  (r m(1, 1) + (1 - r) m(1, 0)) - (r m(0, 0) + (1 - r) m(0, 1))
    Viviano et al. 2021, Figure 1. The last two are equal at r = 1/2, and share one scale of colours, in grey levels.
    """
    tasks = {name: task for name, task in study["tasks"].items() if task["ratio"] != 0.5} or study["tasks"]
    splits, images = splits_of(files), images_of(files)
    figure = Figure(figsize=(style.PAGE, 1.75 * len(tasks)))
    grid = figure.subplots(len(tasks), 4, squeeze=False)
    for row, (name, task) in zip(grid, tasks.items(), strict=True):
        means, counts = cell_means(splits[name], images)
        _groups(row[:2], means, counts, task)
        _differences(row[2:], means, counts, task)
        classes = (style.shortened(task[key], 14) for key in ("finding", "control"))
        row[0].set_ylabel(f"{name}\n{' − '.join(classes)}", fontsize=7)
    return figure


def cell_means(split: pd.DataFrame, images: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean image of every cell, float64 [label, group, size, size] in grey levels, NaN where the cell is empty; and
    how many images it has, int [label, group].

    split: as drawn; only SPLITS count, where an image is once. images: source -> uint8 [n, size, size].
    """
    drawn = split[split["split"].isin(SPLITS)]
    sums = np.zeros((2, 2, *shape_of(drawn, images)))
    counts = np.zeros((2, 2), int)
    for (label, group, source), rows in drawn.groupby(["label", "nuisance", "source"])["row"]:
        counts[label, group] += len(rows)
        for chunk in chunks(np.sort(rows)):
            sums[label, group] += images[source][chunk].sum(axis=0, dtype=np.float64)
    sums[counts == 0] = np.nan
    return sums / np.maximum(counts, 1)[:, :, None, None], counts


def group_mean(means: np.ndarray, group: int) -> np.ndarray:
    """The mean image of a group with both classes weighing the same, [size, size]; of one class if it has only that."""
    return _average(means[:, group], (0.5, 0.5))


def balanced_difference(means: np.ndarray) -> np.ndarray:
    """Positive - negative within each group, averaged over the groups that have both classes, [size, size]."""
    return _average(means[1] - means[0], (0.5, 0.5))


def related_difference(means: np.ndarray, ratio: float) -> np.ndarray:
    """Positive - negative with the groups mixed as in training, [size, size]; an empty cell leaves its share to the
    other group of its class.
    """
    difference: np.ndarray = _average(means[1], (1 - ratio, ratio)) - _average(means[0], (ratio, 1 - ratio))
    return difference


def _average(images: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of those of [2, size, size] that are there; NaN when there is none."""
    there = ~np.isnan(images[:, 0, 0])
    weight = np.where(there, weights, 0.0)
    if weight.sum() == 0:
        return np.full(images.shape[1:], np.nan)
    return np.average(np.where(there[:, None, None], images, 0.0), axis=0, weights=weight)


def _groups(row: Sequence[Axes], means: np.ndarray, counts: np.ndarray, task: dict[str, Any]) -> None:
    for group, axes in enumerate(row):
        there = [style.shortened(name) for name, n in zip(_classes(task), counts[:, group], strict=True) if n]
        note = f"\nonly {there[0]}" if len(there) == 1 else ""
        axes.set_title(f"{style.shortened(task['groups'][group], 22)}, n = {counts[:, group].sum()}{note}", fontsize=7)
        _show(axes, group_mean(means, group), vmin=0, vmax=255)


def _differences(row: Sequence[Axes], means: np.ndarray, counts: np.ndarray, task: dict[str, Any]) -> None:
    """Both differences on one scale, symmetric about 0, and its bar."""
    differences = balanced_difference(means), related_difference(means, task["ratio"])
    limit = np.nanpercentile(np.abs(differences), SATURATED) if counts.any(axis=1).all() else 0.0
    scale = Normalize(-max(limit, 1.0), max(limit, 1.0))
    titles = "difference, no correlation", f"difference, ratio {task['ratio']:g}"
    for axes, difference, title, note in zip(row, differences, titles, _notes(counts, task), strict=True):
        axes.set_title(f"{title}\n{note}", fontsize=7)
        _show(axes, difference, cmap="RdBu_r", norm=scale)
    bar = row[0].figure.colorbar(row[1].images[0], ax=row[1], extend="both", shrink=0.85, pad=0.03)
    bar.set_label("positive − negative, grey levels", fontsize=6)
    bar.ax.tick_params(labelsize=6)


def _notes(counts: np.ndarray, task: dict[str, Any]) -> tuple[str, str]:
    """What the two differences are made of: all images, the only group that has both classes, or not all cells."""
    ratio, whole = task["ratio"], f"n = {counts.sum()}"
    empty = (counts == 0) & (np.array([[ratio, 1 - ratio], [1 - ratio, ratio]]) > 0)
    complete = [style.shortened(task["groups"][group]) for group in np.flatnonzero((counts > 0).all(axis=0))]
    balanced = whole if len(complete) == 2 else f"only {complete[0]}" if complete else "no group with both"
    return balanced, f"{whole}, {empty.sum()} of 4 cells empty" if empty.any() else whole


def _classes(task: dict[str, Any]) -> tuple[str, str]:
    return task["control"], task["finding"]


def _show(axes: Axes, image: np.ndarray, **arguments: Any) -> None:
    """The image; the words `no image` where there is none."""
    style.picture(axes, np.nan_to_num(image), **arguments)
    if np.isnan(image).any():
        axes.images[0].set_visible(False)
        axes.text(0.5, 0.5, "no image", ha="center", va="center", transform=axes.transAxes, fontsize=7)
