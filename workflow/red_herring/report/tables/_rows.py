"""What all tables share: the runs with their scores, rows in order, and which runs are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.markup import joined
from red_herring.report.scores import left_out_note, methods_of, with_overlaps
from red_herring.statistics.common import LEAST_SEEDS

Settings = Mapping[str, Any]
"""What `red_herring.study.settings.results_settings` gives, with the tasks of the table and its own options."""

Study = Mapping[str, pd.DataFrame]
"""Name -> table of a study: runs, localisation, trials, searches, overlaps, auc_intervals; published_tables,
published_runs.
"""

FEW_SEEDS = (
    f"Fewer than {LEAST_SEEDS} seeds: no bootstrap interval, as it would be far too narrow; with 5 its 95 % "
    "is 84 %, with 10 it is 90 %."
)


def scored(study: Study, settings: Settings) -> pd.DataFrame:
    """The runs with the overlaps of every attribution of the study beside their AUCs."""
    return with_overlaps(study["runs"], study["localisation"], settings["attributions"])


def two_scores(runs: pd.DataFrame, x: str, y: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two scores of the runs, their methods and seeds, each [runs]."""
    return (
        runs[x].to_numpy(float),
        runs[y].to_numpy(float),
        runs["method"].to_numpy(),
        runs["seed"].to_numpy(),
    )


def of_task(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task."""
    return table[table["task"] == task]


def in_order(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows by task and method in display order; those of others are left out."""
    shown = {"task": list(settings["tasks"]), "method": list(settings["methods"])}
    own = table[np.logical_and.reduce([table[key].isin(names) for key, names in shown.items()])]
    return own.sort_values(
        list(shown), key=lambda values: values.map(shown[values.name].index), kind="stable", ignore_index=True
    )


def below_each_other(parts: Mapping[Any, pd.DataFrame], names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """The frames, of these columns, with their keys as first columns."""
    if not any(map(len, parts.values())):
        return pd.DataFrame(columns=[*names, *columns])
    return pd.concat(parts, names=names).reset_index(level=names).reset_index(drop=True)


ALONE = "no interval"
"""What one run by itself has."""


def missing_note(runs: pd.DataFrame, settings: Settings, alone: str = ALONE) -> str:
    """Which methods are left out of the tasks, which runs are missing, and where there is only one."""
    return joined(left_out_note(settings), runs_note(seeds_of(runs, settings), settings, alone))


def runs_note(counts: Mapping[str, Mapping[str, int]], settings: Settings, alone: str = ALONE) -> str:
    """Which runs are missing and where there is only one. counts: task -> method -> seeds that are there; alone: what
    one run by itself has.
    """

    def title(method: str) -> str:
        return str(settings["methods"][method]["title"])

    seeds = len(settings["seeds"])
    sentences = []
    for task, methods in counts.items():
        lacking = {method: seeds - n for method, n in methods.items() if n < seeds}
        if lacking:
            named = ", ".join(f"{title(method)} {n}" for method, n in lacking.items())
            expected = seeds * len(methods)
            sentences.append(f"{task}: {sum(lacking.values())} of {expected} runs are missing ({named}).")
    single = [(task, method) for task, methods in counts.items() for method, n in methods.items() if n == 1]
    if seeds == 1 or (single and len(single) == sum(len(methods) for methods in counts.values())):
        sentences.append(f"One seed: {alone}.")
    elif single:
        sentences.append(f"One seed: {alone} for {', '.join(f'{title(m)} on {task}' for task, m in single)}.")
    return " ".join(sentences)


def seeds_of(runs: pd.DataFrame, settings: Settings) -> dict[str, dict[str, int]]:
    """Task -> method that runs on it -> how many seeds have a run."""
    counts = runs.groupby(["task", "method"])["seed"].nunique()
    return {
        task: {method: int(counts.get((task, method), 0)) for method in methods_of(settings, task)}
        for task in settings["tasks"]
    }
