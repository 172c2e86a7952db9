"""Average precision of detectors by how many real images they had, a line for each arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from red_herring.report import style
from red_herring.report.detection_runs import KEYS, means_over_seeds
from red_herring.report.figures._detectors import draw_arms, keys
from red_herring.report.figures._inputs import rows_of, seeds_expected, table_of

TITLE = "Average precision"
CATEGORY = "Detection with few boxes"
CAPTION = (
    "Average precision at an IoU of 0.5 by the real images with boxes in training, for each kind of further images; "
    "mean over seeds with its 95 % interval (t), and every seed. Copy-paste is the arm to beat: look whether a line "
    "with a generator leaves it where real images are few, and whether all lines meet where they are many; lines that "
    "do not part are a result. A mechanism that was derived again, no reproduction of its paper's tables."
)
FILES = ["detection.csv"]
RELEASED = False


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: detection.csv. A panel for each task."""
    table = table_of(files, "detection.csv", *KEYS, "measure", "threshold", "value")
    runs = rows_of(table[table["task"].isin(study["tasks"])], measure="ap")
    means = means_over_seeds(runs)
    figure, panels = style.panels(list(study["tasks"]), height=2.6, across=2)
    for task, axes in panels.items():
        own, of_task = (rows_of(part, task=task).rename(columns={"n_real": "place"}) for part in (runs, means))
        style.head(axes, task, style.count([int(n) for n in of_task["n"]], seeds_expected(study), "seeds"))
        if own.empty:
            style.say(axes, "no run")
            continue
        draw_arms(axes, own, of_task, sorted(own["place"].unique()), study)
        axes.set(xlabel="real images with boxes (not to scale)", ylabel="average precision")
    style.legend(figure, keys(study, means), handlelength=2.8)
    return figure
