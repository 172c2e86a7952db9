"""Small studies, and the released runs, as the tables read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from red_herring import reference
from red_herring.data.splits import TESTS
from red_herring.report.collect import KEYS, SEARCHES, SHIFT_SCORES
from red_herring.report.markup import Table
from red_herring.report.published import overlaps_between, published_tables
from red_herring.study import settings as study
from red_herring.study.names import OVERLAPS
from red_herring.study.settings import described_attributions, described_methods

PRINTED, RELEASED_RUNS = pd.read_csv(reference.PUBLISHED_TABLES), pd.read_csv(reference.PUBLISHED_RUNS)
REFERENCE = {"published_tables": PRINTED, "published_runs": RELEASED_RUNS}
INTERVALS = ["task", "method", "seed", "seeds", "images", "patients", "auc", "low", "high", "resamples"]


def table(module: str, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> Table:
    """The table that a module of red_herring.report.tables makes."""
    return import_module(f"red_herring.report.tables.{module}").tabulate(tables, settings)


def rows(found: Table, section: int = 0) -> dict[tuple[str, ...], list[str]]:
    """The rows of a section by their names."""
    return {tuple(row[: found.sections[section].names]): row for row in found.sections[section].rows}


def line(text: str, start: str) -> str:
    """The first line that begins so."""
    return next(line for line in text.splitlines() if line.startswith(start))


def localised(runs: pd.DataFrame, attributions: Iterable[str] = ("gradient",)) -> pd.DataFrame:
    """localisation.csv of runs that have {overlap}_{attribution} and chance_{overlap}_{attribution} beside them."""
    names = [f"{prefix}{overlap}" for prefix in ("", "chance_") for overlap in OVERLAPS]
    parts = []
    for attribution in attributions:
        own = runs.reindex(columns=[f"{name}_{attribution}" for name in names]).set_axis(names, axis=1)
        own["corrected_iou"] = (own["iou"] - own["chance_iou"]) / (1 - own["chance_iou"])
        parts.append(runs[KEYS].join(own).assign(attribution=attribution))
    return pd.concat(parts, ignore_index=True)


def overlaps_of(
    seeds: Sequence[int], share: float, task: str, split: str = "test", other: str = "test"
) -> pd.DataFrame:
    """The share of the images in `split` of each seed that is in `other` of each other one."""
    columns = ["task", "seed", "other", "split", "other_split", "share"]
    return pd.DataFrame([(task, a, b, split, other, share) for a, b in permutations(seeds, 2)], columns=columns)


# The released runs

RELEASED = REFERENCE | published_tables(RELEASED_RUNS, pd.read_csv(reference.PUBLISHED_HYPERPARAMETERS), {})
RELEASED["searches"]["on_bound"] = False
RELEASED["overlaps"] = overlaps_between(RELEASED["runs"], pd.read_csv(reference.PUBLISHED_OVERLAPS))
RELEASED["auc_intervals"] = pd.DataFrame(columns=INTERVALS)
SETTINGS = study.published_settings()


def of_tasks(settings: Mapping[str, Any], *tasks: str) -> dict[str, Any]:
    """The settings with these tasks only."""
    return {**settings, "tasks": {task: settings["tasks"][task] for task in tasks}}


# A study of four methods and two seeds, as the paper's tables show it

GROUPS = ["site A", "site B"]
METHODS = ["classification", "actdiff", "masked", "rrr"]


def settings_of(
    task: str = "spc",
    methods: Sequence[str] = METHODS,
    seeds: Sequence[int] = (0, 1),
    attributions: Sequence[str] = ("gradient",),
) -> dict[str, Any]:
    """Of one task."""
    return {
        "tasks": {task: {"groups": GROUPS}},
        "methods": described_methods(methods),
        "seeds": list(seeds),
        "attributions": described_attributions(attributions),
    }


def study_of(runs: pd.DataFrame, task: str = "spc") -> dict[str, pd.DataFrame]:
    """The tables of a study of these runs, beside the released ones."""
    runs = runs.assign(task=task)
    return REFERENCE | {"runs": runs, "localisation": localised(runs)}


def runs_by_hand() -> pd.DataFrame:
    """method, seed, AUCs, and overlaps of the gradient."""
    found = []
    for method, aucs, ious in [
        ("classification", [0.4, 0.6], [0.3, 0.3]),
        ("actdiff", [0.7, 0.9], [0.2, 0.2]),
        ("masked", [0.52, 0.52], [0.35, 0.36]),
        ("rrr", [0.1, 0.3], [0.31, 0.31]),
    ]:
        for seed, (auc, iou) in enumerate(zip(aucs, ious, strict=True)):
            shift = (auc + 0.05, auc / 2, auc, 0.5 if method == "rrr" else auc, 0.1, 100, 20, 40 + 2 * seed)
            found.append((method, seed, auc, iou, iou + 0.1, iou + 0.1, 0.33, 0.5, 0.5, *shift))
    overlaps = [f"{prefix}{overlap}_gradient" for prefix in ("", "chance_") for overlap in OVERLAPS]
    columns = ["method", "seed", "test_auc", *overlaps, *SHIFT_SCORES, *(f"{name}_images" for name in TESTS)]
    return pd.DataFrame(found, columns=columns)


# A study of three methods, of which one has no run, with two attributions

FEW = {
    "tasks": {"a_b": {"ratio": 0.9, "guidance": {"control": "none", "budget": 1.0}}},
    "methods": described_methods(["classification", "rrr", "masked"]),
    "seeds": [1, 2, 3],
    "attributions": described_attributions(["gradient", "occlusion"]),
}


def runs_of(*rows: tuple) -> pd.DataFrame:
    """method, seed, test AUC, test AUC in distribution, IoU of the gradient."""
    columns = ["method", "seed", "test_auc", "test_in_distribution_auc", "iou_gradient"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(task="a_b", iou_occlusion=1 - found["iou_gradient"]).astype({"seed": int})


def few(runs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The study with these runs."""
    return STUDY | {"runs": runs, "localisation": localised(runs, FEW["attributions"])}


RUNS = runs_of(
    ("classification", 1, 0.2, 1.0, 0.1),
    ("classification", 2, 0.3, 1.0, 0.2),
    ("classification", 3, 0.1, 1.0, 0.3),
    ("rrr", 1, 0.5, 0.5, 0.15),
    ("rrr", 2, 0.5, 0.9, 0.25),
    ("rrr", 3, 0.9, 0.9, 0.35),
)
SEARCH = pd.DataFrame(
    [
        ("a_b", "rrr", "lr", "log-uniform", 1e-5, 1e-2, 1e-5, True),
        ("a_b", "rrr", "lambda", "log-uniform", 1e-4, 10, 0.5, False),
        ("a_b", "classification", "lr", np.nan, np.nan, np.nan, 1e-3, False),
    ],
    columns=SEARCHES,
)
TRIALS = pd.DataFrame(
    {"task": "a_b", "method": "rrr", "trial": range(1, 6), "lr": [1, 2, 3, 4, 5.0], "lambda": 1.0,
     "status": ["ok"] * 4 + ["failed"], "valid_auc": [0.9, 0.8, 0.7, 0.6, np.nan]}
)  # fmt: skip
AUCS = pd.DataFrame(
    [("a_b", "rrr", 1, 1, 90, 80, 0.7, 0.6, 0.8, 2000), ("a_b", "rrr", np.nan, 3, 270, 240, 0.75, 0.5, 0.9, 2000),
     ("a_b", "masked", 1, 1, 100, 80, 0.5, np.nan, np.nan, 2000)],
    columns=INTERVALS,
)  # fmt: skip
OVERLAPPING = pd.concat(
    [
        overlaps_of([1, 2, 3], 0.9, "a_b", "train", "train"),
        overlaps_of([1, 2, 3], 0.8, "a_b", "test", "train"),
        overlaps_of([1, 2, 3], 0.2, "a_b"),
        overlaps_of([1, 2, 3], 0.4, "a_b", "test_positives", "test_positives"),
        overlaps_of([1, 2, 3], 0.7, "another"),
    ]
)
RELIANCE = RUNS[KEYS].assign(relative_reliance=[0.9, 0.8, 0.7, 0.5, 0.6, 0.1])
STUDY = {"overlaps": OVERLAPPING, "searches": SEARCH, "trials": TRIALS, "auc_intervals": AUCS, "reliance": RELIANCE}
STUDY = few(RUNS)
