"""The maps of one image by a run on a task with a signal and by its normal model: a column per attribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from red_herring.report import style
from red_herring.report.collect import KEYS, maps_file
from red_herring.report.figures._inputs import only_task, rows_of, table_of
from red_herring.report.figures.mean_saliency import empty
from red_herring.report.twins import MODELS, STATES, Twins, read

TITLE = "Twin maps"
CATEGORY = "Spurious signals"
CAPTION = (
    "Maps of one image by a run that was trained with a signal and by the normal model of the same seed, with the "
    "signal, whose outline is red, and without it; beside each what the model says. Look first at the lower two rows, "
    "which are all there is to see for who does not know of the signal, then whether only the run's own map in the "
    "upper two lies on it."
)
FILES = ["signal_detection.csv", "signal_detection/maps"]
ITEMS = {
    "twin_maps_{task}_{method}": {"title": "Twin maps: {method}", "tasks": "each", "each": {"method": "methods"}},
}
RELEASED = False

COLOURS = colormaps["viridis"].resampled(16)
"""Few, as noise in many makes a picture twice as large, and there is one for each method."""

OUTLINE = (1.0, 0.2, 0.2)
"""Red."""

IMAGE = {"planted": "with the signal", "clean": "without it"}
WHOSE = {"own": "this run", "normal": "normal model"}

ROWS = [(state, model) for state in STATES for model in MODELS]

ACROSS = 7
"""Attributions side by side."""

PANEL, LABELS = 0.75, 0.95
"""Side of a panel, and the width of what is beside a row, inches."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: signal_detection.csv. study: one task; method; `maps`, the folder with
    {task}/{method}/seed={seed}.safetensors. Of the first seed that has a run the first example.
    """
    task, about = only_task(study)
    method, title = study["method"], style.title(study["methods"], study["method"])
    runs = rows_of(table_of(files, "signal_detection.csv", *KEYS, "attribution"), task=task, method=method)
    seed = next((seed for seed in study["seeds"] if seed in set(runs["seed"])), None)
    if seed is None:
        figure = Figure(figsize=(style.PAGE, 1))
        empty(figure.subplots(), f"{task}, {title}: no run with its normal model")
        return figure
    own = [name for name in study["attributions"] if name in set(runs["attribution"])]
    titles = {name: style.title(study["attributions"], name) for name in own}
    twins = read(maps_file(Path(study["maps"]), (task, method, seed)), own)
    blocks = [dict(list(titles.items())[start : start + ACROSS]) for start in range(0, len(titles), ACROSS)]
    columns = 1 + len(blocks[0])
    figure = Figure(figsize=(columns * PANEL + LABELS, len(blocks) * (len(ROWS) * PANEL + 0.3) + 0.2))
    words = (
        f"{task}, {title}, seed {seed}; beside each row the probability of {about['finding']}; "
        f"red: the signal's outline, {100 * twins.truth[0].mean():.1f} % of the image"
    )
    figure.suptitle(style.wrapped(words, int(figure.get_figwidth() / style.CHARACTER), rows=5), fontsize=7)
    for block, some in zip(figure.subfigures(len(blocks), 1, squeeze=False)[:, 0], blocks, strict=True):
        _draw_block(block, twins, some, columns)
    return figure


def _draw_block(block: SubFigure, twins: Twins, titles: Mapping[str, str], columns: int) -> None:
    """The rows of some attributions, whose titles these are."""
    grid = block.subplots(len(ROWS), columns, squeeze=False)
    for row, (state, model) in zip(grid, ROWS, strict=True):
        _draw_row(row, twins, state, model, list(titles))
        says = f"{IMAGE[state]},\n{WHOSE[model]}: {twins.probability[state, model][0]:.2f}"
        row[0].set_ylabel(says, rotation=0, ha="right", va="center", fontsize=style.SMALL)
    for axes, words in zip(grid[0], ["image", *titles.values()], strict=False):
        axes.set_title(style.wrapped(words, int(PANEL / 0.05), rows=3), fontsize=style.SMALL)


def _draw_row(row: Sequence[Axes], twins: Twins, state: str, model: str, attributions: Sequence[str]) -> None:
    """The image and the maps by one of the models, all with the outline of the signal where the image has it."""
    style.picture(row[0], twins.images[state][0], vmin=0, vmax=255)
    for axes in row[1 + len(attributions) :]:
        axes.axis("off")
    for axes, name in zip(row[1:], attributions, strict=False):
        own = twins.maps[state, model, name][0]
        if own.min() == own.max():
            empty(axes, "constant")
        else:
            style.picture(axes, own, cmap=COLOURS, vmin=0, vmax=255, interpolation_stage="data")
    if state == "planted":
        for axes in row:
            if axes.images:
                style.outline(axes, twins.truth[0], OUTLINE)
