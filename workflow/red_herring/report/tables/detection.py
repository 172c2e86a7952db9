"""How well detectors of each arm find the finding, by how many real images they had, and what they took."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from red_herring.report.detection_runs import COSTS, costs, in_words, means_over_seeds
from red_herring.report.markup import ABSENT, Section, Table, joined, mean_and_sd, number, with_interval
from red_herring.report.tables._detectors import MECHANISM, arms_note, missing_detectors
from red_herring.report.tables._rows import Settings, Study, of_task
from red_herring.statistics.boxes import THRESHOLDS

TITLE = "Detection"
CATEGORY = "Detection with few boxes"
CAPTION = (
    "How well detectors find the finding by how many real images they had and where their further images came from: "
    "average precision, the accuracy of one box per image, and seconds and memory beside it. Copy-paste is the arm to "
    "beat: look whether an arm with a generator is above it by more than seeds differ, and at what cost; no difference "
    "is a result. A mechanism that was derived again from an abstract, no reproduction of its paper's tables."
)
FILES = ["detection.csv", "detection_usage.csv"]
RELEASED = False

TITLES = {
    "iou": "T(IoU), share whose one box reaches IoU",
    "iobb": "T(IoBB), share whose one box reaches IoBB",
}

FRAME = ["task", "arm", "n_real", "measure", "threshold", "n", "mean", "sd", "low", "high"]

NOTE = (
    "Mean over seeds with its 95 % interval by Student's t over seeds, of re-splits of this pool of images; it takes "
    "values for normal and may reach beyond 0 and 1. AP: average precision at an IoU of 0.5, all points, of all test "
    "images. T: of images with a true box, by the box of the highest score; IoBB: intersection over predicted box. "
    "detection.csv has the interval of each run over its test patients."
)

COST_NOTE = (
    "Means over seeds; of a job that was interrupted only what its last process did. Seconds: with the pretraining of "
    "the generator, which arms share and each is charged for. Memory: the most that the process held at a time, "
    "libraries included, of any part."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """Average precision, T(IoU), T(IoBB) and what each arm took.

    frame: task, arm, n_real, measure (ap, iou, iobb, or a key of COSTS, which has no threshold), threshold, n (runs
    with a value), mean, sd, low and high (`means_over_seeds`). No row for an arm without runs.
    """
    measured = study["detection"][study["detection"]["task"].isin(settings["tasks"])]
    taken = costs(study["detection_usage"]).assign(threshold=np.nan)
    taken = taken[taken["task"].isin(settings["tasks"])]
    parts = [means_over_seeds(part) for part in (measured, taken) if len(part)]
    frame = pd.concat(parts or [pd.DataFrame(columns=FRAME)])
    sections = [section for task in settings["tasks"] for section in _of_task(task, of_task(frame, task))]
    note = joined(MECHANISM, NOTE, arms_note(settings), missing_detectors(measured, settings))
    return Table(frame.reset_index(drop=True), sections, note)


def _of_task(task: str, rows: pd.DataFrame) -> list[Section]:
    if rows.empty:
        return [Section(f"{task}: average precision", [], [], "No run.")]
    sizes = sorted(rows["n_real"].unique())
    cells = _cells(rows[rows["measure"] == "ap"], "n_real", sizes, _whole)
    sections = [Section(f"{task}: average precision", ["Arm", *map(_images, sizes)], cells)]
    for measure, title in TITLES.items():
        for n in sizes:
            own = rows[(rows["measure"] == measure) & (rows["n_real"] == n)]
            heads = ["Arm", *(f"{threshold:g}" for threshold in THRESHOLDS)]
            cells = _cells(own, "threshold", THRESHOLDS, _spread)
            sections.append(Section(f"{task}, {_images(n)}: {title}", heads, cells, "Mean ± standard deviation."))
    return [*sections, *(_cost_section(task, n, rows[rows["n_real"] == n]) for n in sizes)]


def _images(n_real: float) -> str:
    return f"{n_real:.0f} real images"


def _cells(
    rows: pd.DataFrame, column: str, values: Sequence[float], written: Callable[[pd.Series], str]
) -> list[list[str]]:
    """A row for each arm, a column for each of these values."""
    lines = []
    for arm, own in rows.groupby("arm", sort=False):
        found = {row[column]: written(row) for _, row in own.iterrows()}
        lines.append([in_words(str(arm)), *(found.get(value, ABSENT) for value in values)])
    return lines


def _whole(row: pd.Series) -> str:
    return f"{with_interval(row['mean'], row['low'], row['high'])} (n = {row['n']})"


def _spread(row: pd.Series) -> str:
    return mean_and_sd(row["mean"], row["sd"])


def _cost_section(task: str, n_real: float, rows: pd.DataFrame) -> Section:
    shown = {name: title for name, title in COSTS.items() if rows.loc[rows["measure"] == name, "mean"].notna().any()}
    lines = []
    for arm, own in rows.groupby("arm", sort=False):
        of = own[own["measure"].isin(["ap", *shown])].set_index("measure")["mean"]
        taken = [number(of.get(name, np.nan), 0 if name.endswith("_mib") else 1) for name in shown]
        lines.append([in_words(str(arm)), number(of.get("ap", np.nan)), *taken])
    headings = ["Arm", "AP", *shown.values()]
    return Section(f"{task}, {_images(n_real)}: cost beside average precision", headings, lines, COST_NOTE)
