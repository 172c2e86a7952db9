"""The tidy tables of a study: one row per run, per epoch, per trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.files import StudyError, read_json

Run = tuple[str, str, int]
"""Task, method, seed."""

KEYS = ["task", "method", "seed"]
SHIFT_SCORES = ["test_in_distribution_auc", "test_balanced_auc", "within_0_auc", "within_1_auc", "floor_auc"]
"""What run.json holds beside test_auc: the other test sets, each nuisance group, and the nuisance alone."""


def run_of(path: Path) -> Run:
    """The run of a file in .../{task}/{method}/seed={seed}/."""
    task, method, seed = path.parts[-4:-1]
    return task, method, int(seed.removeprefix("seed="))


def run_folder(stage: Path, run: Run) -> Path:
    """The folder of a run below that of a stage, such as results/runs or results/saliency."""
    task, method, seed = run
    return stage / task / method / f"seed={seed}"


def check_made_by(results: Path, runs: Sequence[Run], made_by: dict[str, dict[str, str]]) -> None:
    """StudyError when a search or run was not made by these settings and this code (stage -> task/method -> digest).

    Snakemake cannot know it of files of which it has no record: those of a cluster job that ended after Snakemake was
    killed, and copies. Different makings must not meet in one table.
    """
    files = {
        "tune": {results / "tuning" / task / method / "best.json": f"{task}/{method}" for task, method, _ in runs},
        "train": {run_folder(results / "runs", run) / "run.json": f"{run[0]}/{run[1]}" for run in runs},
    }
    foreign = [
        str(file)
        for stage, made in files.items()
        for file, of in made.items()
        if read_json(file).get("made_by") != made_by[stage][of]
    ]
    if foreign:
        raise StudyError(
            f"{foreign[0]}: was made by other settings or code than those at Snakemake's start, expected to be the "
            f"same for all; start it again, and should this come again, add --forcerun {' '.join(foreign)}"
        )


def runs_table(results: Path, runs: Sequence[Run], attributions: Sequence[str]) -> pd.DataFrame:
    """One row per run, in the given order, from run.json and the saliency scores below `results`.

    Columns: task, method, seed, best_epoch, valid_auc, test_auc, those of SHIFT_SCORES, empty where a class is missing;
    the number of images of each test set as {set}_images; for each attribution the means over the images iou_*, iop_*
    and iot_*; chance_iou, chance_iop, the means of what a random map would score; localised, the number of images
    behind them.
    """
    rows = []
    for run in runs:
        record = read_json(run_folder(results / "runs", run) / "run.json")
        row = {key: record[key] for key in (*KEYS, "best_epoch", "valid_auc", "test_auc", *SHIFT_SCORES)}
        row |= {f"{name}_images": record["images"][name] for name in TESTS}
        for attribution in attributions:
            scores = pd.read_csv(run_folder(results / "saliency", run) / f"{attribution}.csv")
            row |= {f"{measure}_{attribution}": scores[measure].mean() for measure in ("iou", "iop", "iot")}
        # Chance depends on the masks only, so it is the same for every attribution.
        row |= {"chance_iou": scores["chance_iou"].mean(), "chance_iop": scores["chance_iop"].mean()}
        rows.append(row | {"localised": len(scores)})
    return pd.DataFrame(rows).astype(dict.fromkeys(SHIFT_SCORES, float))


def histories_table(results: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """One row per epoch of every run: task, method, seed, and the columns of history.csv."""
    return _concat({run: run_folder(results / "runs", run) / "history.csv" for run in runs}, KEYS)


def trials_table(results: Path, searches: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """One row per trial of every search (task, method), with the columns of trials.csv."""
    files = {(task, method): results / "tuning" / task / method / "trials.csv" for task, method in searches}
    return _concat(files, ["task", "method"])


def of_task(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of one task; StudyError if there are none."""
    rows = table[table["task"] == task]
    if rows.empty:
        raise StudyError(f"runs.csv: has no run of task {task!r}, only of {', '.join(sorted(set(table['task'])))}")
    return rows


def _concat(files: dict[tuple, Path], names: list[str]) -> pd.DataFrame:
    """The tables in `files` below each other, with their keys as the first columns; empty ones give only columns."""
    parts = {key: pd.read_csv(file) for key, file in files.items()}
    filled = {key: part for key, part in parts.items() if len(part)} or dict(list(parts.items())[:1])
    return pd.concat(filled, names=names).reset_index(level=names).reset_index(drop=True)
