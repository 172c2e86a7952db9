"""The tidy tables of a study: one row per run, per run and attribution, per epoch, trial or hyperparameter searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError, read_json
from red_herring.study.names import MEASURES, OVERLAPS

Run = tuple[str, str, int]
"""Task, method, seed."""

KEYS = ["task", "method", "seed"]
LOCALISATION = [
    *KEYS, "attribution", "images", "undefined",
    *(f"{prefix}{measure}" for measure in MEASURES for prefix in ("", "chance_", "corrected_")),
    "steps", "completeness_error",
]  # fmt: skip
SEARCHES = ["task", "method", "hyperparameter", "law", "low", "high", "best", "on_bound"]
MISSING = [*KEYS, "why"]
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


def study_tables(results: Path, runs: Sequence[Run], study: dict[str, Any]) -> dict[str, pd.DataFrame]:
    """Name -> table of a study, from the files of these runs below `results`; all but its missing runs.

    study: attributions, and spaces: task/method -> hyperparameter -> [law, low, high] of what was searched.
    """
    searches = list(dict.fromkeys((task, method) for task, method, _ in runs))
    localisation = localisation_table(results, runs, study["attributions"])
    return {
        "runs": runs_table(results, runs, localisation),
        "localisation": localisation,
        "histories": histories_table(results, runs),
        "trials": trials_table(results, searches),
        "searches": searches_table(results, searches, study["spaces"]),
    }


def runs_table(results: Path, runs: Sequence[Run], localisation: pd.DataFrame) -> pd.DataFrame:
    """One row per run, in the given order, from run.json and what `localisation_table` says of these runs.

    Columns: task, method, seed, best_epoch, valid_auc, test_auc, those of SHIFT_SCORES, empty where a class is missing;
    the number of images of each test set as {set}_images; then those of `wide`.
    """
    rows = []
    for run in runs:
        record = read_json(run_folder(results / "runs", run) / "run.json")
        row = {key: record[key] for key in (*KEYS, "best_epoch", "valid_auc", "test_auc", *SHIFT_SCORES)}
        rows.append(row | {f"{name}_images": record["images"][name] for name in TESTS})
    return pd.DataFrame(rows).astype(dict.fromkeys(SHIFT_SCORES, float)).merge(wide(localisation), on=KEYS)


def wide(localisation: pd.DataFrame) -> pd.DataFrame:
    """One row per run: task, method, seed; for each attribution iou_*, iop_* and iot_*, and chance_iou_* and so on, the
    means of what a random map would score; localised, the number of images behind them.
    """
    columns = {
        f"{prefix}{measure}_{attribution}": rows.set_index(KEYS)[f"{prefix}{measure}"]
        for prefix in ("", "chance_")
        for attribution, rows in localisation.groupby("attribution", sort=False)
        for measure in OVERLAPS
    }
    images = localisation.drop_duplicates(KEYS).set_index(KEYS)["images"]
    return pd.DataFrame(columns | {"localised": images}, index=images.index).reset_index()


def localisation_table(results: Path, runs: Sequence[Run], attributions: Sequence[str]) -> pd.DataFrame:
    """One row per run and attribution: task, method, seed, attribution, images (positive test images with a mask),
    undefined (those of them whose map is constant), and for each measure the means of it, chance_ and corrected_ over
    the images that have it; for integrated gradients steps, their mean, and completeness_error, the largest.
    """
    means = [f"{prefix}{measure}" for measure in MEASURES for prefix in ("", "chance_", "corrected_")]
    rows = []
    for run in runs:
        for attribution in attributions:
            scores = read_table(run_folder(results / "saliency", run) / f"{attribution}.csv")
            row = {"attribution": attribution, "images": len(scores), "undefined": scores["iou"].isna().sum()}
            row |= scores[means].mean().to_dict()
            if "steps" in scores:
                row |= {"steps": scores["steps"].mean(), "completeness_error": scores["completeness_error"].max()}
            rows.append(dict(zip(KEYS, run, strict=True)) | row)
    return pd.DataFrame(rows, columns=LOCALISATION)


def histories_table(results: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """One row per epoch of every run: task, method, seed, and the columns of history.csv."""
    return _concat({run: run_folder(results / "runs", run) / "history.csv" for run in runs}, KEYS)


def trials_table(results: Path, searches: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """One row per trial of every search (task, method), with the columns of trials.csv."""
    files = {(task, method): results / "tuning" / task / method / "trials.csv" for task, method in searches}
    return _concat(files, ["task", "method"])


def searches_table(
    results: Path, searches: Sequence[tuple[str, str]], spaces: dict[str, dict[str, list[Any]]]
) -> pd.DataFrame:
    """One row per hyperparameter of every search: task, method, hyperparameter, law, low, high (its range), best and
    on_bound, whether the best is near an end of the range; law, low, high are missing where nothing was searched.
    """
    rows = []
    for task, method in searches:
        best = read_json(results / "tuning" / task / method / "best.json")
        for name, value in best["hyperparameters"].items():
            law, low, high = spaces.get(f"{task}/{method}", {}).get(name, (None, None, None))
            rows.append((task, method, name, law, low, high, value, name in best["on_bound"]))
    return pd.DataFrame(rows, columns=SEARCHES)


def _concat(files: dict[tuple, Path], names: list[str]) -> pd.DataFrame:
    """The tables in `files` below each other, with their keys as the first columns; empty ones give only columns."""
    parts = {key: read_table(file) for key, file in files.items()}
    filled = {key: part for key, part in parts.items() if len(part)} or dict(list(parts.items())[:1])
    return pd.concat(filled, names=names).reset_index(level=names).reset_index(drop=True)
