"""Figures 5 to 7: per task the mean image with its mean mask, then the mean saliency map of every method."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from safetensors import safe_open

from red_herring.report import style
from red_herring.report.collect import KEYS, maps_file
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.report.scores import methods_shown
from red_herring.runtime.files import StudyError

TITLE = "Mean saliency"
CATEGORY = "Figures"
CAPTION = (
    "The mean image with its mean mask in red, then the mean map of each method over some positive test images, "
    "every run weighing the same, the lower half left dark. Look whether the maps lie on the mask or on the "
    "nuisance; thresholding at the median colours half of any image."
)
FILES = ["localisation.csv", "localisation/maps"]
ITEMS = {
    "figure_5": {"title": "Figure 5", "tasks": ["synthetic"], "attribution": "gradient"},
    "figure_6": {"title": "Figure 6", "tasks": ["spc", "no_spc"], "attribution": "gradient"},
    "figure_7": {"title": "Figure 7", "tasks": ["vpc", "no_vpc"], "attribution": "gradient"},
    "mean_saliency": {"tasks": "others", "attribution": "gradient"},
}

SHOWN_ABOVE = 50.0
"""Percentile of a mean map below which it is left dark."""

FEW = 4
"""Columns of a page; of fewer the figure is narrower."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: localisation.csv. study: `maps`, the folder with {task}/{method}/seed={seed}.safetensors; `attribution`,
    gradient unless given; `mean_map_images` of a task, at most how many images a run's map is the mean of, if known.

    A row per task; a map is `mean_map` of the runs of a method and has its own scale, from 0 to its maximum.
    Viviano et al. 2021, Figures 5 to 7.
    """
    runs = localised_runs(files)
    tasks, methods = study["tasks"], methods_shown(study)
    attribution = study.get("attribution", "gradient")
    figure, grid = panels(len(tasks), 1 + len(methods))
    for row, (name, task) in zip(grid, tasks.items(), strict=True):
        own = rows_of(runs, task=name)
        draw_row(row, own, attribution, task, study)
        row[0].set_ylabel(style.wrapped(name, 15, rows=3), fontsize=style.SMALL)
    head(grid[0], methods)
    figure.suptitle(f"{style.title(study['attributions'], attribution)}, mean over seeds", fontsize=7)
    return figure


def panels(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    """A figure of so many square panels as wide as a page; of few columns narrower, as its rows would be as high."""
    across = max(columns, FEW)
    figure = Figure(figsize=(style.PAGE * columns / across, (7.6 / across + 0.12) * rows + 0.35))
    return figure, figure.subplots(rows, columns, squeeze=False)


def localised_runs(files: list[Path]) -> pd.DataFrame:
    """task, method, seed, attribution, and images, of how many there are maps."""
    return table_of(files, "localisation.csv", *KEYS, "attribution", "images")


def draw_row(
    row: Sequence[Axes], runs: pd.DataFrame, attribution: str, task: dict[str, Any], study: dict[str, Any]
) -> None:
    """The mean image with its mask, then the mean map of each method, nothing where it does not run on this task. runs:
    those of the task, see `localised_runs`.
    """
    runs = rows_of(runs, attribution=attribution)
    picture(row[0], read_maps(study["maps"], runs, attribution))
    for axes, method in zip(row[1:], methods_shown(study), strict=True):
        if method not in task.get("methods", study["methods"]):
            axes.axis("off")
            continue
        own = rows_of(runs, method=method)
        panel(axes, read_maps(study["maps"], own, attribution), seeds_expected(study), images_of_a_map(own, task))


def read_maps(folder: str | Path, runs: pd.DataFrame, attribution: str) -> np.ndarray:
    """The mean map, mean image and mean mask of each run, float64 [runs, 3, height, width]; [0] for no run.

    StudyError when a file is missing, or when the maps differ in size.
    """
    found = []
    for run in runs[KEYS].itertuples(index=False, name=None):
        found.append(mean_of(maps_file(Path(folder), run), attribution))
    if len({maps.shape for maps in found}) > 1:
        raise StudyError(f"{folder}: the {attribution} maps of a task differ in size; make them again")
    return np.stack(found) if found else np.empty(0)


def mean_of(path: Path, attribution: str) -> np.ndarray:
    """The mean map, mean image and mean mask in the arrays of a run's localisation."""
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, but localisation.csv has its run; make its maps")
    with safe_open(path, "np") as arrays:
        names = (f"mean/{attribution}", "mean_image", "mean_mask")
        return np.stack([arrays.get_tensor(name).astype(float) for name in names])


def mean_map(maps: np.ndarray) -> tuple[np.ndarray | None, int]:
    """The mean over runs of their absolute maps, [height, width], each divided by its own mean, and how many runs it is
    of; None for none.

    The size of a gradient says how steep a classifier is, not where it looks, and differs by orders of magnitude
    between runs; without the division the steepest would be all that is seen. A map without any value above 0, or with
    an undefined one, shows no place and is left out. maps: [runs, height, width].
    """
    maps = np.abs(maps)
    levels = maps.mean(axis=(1, 2))
    defined = np.isfinite(levels) & (levels > 0)
    if not defined.any():
        return None, 0
    return (maps[defined] / levels[defined, None, None]).mean(axis=0), int(defined.sum())


def images_of_a_map(runs: pd.DataFrame, task: dict[str, Any]) -> tuple[int, int] | None:
    """The fewest and most images that the map of one of the runs is the mean of; None if that is not known."""
    images = runs["images"].dropna()
    if "mean_map_images" not in task or images.empty:
        return None
    counts = images.clip(upper=task["mean_map_images"]).astype(int)
    return int(counts.min()), int(counts.max())


def picture(axes: Axes, maps: np.ndarray) -> None:
    """The mean image in grey, and in red the mean mask, of all runs of a task."""
    if not len(maps):
        empty(axes, "no run")
        return
    _, image, mask = maps.mean(axis=0)
    style.picture(axes, image)
    tint = np.zeros((*mask.shape, 4))
    tint[..., 0], tint[..., 3] = 1.0, 0.7 * mask / max(mask.max(), 1e-9)
    axes.imshow(tint)


def panel(axes: Axes, maps: np.ndarray, expected: int | None, images: tuple[int, int] | None) -> None:
    """The mean map of a method, dark below its median, and below it what it is the mean of.

    maps: as of `read_maps`; expected: how many seeds there should be; images: as of `images_of_a_map`.
    """
    if not len(maps):
        empty(axes, "no run")
        return
    saliency, n = mean_map(maps[:, 0])
    if saliency is None:
        empty(axes, "undefined")
    else:
        above = saliency >= np.percentile(saliency, SHOWN_ABOVE)
        style.picture(axes, np.where(above, saliency, 0.0), cmap="viridis", vmin=0)
    text = style.count(n, expected, "seeds", undefined=len(maps) - n).replace(", ", "\n")
    if images:
        low, high = images
        text += f"\n× {low} images" if low == high else f"\n× {low}–{high} images"
    axes.set_xlabel(text, fontsize=style.SMALL, labelpad=2)


def empty(axes: Axes, words: str) -> None:
    """An empty frame that says why it is so."""
    axes.set(xticks=[], yticks=[], box_aspect=1)
    axes.spines[:].set(visible=True, color="lightgrey", linewidth=0.4)
    style.say(axes, words, fontsize=style.SMALL)


def head(row: Sequence[Axes], methods: style.Known) -> None:
    """The titles of the columns: the picture, then the methods with the letters of the paper."""
    width = max(int(style.PAGE / len(row) / style.CHARACTER) - 2, 6)
    row[0].set_title("image,\nmask in red", fontsize=style.SMALL)
    for letter, method, axes in zip(string.ascii_uppercase, methods, row[1:], strict=False):
        axes.set_title(f"{letter}\n{style.wrapped(style.title(methods, method), width)}", fontsize=style.SMALL)
