"""The maps of one image by one run, while its weights are randomised: a row per attribution, a column per block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from safetensors import safe_open

from red_herring.report import style
from red_herring.report.collect import KEYS, maps_file
from red_herring.report.figures._inputs import only_task, rows_of, table_of
from red_herring.report.figures.mean_saliency import empty
from red_herring.report.scores import attributions_shown
from red_herring.runtime.files import StudyError
from red_herring.study.names import ARM_IN_WORDS

TITLE = "Randomised maps"
CATEGORY = "Sanity checks"
CAPTION = (
    "Maps of one image by one run: of the trained network, then with random weights down to each block, each scaled by "
    "its 99th percentile. Look for rows that stay the same to the right: they draw the image, not what was learnt; "
    "what the absolute values hide, such as a map that flips its sign, the signed ones show."
)
FILES = ["weight_randomisation.csv", "weight_randomisation/maps"]
ITEMS = {
    "randomised_maps_{task}_{method}": {
        "title": "Randomised maps: {method}, absolute",
        "tasks": "each",
        "each": {"method": "methods"},
        "signed": False,
    },
    "randomised_maps_{task}_{method}_signed": {
        "title": "Randomised maps: {method}, with sign",
        "tasks": "each",
        "each": {"method": "methods"},
        "signed": True,
    },
}
RELEASED = False

STRONGEST = 99.0
"""Percentile of the absolute values of a map that has the strongest colour, as a few pixels hold the largest."""

ABSOLUTE, SIGNED = colormaps["viridis"].resampled(16), colormaps["RdBu_r"].resampled(17)
"""Few colours, as noise in many makes a picture twice as large, and there is one for each method."""

TRAINED = "trained"


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: weight_randomisation.csv. study: one task; method; signed; `maps`, the folder with
    {task}/{method}/seed={seed}.safetensors.

    Of the first seed that has a run the first example and the first draw of weights, by the first arm of the statistics
    that was asked for.
    """
    task, _ = only_task(study)
    method, title = study["method"], style.title(study["methods"], study["method"])
    columns = (*KEYS, "attribution", "order", "statistics", "block")
    runs = rows_of(table_of(files, "weight_randomisation.csv", *columns), task=task, method=method, order="cascading")
    seed = next((seed for seed in study["seeds"] if seed in set(runs["seed"])), None)
    if seed is None:
        figure = Figure(figsize=(style.PAGE, 1))
        empty(figure.subplots(), f"{task}, {title}: no run of a cascade")
        return figure
    attributions = attributions_shown(study, runs["attribution"])
    states = [TRAINED, *dict.fromkeys(runs["block"])]
    image, maps = read(maps_file(Path(study["maps"]), (task, method, seed)), list(attributions), states)
    figure = Figure(figsize=(style.PAGE, 0.51 * len(attributions) + 0.6))
    grid = figure.subplots(len(attributions), 1 + len(states), squeeze=False)
    for row, attribution, own in zip(grid, attributions, maps, strict=True):
        _draw_row(row, image, own, study["signed"])
        row[0].set_ylabel(
            style.wrapped(style.title(attributions, attribution), 13, rows=3),
            rotation=0, ha="right", va="center", fontsize=style.SMALL,
        )  # fmt: skip
    for axes, name in zip(grid[0], ["image", *states], strict=True):
        axes.set_title(name.removeprefix("layer"), fontsize=style.SMALL)
    kind = "with sign, red above 0" if study["signed"] else "absolute values"
    arm = ARM_IN_WORDS[runs["statistics"].iloc[0]]
    figure.suptitle(f"{task}, {title}, seed {seed}: {kind} ({arm})", fontsize=7)
    return figure


def read(path: Path, attributions: Sequence[str], states: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The first example, [height, width], and its maps, float64 [attributions, states, height, width]; StudyError when
    the file or a map is missing.
    """
    if not path.is_file():
        raise StudyError(f"{path}: there is no such file, but weight_randomisation.csv has its run; make its maps")
    with safe_open(path, "np") as arrays:
        missing = {f"{state}/{name}" for name in attributions for state in states} - set(arrays.keys())
        if missing:
            raise StudyError(f"{path}: has no {min(missing)}, expected one for each attribution; make the maps again")
        maps = [[arrays.get_slice(f"{state}/{name}")[0] for state in states] for name in attributions]
        return arrays.get_slice("example_image")[0], np.asarray(maps, float)


def scaled(saliency: np.ndarray) -> np.ndarray:
    """The map in units of its percentile STRONGEST of absolute values, or of the largest one where that is 0; zeros
    of a map that is 0 throughout.
    """
    sizes = np.abs(saliency)
    unit = np.percentile(sizes, STRONGEST) or sizes.max()
    return saliency / unit if unit > 0 else saliency


def _draw_row(row: Sequence[Axes], image: np.ndarray, maps: np.ndarray, signed: bool) -> None:
    style.picture(row[0], image, vmin=0, vmax=255)
    for axes, own in zip(row[1:], maps, strict=True):
        if not np.any(own):
            empty(axes, "all 0")
        elif signed:
            style.picture(axes, scaled(own), cmap=SIGNED, vmin=-1, vmax=1, interpolation_stage="data")
        else:
            style.picture(axes, np.abs(scaled(own)), cmap=ABSOLUTE, vmin=0, vmax=1, interpolation_stage="data")
