"""Figure 3: examples of both classes in training and validation, the confounder marked where it has a place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.figures._inputs import images_of, splits_of

TITLE = "Figure 3"
CATEGORY = "Figures"
CAPTION = (
    "Examples of both classes in training and validation, the nuisance marked where it has a place, with the share "
    "of the class that has it. {in_validation}"
)
FILES = ["images"]
IN_VALIDATION = {
    "shifted": "the nuisance changes sides from training to validation",
    "in_distribution": "the nuisance goes with the classes in validation as in training",
    "balanced": "the nuisance tells nothing of the class in validation",
}

SPLITS = {"train": "training", "valid": "validation"}


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: the split of one seed per task, .../splits/{task}/seed=*.csv, and images.npy of all sources.

    Each panel is the first image of the cell that holds most of its class in that split.
    """
    tasks, splits, images = study["tasks"], splits_of(files), images_of(files)
    figure = Figure(figsize=(style.PAGE * 0.8, 1.75 * len(tasks)))
    grid = figure.subplots(len(tasks), 4, squeeze=False)
    for row, (name, task) in zip(grid, tasks.items(), strict=True):
        panels = iter(row)
        for split, split_title in SPLITS.items():
            for label in (0, 1):
                axes = next(panels)
                cell = splits[name][(splits[name]["split"] == split) & (splits[name]["label"] == label)]
                groups = cell["nuisance"].value_counts()
                share = groups.max() / len(cell)
                example = cell[cell["nuisance"] == groups.idxmax()].iloc[0]
                style.picture(axes, images[example["source"]][example["row"]], vmin=0, vmax=255)
                finding = style.shortened(task["finding"] if label else task["control"])
                group = task["groups"][example["nuisance"]]
                side = style.shortened(group)
                axes.set_title(f"{split_title}: {finding}\n{share:.0%} {side} (n = {len(cell)})", fontsize=7)
                _mark(axes, example["source"], group)
        row[0].set_ylabel(name)
    return figure


def _mark(axes: Axes, source: str, side: str) -> None:
    """A red arrow to the box of the synthetic images; other confounders have no place to point at."""
    if side in ("left", "right") and source == "crosses":
        x, from_x = (1.0, 7.5) if side == "left" else (26.0, 19.5)
        arrow = {"arrowstyle": "->", "color": "red", "linewidth": 1.5}
        axes.annotate("", xy=(x + (2 if side == "left" else -2), 21.5), xytext=(from_x, 16.5), arrowprops=arrow)
