"""Some images of a run with their ROI mask and the masks of its maskers, beside maps that need none."""

from __future__ import annotations

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
from red_herring.report.figures._inputs import only_task, rows_of, table_of
from red_herring.report.figures.mean_saliency import empty
from red_herring.report.masks import REFERENCES, setting_of, title
from red_herring.runtime.files import StudyError

TITLE = "Learned masks"
CATEGORY = "Learned masks"
CAPTION = (
    "Masks of shifted test images by the maskers of one run, black 0 and white 1, positives above negatives, beside "
    "maps of the same classifier. Look whether they lie on the ROI mask (red) or on the nuisance, and whether one "
    "class has nearly empty masks: an image of which nothing is left may be told to be of it."
)
FILES = ["learned_masks.csv", "learned_masks/maps"]
ITEMS = {
    "learned_masks_{task}_{method}": {
        "title": "Learned masks: {method}",
        "tasks": "each",
        "each": {"method": "methods"},
    },
}
RELEASED = False

SHOWN = ("grad_cam", "guided_backprop", "gradient")
"""What is shown beside the maskers."""

EACH = 2
"""Images of each class."""

ACROSS = 8
"""Masks side by side."""

RED = (1.0, 0.2, 0.2)
PANEL, LABELS = 0.75, 0.7
"""Side of a panel, and the width of what is beside a row, inches."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: learned_masks.csv. study: one task; method; `maps`, the folder with
    {task}/{method}/seed={seed}.safetensors.

    Of the first seed that has a run; of maskers that differ in the draw of their examples the first one.
    """
    task, about = only_task(study)
    method, run_title = study["method"], style.title(study["methods"], study["method"])
    runs = rows_of(table_of(files, "learned_masks.csv", *KEYS, "arm", "collapsed"), task=task, method=method)
    seed = next((seed for seed in study["seeds"] if seed in set(runs["seed"])), None)
    if seed is None:
        figure = Figure(figsize=(style.PAGE, 1))
        empty(figure.subplots(), f"{task}, {run_title}: no run")
        return figure
    titles = _titles(rows_of(runs, seed=seed))
    arrays = read(maps_file(Path(study["maps"]), (task, method, seed)), list(titles))
    blocks = [dict(list(titles.items())[start : start + ACROSS]) for start in range(0, len(titles), ACROSS)]
    rows = [row for label in (1, 0) for row in np.flatnonzero(arrays["example_label"] == label)[:EACH]]
    columns = 1 + len(blocks[0])
    figure = Figure(figsize=(columns * PANEL + LABELS, len(blocks) * (len(rows) * PANEL + 0.45) + 0.2))
    words = f"{task}, {run_title}, seed {seed}; red: the ROI mask"
    figure.suptitle(style.wrapped(words, int(figure.get_figwidth() / style.CHARACTER), rows=3), fontsize=7)
    names = [about.get("control", "negative"), about.get("finding", "positive")]
    for block, some in zip(figure.subfigures(len(blocks), 1, squeeze=False)[:, 0], blocks, strict=True):
        grid = block.subplots(len(rows), columns, squeeze=False)
        for axes, row in zip(grid, rows, strict=True):
            _draw_row(axes, arrays, row, list(some))
            label = style.shortened(names[arrays["example_label"][row]], 14)
            axes[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=style.SMALL)
        for axes, words in zip(grid[0], ["image", *some.values()], strict=False):
            axes.set_title(style.wrapped(words, int(PANEL / 0.05), rows=4), fontsize=style.SMALL)
    return figure


def _titles(runs: pd.DataFrame) -> dict[str, str]:
    """Arm -> title of what is shown, maskers first. runs: the rows of one run."""
    named = runs.assign(setting=setting_of(runs["arm"])).drop_duplicates("setting")
    shown = named[~named["arm"].isin(REFERENCES) | named["arm"].isin(SHOWN)]
    return {
        row.arm: title(row.setting) + (" (collapsed)" if row.collapsed else "") for row in shown.itertuples(index=False)
    }


def read(path: Path, arms: Sequence[str]) -> dict[str, np.ndarray]:
    """The examples of a run with the masks of these arms; StudyError when the file or a mask is missing."""
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, but learned_masks.csv has its run; make its masks")
    wanted = ["example_image", "example_mask", "example_label", *(f"example/{arm}" for arm in arms)]
    with safe_open(path, "np") as arrays:
        missing = set(wanted) - set(arrays.keys())
        if missing:
            raise StudyError(f"{path}: has no {min(missing)}, expected masks of all arms; make them again")
        return {name: arrays.get_tensor(name) for name in wanted}


def _draw_row(row: Sequence[Axes], arrays: dict[str, np.ndarray], example: int, arms: Sequence[str]) -> None:
    """The image and its masks, all with the outline of the ROI mask."""
    for axes in row[1 + len(arms) :]:
        axes.axis("off")
    for axes, name in zip(row, ["example_image", *(f"example/{arm}" for arm in arms)], strict=False):
        style.picture(axes, arrays[name][example], vmin=0, vmax=255)
        style.outline(axes, arrays["example_mask"][example] > 0, RED, linewidths=0.4)
