"""The authors' released runs as the tables of a study, so that all that is made of our runs can be made of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

import pandas as pd

from red_herring.data.overlaps import COLUMNS
from red_herring.report.collect import KEYS, LOCALISATION, MISSING, SEARCHES, SHIFT_SCORES
from red_herring.study.catalogue import BLUR, method_card
from red_herring.study.names import OVERLAPS

BLUR_RANGE = ["uniform", 0.0, 1.0]
"""That of the released search; the paper's text says up to 2."""


Chance = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Task -> attribution -> iou, iop and iot of a random map, of the tasks whose masks are known."""


def published_tables(runs: pd.DataFrame, hyperparameters: pd.DataFrame, chance: Chance) -> dict[str, pd.DataFrame]:
    """Name -> table, columns as in a study of our own; what was not released is missing.

    runs: task, method, seed, best_epoch, valid_auc, test_auc, and {iou, iop, iot}_{attribution}. hyperparameters: task,
    method, and a column per hyperparameter, missing where a method has none.
    """
    return {
        "runs": runs[[*KEYS, "best_epoch", "valid_auc", "test_auc"]].assign(**dict.fromkeys(SHIFT_SCORES, nan)),
        "localisation": localisation_of(runs, chance),
        "searches": searches_of(hyperparameters),
        "trials": pd.DataFrame(columns=["task", "method", "trial", "status", "valid_auc"]),
        "missing": pd.DataFrame(columns=MISSING),
    }


def overlaps_between(runs: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """A row for each ordered pair of a task's seeds and each pair of splits, with the mean share of such pairs.

    runs: task, seed. shares: task, split, other_split, share.
    """
    seeds = runs[["task", "seed"]].drop_duplicates()
    pairs = seeds.merge(seeds.rename(columns={"seed": "other"}), on="task")
    return pairs[pairs["seed"] != pairs["other"]].merge(shares, on="task")[COLUMNS]


def localisation_of(runs: pd.DataFrame, chance: Chance) -> pd.DataFrame:
    """One row per run and attribution."""
    attributions = [column.removeprefix("iou_") for column in runs if column.startswith("iou_")]
    parts = {
        attribution: runs[KEYS].assign(
            **{name: runs[f"{name}_{attribution}"] for name in OVERLAPS},
            **{f"chance_{name}": runs["task"].map(_levels(chance, attribution, name)) for name in OVERLAPS},
        )
        for attribution in attributions
    }
    table = pd.concat(parts, names=["attribution"]).reset_index("attribution")
    for name in OVERLAPS:
        level = table[f"chance_{name}"]
        table = table.assign(**{f"corrected_{name}": (table[name] - level) / (1 - level)})
    return table.reindex(columns=LOCALISATION)


def _levels(chance: Chance, attribution: str, overlap: str) -> dict[str, float]:
    """Task -> what a random map scores; without those whose masks are not known."""
    return {task: of_task[attribution][overlap] for task, of_task in chance.items()}


def searches_of(hyperparameters: pd.DataFrame) -> pd.DataFrame:
    """One row per hyperparameter of the final runs with the range that the paper says was searched."""
    rows = [
        (*row[["task", "method"]], name, *space[name], row[name])
        for _, row in hyperparameters.iterrows()
        for space in [_space(row["method"])]
        for name in space
        if pd.notna(row[name])
    ]
    return pd.DataFrame(rows, columns=SEARCHES[:-1])


def _space(method: str) -> dict[str, list[Any]]:
    card = method_card(method)
    return card.hyperparameters | ({BLUR: BLUR_RANGE} if "masks" in card.uses else {})
