"""How often the one box of an image is right, by how much it has to overlap the true one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.detection_runs import KEYS, means_over_seeds
from red_herring.report.figures._detectors import draw_arms, keys
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of
from red_herring.statistics.boxes import THRESHOLDS

TITLE = "Accuracy of one box"
CATEGORY = "Detection with few boxes"
CAPTION = (
    "T(IoU): the share of test images with a true box whose one box, that of the highest score, reaches an IoU; mean "
    "over seeds with its 95 % interval (t), and every seed. Look whether an arm finds more, which lifts its line at "
    "the left, or only draws boxes closer, which lifts it at the right, and whether any is above copy-paste, the arm "
    "to beat; no difference is a result. A mechanism that was derived again, no reproduction of its paper's tables."
)
FILES = ["detection.csv"]
RELEASED = False


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: detection.csv. A panel for each task and number of real images."""
    table = table_of(files, "detection.csv", *KEYS, "measure", "threshold", "value")
    runs = rows_of(table[table["task"].isin(study["tasks"])], measure="iou")
    runs = runs.assign(place=runs["threshold"])
    means = means_over_seeds(runs).assign(place=lambda found: found["threshold"])
    sizes = {task: sorted(rows_of(runs, task=task)["n_real"].unique()) for task in study["tasks"]}
    places = {f"{task} {n}": (task, n) for task, own in sizes.items() for n in own or [None]}
    figure, panels = style.panels(list(places), height=2.6, across=2, sharey=True)
    for place, axes in panels.items():
        task, n = places[place]
        if n is None:
            style.head(axes, task)
            style.say(axes, "no run")
            continue
        own, of_task = (rows_of(part, task=task, n_real=n) for part in (runs, means))
        draw_arms(axes, own, of_task, THRESHOLDS, study)
        axes.set(xlabel="IoU that the box has to reach", ylabel="share of images, T(IoU)")
        seeds = style.count([int(count) for count in of_task["n"]], seeds_expected(study), "seeds")
        style.head(axes, f"{task}, {n:.0f} real images with boxes", seeds)
    style.legend(figure, keys(study, means), handlelength=2.8)
    return figure
