"""The contact sheet of planted signals: a few training images, with each signal, and where exactly it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from red_herring.data.masks import STORED
from red_herring.data.signals import Planted, names_of, plant
from red_herring.report import style
from red_herring.report.figures._inputs import images_of, seeds_of, shape_of, splits_of
from red_herring.report.figures.masks import SHOWN, choose_sample, own_masks
from red_herring.runtime.files import StudyError
from red_herring.study.names import SIGNALS

TITLE = "Planted signals"
CATEGORY = "Data"
CAPTION = (
    "Signals that go along with one class in training: images as they are, with each signal, and its pixels in red "
    "beside the outline of the ROI mask in blue. Look whether you would notice a signal, and whether it leaves the "
    "finding as it is: nothing inside the ROI mask may change."
)
FILES = ["images"]
ITEMS = {"signals": {"having": "signal"}}

ACROSS = 4
"""Signals side by side."""

PANEL, SIDE = 0.76, 0.7
"""Width and height of a panel, and what is beside and above them, inches."""

SIGNAL, ROI = (0.9, 0.1, 0.1), (0.1, 0.45, 0.9)
"""Red and blue."""

Signal = Mapping[str, Any]


@dataclass
class Sheet:
    """Images that tasks have in common, with their ROI masks, and the signals that these tasks plant.

    levels: uint8 [n, height, width]; masks: bool of that shape. signals: kind and area -> one of the tasks' signals.
    """

    sample: pd.DataFrame
    levels: np.ndarray
    masks: np.ndarray
    task: Mapping[str, Any]
    seed: int
    names: list[str] = field(default_factory=list)
    signals: dict[tuple[str, float | None], Signal] = field(default_factory=dict)


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: the split of one seed per task, .../splits/{task}/seed=*.csv, and images.npy of all sources, with
    masks.npy beside each, and anatomy.npy where a task has masks of it. study: tasks that have a signal.

    Tasks of the same images and masks share a block, in which each signal is shown once. Red is the signal, with its
    outline; blue is that of the ROI mask. Two images of each class, of both groups if training has both, planted as in
    a run of this seed; training plants into the one class alone.
    """
    blocks = [(sheet, some) for sheet in sheets(files, study["tasks"]) for some in _some(list(sheet.signals.values()))]
    rows = [len(sheet.sample) for sheet, _ in blocks]
    columns = max(1 + 2 * len(some) for _, some in blocks)
    figure = Figure(figsize=(min(style.PAGE, columns * PANEL + SIDE), sum(rows) * PANEL + SIDE * len(blocks)))
    heights = [PANEL * number + SIDE for number in rows]
    for block, (sheet, some) in zip(_subfigures(figure, heights), blocks, strict=True):
        _draw_block(block, sheet, some, columns)
    return figure


def sheets(files: list[Path], tasks: Mapping[str, Mapping[str, Any]]) -> list[Sheet]:
    """The tasks that have the same images, masks and seed together."""
    splits, seeds, images = splits_of(files), seeds_of(files), images_of(files)
    stored = {kind: images_of(files, file) for kind, file in STORED.items()}
    found: dict[tuple[object, ...], Sheet] = {}
    for name, task in tasks.items():
        of_kind = stored.get(task["mask"]["kind"], {})
        sample = choose_sample(splits[name], of_kind, task["mask"]).groupby("label", sort=False).head(SHOWN)
        sample = sample.reset_index(drop=True)
        key = (*names_of(sample), *sample["label"], str(task["mask"]), seeds[name])
        if key not in found:
            masks = own_masks(sample, of_kind, task["mask"], shape_of(sample, images))
            levels = np.stack(
                [images[source][row] for source, row in zip(sample["source"], sample["row"], strict=True)]
            )
            found[key] = Sheet(sample, levels, masks, task, seeds[name])
        signal = task["signal"]
        found[key].names.append(f"{name} ({100 * signal['share']:.3g} % of {signal['of']})")
        found[key].signals.setdefault((signal["kind"], signal.get("area")), signal)
    return list(found.values())


def _some(signals: Sequence[Signal]) -> Iterator[Sequence[Signal]]:
    """At most ACROSS at a time."""
    for start in range(0, len(signals), ACROSS):
        yield signals[start : start + ACROSS]


def _subfigures(figure: Figure, heights: Sequence[float]) -> Sequence[SubFigure]:
    return list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def _draw_block(block: SubFigure, sheet: Sheet, signals: Sequence[Signal], columns: int) -> None:
    """A row per image: without a signal, then with each signal and with that signal's pixels."""
    block.suptitle(style.wrapped(", ".join(sheet.names), 14 * columns, rows=3), fontsize=7)
    grid = block.subplots(len(sheet.sample), columns, squeeze=False)
    for axes in grid[:, 1 + 2 * len(signals) :].flat:
        axes.axis("off")
    for row, (_, example) in zip(grid, sheet.sample.iterrows(), strict=True):
        finding = sheet.task["finding"] if example["label"] else sheet.task["control"]
        group = sheet.task["groups"][example["nuisance"]]
        row[0].set_ylabel(f"{style.shortened(finding, 14)}\n{style.shortened(group, 14)}", fontsize=style.SMALL)
    for axes, image in zip(grid[:, 0], sheet.levels, strict=True):
        style.picture(axes, image, vmin=0, vmax=255)
    grid[0, 0].set_title("image", fontsize=6)
    for number, signal in enumerate(signals):
        _draw_signal(grid[:, 1 + 2 * number : 3 + 2 * number], sheet, signal)


def _draw_signal(grid: np.ndarray, sheet: Sheet, signal: Signal) -> None:
    """Two columns: the images with the signal, and these with its outline and that of the ROI mask."""
    areas = []
    for row, axes in enumerate(grid):
        planted = _planted(sheet, row, signal)
        if planted is None:
            for one in axes:
                style.picture(one, sheet.levels[row], vmin=0, vmax=255)
                style.say(one, "cannot be\nplanted", fontsize=style.SMALL)
            continue
        areas.append(planted.truth.mean())
        for one in axes:
            style.picture(one, planted.levels[0], vmin=0, vmax=255)
        _mark(axes[1], planted.truth[0], sheet.masks[row])
    grid[0, 0].set_title(style.wrapped(SIGNALS[signal["kind"]], 12), fontsize=6)
    grid[0, 1].set_title(f"its pixels:\n{_in_percent(areas)}" if areas else "", fontsize=6)


def _planted(sheet: Sheet, row: int, signal: Signal) -> Planted | None:
    """One of the images with the signal; None where it has no place there."""
    one = slice(row, row + 1)
    try:
        return plant(sheet.levels[one], sheet.masks[one], names_of(sheet.sample[one]), signal)
    except StudyError:
        return None


def _in_percent(areas: Sequence[float]) -> str:
    """The range of shares of the image."""
    low, high = f"{100 * min(areas):.1f}", f"{100 * max(areas):.1f}"
    return f"{low} %" if low == high else f"{low}–{high} %"


def _mark(axes: Axes, truth: np.ndarray, mask: np.ndarray) -> None:
    tint = np.zeros((*truth.shape, 4))
    tint[truth] = (*SIGNAL, 0.3)
    axes.imshow(tint)
    style.outline(axes, mask, ROI)
    style.outline(axes, truth, SIGNAL)
