"""The tidy tables of a study: one row per run, per run and attribution, per epoch, trial or hyperparameter searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError, read_json
from red_herring.study.catalogue import analysis_card
from red_herring.study.names import ARMS, MEASURES, PREFIXES

Run = tuple[str, str, int]
"""Task, method, seed."""

KEYS = ["task", "method", "seed"]
LOCALISATION = [
    *KEYS, "attribution", "images", "undefined",
    *(f"{prefix}{measure}" for measure in MEASURES for prefix in PREFIXES),
    *(f"{arm}_undefined" for arm in ARMS), "steps", "completeness_error",
]  # fmt: skip
MEASURED = [
    *(*KEYS, "test_set", "images"),
    *("prevalence", "accuracy", "worst_group_accuracy", "auprc", "ece", "ece_scaled", "brier", "temperature"),
    *("empty_cells", "ece_calibrated", "ece_scaled_calibrated"),
]
SEARCHES = ["task", "method", "hyperparameter", "law", "low", "high", "best", "on_bound"]
MISSING = [*KEYS, "why"]
SHIFT_SCORES = ["test_in_distribution_auc", "test_balanced_auc", "within_0_auc", "within_1_auc", "floor_auc"]
"""What run.json holds beside test_auc: the other test sets, each nuisance group, and the nuisance alone."""


def runs_of(tasks: Mapping[str, Sequence[str]], seeds: Sequence[int]) -> list[Run]:
    """The runs that a study is to have, in order. tasks: name -> the methods that run on it."""
    return [(task, method, seed) for task, methods in tasks.items() for method in methods for seed in seeds]


def asked_of(analyses: Mapping[str, Mapping[str, Sequence[str]]], run: Run) -> list[str]:
    """The analyses that are asked of a run. analyses: name -> task -> the methods whose runs on it are asked."""
    task, method, _ = run
    return [name for name, asked in analyses.items() if method in asked.get(task, ())]


def answers_of(
    results: Path, analyses: Mapping[str, Mapping[str, Sequence[str]]], runs: Sequence[Run]
) -> dict[str, pd.DataFrame]:
    """Analysis -> its table of those of these runs of which it is asked. analyses: as for `asked_of`."""
    return {
        name: analysis_table(results, name, [run for run in runs if name in asked_of(analyses, run)])
        for name in analyses
    }


def run_folder(stage: Path, run: Run) -> Path:
    """The folder of a run below that of a stage, such as results/runs."""
    task, method, seed = run
    return stage / task / method / f"seed={seed}"


def answer_file(results: Path, analysis: str, run: Run, rest: str = ".csv") -> Path:
    """A file of an analysis of a run; its rest is `.csv`, `_images.csv` or `.safetensors`."""
    task, method, seed = run
    return results / analysis / task / method / f"seed={seed}{rest}"


def maps_file(maps: Path, run: Run, rest: str = ".safetensors") -> Path:
    """The arrays of a run in the folder of an analysis that makes maps, such as results/localisation."""
    return answer_file(maps.parent, maps.name, run, rest)


def check_made_by(
    results: Path, runs: Sequence[Run], made_by: Mapping[str, Mapping[str, str]], searched: Mapping[str, str]
) -> None:
    """StudyError when a search or run was not made by these settings and this code (stage -> task/method -> digest), or
    a run not with the hyperparameters of its search. searched: task -> that whose search its runs take.

    Snakemake cannot know it of files of which it has no record: those of a cluster job that ended after Snakemake was
    killed, and copies. Different makings must not meet in one table.
    """
    searches = {results / "tuning" / search / "best.json": of for search, of in made_by["tune"].items()}
    foreign = [str(file) for file, of in searches.items() if read_json(file).get("made_by") != of]
    foreign += [
        str(run_folder(results / "runs", run) / "run.json")
        for run in runs
        if is_foreign(results, run, made_by["train"], searched)
    ]
    if foreign:
        raise StudyError(
            f"{foreign[0]}: was made by other settings or code than those at Snakemake's start, expected to be the "
            f"same for all; start it again, and should this come again, add --forcerun {' '.join(foreign)}"
        )


def is_foreign(results: Path, run: Run, made_by: Mapping[str, str], searched: Mapping[str, str]) -> bool:
    """Whether a run is of other settings or code (task/method -> digest), or of hyperparameters not from its search."""
    task, method, _ = run
    record = read_json(run_folder(results / "runs", run) / "run.json")
    best = read_json(results / "tuning" / searched[task] / method / "best.json")
    of_search = record.get("hyperparameters") == best.get("hyperparameters")
    return record.get("made_by") != made_by[f"{task}/{method}"] or not of_search


def study_tables(
    results: Path, runs: Sequence[Run], searched: Mapping[str, str], spaces: Mapping[str, Mapping[str, Sequence[Any]]]
) -> dict[str, pd.DataFrame]:
    """Name -> table of a study, from the files of these runs below `results`; all but its missing runs and what is
    asked of them.

    searched: task -> that whose search its runs take. spaces: task/method -> hyperparameter -> [law, low, high] of what
    was searched.
    """
    searches = list(dict.fromkeys((searched[task], method) for task, method, _ in runs))
    return {
        "runs": runs_table(results, runs),
        "measures": measures_table(results, runs),
        "histories": histories_table(results, runs),
        "trials": trials_table(results, searches),
        "searches": searches_table(results, searches, spaces),
    }


def runs_table(results: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """One row per run, in the given order, from run.json.

    Columns: task, method, seed, best_epoch, valid_auc, test_auc, those of SHIFT_SCORES, empty where a class is missing;
    the number of images of each test set as {set}_images.
    """
    rows = []
    for run in runs:
        record = read_json(run_folder(results / "runs", run) / "run.json")
        row = {key: record[key] for key in (*KEYS, "best_epoch", "valid_auc", "test_auc", *SHIFT_SCORES)}
        rows.append(row | {f"{name}_images": record["images"][name] for name in TESTS})
    return pd.DataFrame(rows).astype(dict.fromkeys(SHIFT_SCORES, float))


def measures_table(results: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """One row per run and test set, from run.json: the columns MEASURED; empty where there is no image or one class."""
    rows = []
    for run in runs:
        record = read_json(run_folder(results / "runs", run) / "run.json")
        for name, measured in record["measures"].items():
            rows.append([*run, name, record["images"][name], *(measured[column] for column in MEASURED[5:])])
    return pd.DataFrame(rows, columns=MEASURED).astype(dict.fromkeys(MEASURED[5:], float))


def analysis_table(results: Path, analysis: str, runs: Sequence[Run]) -> pd.DataFrame:
    """The tables of these runs below each other: task, method, seed, and what the card of the analysis says. A run of
    which there is none has no row.
    """
    card = analysis_card(analysis)
    files = {run: answer_file(results, analysis, run) for run in runs}
    parts = {run: read_table(file, card.by) for run, file in files.items() if file.exists()}
    if not parts:
        return pd.DataFrame(columns=[*KEYS, *card.by, *card.columns])
    return pd.concat(parts, names=KEYS).reset_index(level=KEYS).reset_index(drop=True)


def histories_table(results: Path, runs: Sequence[Run]) -> pd.DataFrame:
    """One row per epoch of every run: task, method, seed, and the columns of history.csv."""
    return _concat({run: run_folder(results / "runs", run) / "history.csv" for run in runs}, KEYS)


def trials_table(results: Path, searches: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """One row per trial of every search (task, method), with the columns of trials.csv."""
    files = {(task, method): results / "tuning" / task / method / "trials.csv" for task, method in searches}
    return _concat(files, ["task", "method"])


def searches_table(
    results: Path, searches: Sequence[tuple[str, str]], spaces: Mapping[str, Mapping[str, Sequence[Any]]]
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


def _concat(files: Mapping[Any, Path], names: list[str]) -> pd.DataFrame:
    """The tables in `files` below each other, with their keys as the first columns; empty ones give only columns."""
    parts = {key: read_table(file) for key, file in files.items()}
    filled = {key: part for key, part in parts.items() if len(part)} or dict(list(parts.items())[:1])
    return pd.concat(filled, names=names).reset_index(level=names).reset_index(drop=True)
