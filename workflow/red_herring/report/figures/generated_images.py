"""Images that detectors were trained with, beside real ones, with their boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from safetensors import safe_open

from red_herring.report import style
from red_herring.report.detection_runs import KEYS, DetectorRun, detector_folder, in_words
from red_herring.report.figures._inputs import only_task, rows_of, table_of
from red_herring.report.figures.mean_saliency import empty
from red_herring.runtime.files import StudyError

TITLE = "Generated images"
CATEGORY = "Detection with few boxes"
CAPTION = (
    "Real images with their boxes, and further ones with which the detectors of each arm were trained in their last "
    "step, of the first seed and the fewest real images. Look whether what is in a box could be the finding, whether "
    "its surroundings tell it from a real one, as the edge of a pasted crop does, and whether a generator makes the "
    "same object again and again. A mechanism that was derived again, no reproduction of its paper's images."
)
FILES = ["detection.csv", "detectors/maps"]
ITEMS = {"generated_images_{task}": {"title": "Generated images", "tasks": "each"}}
RELEASED = False

NAMES = ("images", "boxes", "real_images", "real_boxes")
"""The arrays of shown.safetensors: uint8 [k, side, side], int64 [k, 4], and the same of real ones."""

ACROSS = 8
RED = (1.0, 0.2, 0.2)
PANEL, LABELS = 0.72, 0.95
"""Side of a panel, and the width of what is beside a row, inches."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: detection.csv. study: one task; `maps`, the folder with
    {task}/{arm}/n={n_real}/seed={seed}/shown.safetensors.

    A row of real images, then one for each arm that makes further ones.
    """
    task, about = only_task(study)
    table = table_of(files, "detection.csv", *KEYS, "further", "measure", "value")
    runs = rows_of(table, task=task, measure="ap")
    runs = runs[runs["further"] != "real"]
    if runs.empty:
        figure = Figure(figsize=(style.PAGE, 1))
        empty(figure.subplots(), f"{task}: no run of an arm that makes images")
        return figure
    seed = next(seed for seed in study["seeds"] if seed in set(runs["seed"]))
    n_real = rows_of(runs, seed=seed)["n_real"].min()
    shown = rows_of(runs, seed=seed, n_real=n_real).set_index("arm")["value"]
    arms = [arm for arm in about["arms"] if arm in shown]
    arrays = [read(Path(study["maps"]), (task, arm, int(n_real), int(seed))) for arm in arms]
    rows = {"real": (arrays[0]["real_images"], arrays[0]["real_boxes"])}
    rows |= {_words(arm, shown[arm]): (own["images"], own["boxes"]) for arm, own in zip(arms, arrays, strict=True)}
    columns = min(ACROSS, max(len(images) for images, _ in rows.values()))
    figure = Figure(figsize=(columns * PANEL + LABELS, len(rows) * PANEL + 0.4))
    words = f"{task}, {n_real:.0f} real images, seed {seed}; red: the box"
    figure.suptitle(style.wrapped(words, int(figure.get_figwidth() / style.CHARACTER), rows=3), fontsize=7)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (name, (images, boxes)) in zip(grid, rows.items(), strict=True):
        _draw_row(axes, images, boxes)
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=style.SMALL)
    return figure


def _words(arm: str, ap: float) -> str:
    """What is beside the row of an arm, with the average precision of its run."""
    return f"{style.wrapped(in_words(arm), 16, rows=3)}\nAP {ap:.2f}"


def read(detectors: Path, run: DetectorRun) -> dict[str, np.ndarray]:
    """The images that a run shows; StudyError when the file or an array is missing."""
    path = detector_folder(detectors, run) / "shown.safetensors"
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, but detection.csv has its run; train the detector again")
    with safe_open(path, "np") as arrays:
        missing = set(NAMES) - set(arrays.keys())
        if missing:
            raise StudyError(f"{path}: has no {min(missing)}, expected {', '.join(NAMES)}; train the detector again")
        return {name: arrays.get_tensor(name) for name in NAMES}


def _draw_row(row: np.ndarray, images: np.ndarray, boxes: np.ndarray) -> None:
    """The first images, each with its box."""
    for axes in row[len(images) :]:
        axes.axis("off")
    for axes, image, box in zip(row, images, boxes, strict=False):
        style.picture(axes, image, vmin=0, vmax=255)
        _outline(axes, box)


def _outline(axes: Axes, box: np.ndarray) -> None:
    """Along the edges of its pixels, whose middles are whole numbers."""
    top, left, bottom, right = (float(value) for value in box)
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, color=RED, linewidth=0.6))
