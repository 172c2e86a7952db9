"""The test AUC of each run and of each method with its bootstrap interval."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import (
    ABSENT,
    Section,
    Table,
    joined,
    with_interval,
)
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import (
    FEW_SEEDS,
    Settings,
    Study,
    in_order,
    missing_note,
    of_task,
)

TITLE = "AUC intervals"
CATEGORY = "Analyses"
CAPTION = (
    "Test AUC of every run with its 95 % interval by bootstrap of the patients, and of every method by bootstrap of "
    "seeds and patients. Compare the width within a run with the spread between seeds."
)
FILES = ["runs.csv", "auc_intervals.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """The test AUC of each run and of each method with its bootstrap interval; frame: auc_intervals.csv as it is."""
    frame = in_order(study["auc_intervals"], settings)
    sections = [_intervals_section(of_task(frame, task), task, settings) for task in settings["tasks"]]
    return Table(frame, sections, joined(INTERVALS_NOTE, missing_note(study["runs"], settings)))


INTERVALS_NOTE = (
    "Test AUC with its 95 % bootstrap interval: of a run over its patients, each drawn with all images; of all seeds "
    "over the patients of all test sets, who count equally often in each of them, and over seeds. As the spread "
    "between seeds holds a part of that between patients, the latter are a little too wide. " + FEW_SEEDS
)


def _intervals_section(rows: pd.DataFrame, task: str, settings: Settings) -> Section:
    """A row per seed, the first for all together; a column per method."""
    methods = methods_of(settings, task)
    # A seed is a number or, for all together, missing, which no look-up finds.
    found = {(row["seed"], row["method"]): row for _, row in rows.assign(seed=rows["seed"].fillna(ALL)).iterrows()}
    seeds = list(dict.fromkeys(seed for seed, _ in sorted(found, key=lambda key: key[0] != ALL)))
    lines = [
        ["All seeds" if seed == ALL else f"{seed:.0f}", *(_interval(found.get((seed, method))) for method in methods)]
        for seed in seeds
    ]
    counts = [_counted(rows.loc[rows["seed"].notna(), name], name) for name in ("images", "patients")]
    drawn = f"Test sets of {' of '.join(counts)}." if len(rows) else "No predictions, so no intervals."
    return Section(
        f"{task}: intervals of the test AUC",
        ["Seed", *(about["title"] for about in methods.values())],
        lines,
        drawn,
    )


ALL = -1
"""Stands for all seeds together."""


def _counted(values: pd.Series, name: str) -> str:
    low, high = values.min(), values.max()
    return f"{low:.0f} {name}" if low == high else f"{low:.0f} to {high:.0f} {name}"


def _interval(row: pd.Series | None) -> str:
    if row is None:
        return ABSENT
    return with_interval(row["auc"], row["low"], row["high"])
