"""Figure 5 (6 and 7 for the X-ray tasks): the mean image with its mask, then the mean saliency map of every method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from red_herring.results.figures import style
from red_herring.results.runs import run_of


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: gradient.npy of all runs. A map is the mean over the seeds; what is below its median is left dark."""
    methods, tasks = study["methods"], list(study["tasks"])
    means = {run_of(path): np.load(path) for path in files}
    figure = Figure(figsize=(style.PAGE, 1.3 * len(tasks) + 0.2))
    grid = figure.subplots(len(tasks), 1 + len(methods), squeeze=False)
    for number, (row, task) in enumerate(zip(grid, tasks, strict=True)):
        of_task = {(method, seed): maps for (name, method, seed), maps in means.items() if name == task}
        _, image, mask = np.mean(list(of_task.values()), axis=0)
        style.picture(row[0], image)
        row[0].imshow(np.ones_like(mask), cmap="Reds", vmin=0, vmax=1, alpha=0.6 * mask / mask.max())
        row[0].set_title("" if number else "image, mask in red", fontsize=7)
        row[0].set_ylabel(f"{task}\n{len({seed for _, seed in of_task})} seeds", fontsize=7)
        for letter, method, axes in zip("ABCDEFGHIJKLMNOP", methods, row[1:], strict=False):
            saliency = np.mean([maps[0] for (name, _), maps in of_task.items() if name == method], axis=0)
            style.picture(axes, np.where(saliency >= np.median(saliency), saliency, 0), cmap="viridis", vmin=0)
            axes.set_title("" if number else f"{letter}  {style.title(method)}", fontsize=7)
    return figure
