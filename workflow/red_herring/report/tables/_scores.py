"""What the table of a task and those of the paper share: means and spreads by method, and their cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.report.markup import (
    ABSENT,
    bold,
    given,
    mean_and_sd,
    number,
)
from red_herring.report.tables._rows import (
    Settings,
)
from red_herring.statistics.common import CHANCE_AUC
from red_herring.study.names import BASELINE, OVERLAPS

TABLE_GROUP = {"Input masking": "Baseline"}
"""The paper's tables count Masked among the baselines, its Figure 8 does not."""

SCORES = {
    "auc": "test_auc",
    **{overlap: f"{overlap}_gradient" for overlap in OVERLAPS},
    "in_distribution_auc": "test_in_distribution_auc",
    "balanced_auc": "test_balanced_auc",
    "within_0_auc": "within_0_auc",
    "within_1_auc": "within_1_auc",
}
"""Column of the table, with _mean and _sd -> column of runs.csv."""

PUBLISHED = ("auc_mean", "auc_sd", "iou_mean", "iou_sd")


def published(task: str, tables: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """auc_mean, auc_sd, iou_mean, iou_sd by method: as printed in the paper's tables, and where it prints none (the
    synthetic task) recomputed from the authors' released runs; no rows for other tasks.
    """
    printed = tables[tables["task"] == task].set_index("method")
    if len(printed):
        return printed[["auc_mean", "auc_std", "iou_mean", "iou_std"]].rename(
            columns=lambda name: name.replace("std", "sd")
        )
    grouped = runs[runs["task"] == task].groupby("method")
    columns = {"auc": grouped["test_auc"], "iou": grouped["iou_gradient"]}
    parts = {f"{name}_mean": column.mean() for name, column in columns.items()}
    return pd.DataFrame(parts | {f"{name}_sd": column.std() for name, column in columns.items()})


def summarise(
    runs: pd.DataFrame, methods: Mapping[str, Settings], reference: pd.DataFrame, scores: Mapping[str, str] = SCORES
) -> pd.DataFrame:
    """One row per method of one task, in the order of `methods` within the paper's groups.

    runs: with their overlaps, see `scored`. methods: name -> title and approach.

    Columns: group, method, n (seeds), those of `scores` as n (seeds that have it), mean and sd (sample standard
    deviation, missing for one seed), of each overlap chance_*, the mean of what a random map scores, the means
    floor_auc and the images of each test set, published_*, and, for AUC, IoU, IoP and IoT, *_bold: beats Classification
    and is better than chance.
    """
    context = {f"chance_{name}": f"chance_{column}" for name, column in scores.items() if _is_overlap(name)}
    context |= {name: name for name in ("floor_auc", *(f"{name}_images" for name in TESTS))}
    runs = runs.reindex(columns=list(dict.fromkeys([*runs, *scores.values(), *context.values()])))
    rows = []
    for group, method in in_groups(methods).itertuples(index=False):
        own = runs[runs["method"] == method]
        row: dict[str, Any] = {"group": group, "method": method, "n": len(own)}
        for name, column in scores.items():
            row |= {
                f"{name}_n": own[column].count(),
                f"{name}_mean": own[column].mean(),
                f"{name}_sd": own[column].std(),
            }
        row |= {name: own[column].mean() for name, column in context.items()}
        row |= {f"published_{name}": reference[name].get(method, np.nan) for name in PUBLISHED if len(reference)}
        rows.append(row)
    published_columns = [f"published_{name}" for name in PUBLISHED]
    table = pd.DataFrame(rows)
    table = table.reindex(columns=[*table.columns.difference(published_columns, sort=False), *published_columns])
    for name in scores:
        if name == "auc" or _is_overlap(name):
            chance = CHANCE_AUC if name == "auc" else table[f"chance_{name}"]
            beaten = table.loc[table["method"] == BASELINE, f"{name}_mean"].mean()
            table[f"{name}_bold"] = (table[f"{name}_mean"] > beaten) & (table[f"{name}_mean"] > chance)
    return table


def _is_overlap(name: str) -> bool:
    return name.split("_")[0] in OVERLAPS


def in_groups(methods: Mapping[str, Settings]) -> pd.DataFrame:
    """group, method: the methods of a group below each other, groups in the order of their first."""
    groups = [TABLE_GROUP.get(about["approach"], about["approach"]) for about in methods.values()]
    order = {group: position for position, group in enumerate(dict.fromkeys(groups))}
    table = pd.DataFrame({"group": groups, "method": list(methods)})
    return table.sort_values("group", key=lambda groups: groups.map(order), kind="stable").reset_index(drop=True)


def score(row: pd.Series, name: str) -> str:
    """Mean and spread, and how many seeds have it where that is not all of them."""
    text = mean_and_sd(row[f"{name}_mean"], row[f"{name}_sd"])
    some = f" (n = {row[f'{name}_n']})" if 0 < row[f"{name}_n"] < row["n"] else ""
    return given(bold(text, bool(row.get(f"{name}_bold", False))) + some, row["n"])


def printed(row: pd.Series, name: str) -> str:
    mean, sd = row[f"published_{name}_mean"], row[f"published_{name}_sd"]
    return ABSENT if np.isnan(mean) else mean_and_sd(mean, sd)


def known(value: float) -> str:
    return ABSENT if np.isnan(value) else number(value)


def named(row: pd.Series, settings: Settings) -> list[str]:
    """The first cells of a row of `summarise`: the group and the title of the method."""
    return [row["group"], settings["methods"][row["method"]]["title"]]
