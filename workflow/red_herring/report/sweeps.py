"""What tables and figures of series of tasks share: names, values and the scores of runs along them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from red_herring.report.collect import KEYS
from red_herring.report.scores import methods_of
from red_herring.statistics.common import CHANCE_AUC
from red_herring.study.names import BASELINE

RATIO, BUDGET, CONTROL = "ratio", "mask.budget", "mask.control"

SHOWN = {RATIO: ("ratio",), BUDGET: ("guidance", "budget"), CONTROL: ("guidance", "control")}
"""Key of a series -> where the settings of a task have its value."""


def value_of(task: Mapping[str, Any], key: str) -> Any:
    """The value of a task by which it is in a series. task: its settings."""
    for name in SHOWN[key]:
        task = task[name]
    return task


def named(all_series: Sequence[Sequence[str]], key: str) -> dict[str, Sequence[str]]:
    """Name -> series: its tasks without what differs, `synthetic` of synthetic and synthetic_ratio=0.5, or all of them
    where another series would be called the same.
    """
    short = [", ".join(dict.fromkeys(_without(task, key) for task in series)) for series in all_series]
    return {
        name if short.count(name) == 1 else ", ".join(series): series
        for name, series in zip(short, all_series, strict=True)
    }


def _without(task: str, key: str) -> str:
    before, found, after = task.partition(f"_{key}=")
    return before + "".join(after.partition("_")[1:]) if found else task


def listed(series: Sequence[str]) -> str:
    """Which tasks a series has, in a sentence."""
    return f"Tasks: {', '.join(series)}."


def in_words(values: Iterable[float]) -> list[str]:
    """Numbers in their shortest form."""
    return [f"{value:g}" for value in values]


def shown_methods(table: pd.DataFrame, tasks: Sequence[str], methods: Iterable[str]) -> list[str]:
    """The methods that have a row on any of these tasks, as not every method runs on each."""
    there = set(table.loc[table["task"].isin(tasks), "method"])
    return [method for method in methods if method in there]


def beside(runs: pd.DataFrame, table: pd.DataFrame | None, columns: Mapping[str, str]) -> pd.DataFrame:
    """The runs with these columns (theirs -> ours) of another table of runs, NaN where it has none; as they are without
    that table.
    """
    if table is None:
        return runs
    if table.empty:  # perhaps without columns
        return runs.assign(**dict.fromkeys(columns.values(), np.nan))
    renamed = table.rename(columns=dict(columns))
    return runs.merge(renamed[[*KEYS, *columns.values()]], on=KEYS, how="left", validate="one_to_one")


DOSE_SCORES = {
    "test_auc": "AUC, shifted",
    "test_balanced_auc": "AUC, balanced",
    "test_in_distribution_auc": "AUC, in distribution",
    "corrected_iou": "IoU, chance-corrected",
    "relative_reliance": "reliance on the outside",
}
"""Score of a run -> what it is called along a series of ratios."""


def dose_scores(
    runs: pd.DataFrame, localisation: pd.DataFrame | None, reliance: pd.DataFrame | None, attribution: str
) -> pd.DataFrame:
    """The runs with those of DOSE_SCORES that the study has; the IoU is that of the attribution."""
    if localisation is not None:
        localisation = localisation[localisation["attribution"] == attribution]
    runs = beside(runs, localisation, {"corrected_iou": "corrected_iou"})
    runs = beside(runs, reliance, {"relative_reliance": "relative_reliance"})
    scores = [score for score in DOSE_SCORES if score in runs and runs[score].notna().any()]
    return runs[[*KEYS, *scores]]


def reference_at(score: str, ratio: float) -> float:
    """What the nuisance alone scores on a test set, as the ratio is exact; of the IoU and of reliance 0, a random map's
    and that of a classifier that ignores the outside.
    """
    return {"test_auc": 1 - ratio, "test_balanced_auc": CHANCE_AUC, "test_in_distribution_auc": ratio}.get(score, 0.0)


def floors_of(runs: pd.DataFrame) -> pd.Series:
    """Task -> what the nuisance alone scores on the shifted test sets as they were drawn, mean over seeds; no task
    where that is not known.
    """
    known = runs.reindex(columns=["task", "seed", "floor_auc"]).dropna().drop_duplicates(["task", "seed"])
    return known.astype({"floor_auc": float}).groupby("task")["floor_auc"].mean()


def guided(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The methods that use masks."""
    return [method for method, about in methods.items() if "masks" in about["uses"]]


def of_baseline(runs: pd.DataFrame, series: Sequence[str], task: str) -> pd.Series:
    """Seed -> test AUC of Classification on a task of a series by masks. Where it does not run there, it is that on the
    last task of the series that has it: no mask makes a difference to Classification.
    """
    own = runs[(runs["method"] == BASELINE) & runs["task"].isin(series)]
    there = [other for other in (task, *reversed(series)) if other in set(own["task"])]
    return own[own["task"] == (there[0] if there else None)].set_index("seed")["test_auc"].astype(float)


def of_method(runs: pd.DataFrame, task: str, method: str) -> pd.Series:
    """Seed -> test AUC of a method on a task."""
    own = runs[(runs["task"] == task) & (runs["method"] == method)]
    return own.set_index("seed")["test_auc"].astype(float)


BENEFITS = ["series", "task", "budget", "method", "seed", "auc", "benefit"]


def benefits(runs: pd.DataFrame, study: Mapping[str, Any]) -> pd.DataFrame:
    """The runs of the methods that use masks on the tasks of each series of budgets, columns BENEFITS: auc on the
    shifted test set, and benefit, how much more that is than Classification's with the same seed. Classification itself
    has budget 0, no task and no benefit. study: `series`, `tasks`, `methods`.
    """
    parts = []
    for name, series in named(study["series"], BUDGET).items():
        of = {"series": name}
        parts.append(_run_rows(of | {"task": "", "budget": 0.0, "method": BASELINE}, of_baseline(runs, series, "")))
        for method in shown_methods(runs, series, guided(study["methods"])):
            for task in series:
                aucs = of_method(runs, task, method)
                about = {"task": task, "budget": float(value_of(study["tasks"][task], BUDGET)), "method": method}
                parts.append(_run_rows(of | about, aucs, aucs - of_baseline(runs, series, task)))
    return pd.concat(parts, ignore_index=True)[BENEFITS]


def _run_rows(about: Mapping[str, Any], aucs: pd.Series, benefit: pd.Series | float = np.nan) -> pd.DataFrame:
    """A row for each seed of the AUCs."""
    return (
        pd.DataFrame({"auc": aucs, "benefit": benefit})
        .loc[aucs.index]
        .rename_axis("seed")
        .reset_index()
        .assign(**about)
    )


def ranked_tasks(study: Mapping[str, Any]) -> list[str]:
    """The tasks on which two methods run, or more."""
    return [task for task in study["tasks"] if len(methods_of(study, task)) > 1]
