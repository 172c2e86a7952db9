"""The scores of the one task beside the published ones, then those on the other test sets and within groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from red_herring.report.collect import SHIFT_SCORES
from red_herring.report.markup import (
    Section,
    Table,
    given,
    joined,
    number,
)
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import (
    Settings,
    Study,
    missing_note,
    of_task,
    scored,
)
from red_herring.report.tables._scores import known, named, printed, published, score, summarise

TITLE = "Test sets and groups"
CATEGORY = "Tables"
CAPTION = (
    "The same classifiers on the shifted test set, on one with the relation of training, on a balanced one, and "
    "within each nuisance group, where the nuisance cannot help. A method that has learnt the shortcut does well in "
    "distribution, badly under the shift, and well within each group."
)
FILES = ["runs.csv", "localisation.csv"]
ITEMS = {
    "{task}": {"tasks": "each"},
}


PAPER = ["", "Method", "n", "AUC", "AUC, published", "IoU", "IoP", "IoU, published", "chance IoU / IoP"]

PAPER_NOTE = (
    "n: seeds. Mean ± sample standard deviation over seeds; test images, at the epoch of lowest validation loss. IoU: "
    "input gradient against the ROI mask, positive test images; IoP: intersection over predicted. Bold: beats "
    "Classification and is better than chance. On some tasks the IoU printed in the paper agrees better with the "
    "authors' released IoP than with their IoU."
)

SHIFT_NOTE = (
    "The same classifiers on the shifted test set (the AUC above), on one with the relation of training and on one "
    "without any; within each nuisance group, over the images of all three; and the floor, what the nuisance alone "
    "scores on the shifted test set."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """The scores of the one task beside the published ones; then, if there are any, those on the other test sets."""
    (task,) = settings["tasks"]
    runs = of_task(scored(study, settings), task)
    reference = published(task, study["published_tables"], study["published_runs"])
    table = summarise(runs, methods_of(settings, task), reference)
    missing = missing_note(runs, settings)
    sections = [Section(task, PAPER, _rows(table, _paper_cells, settings), joined(PAPER_NOTE, missing), names=2)]
    if runs.reindex(columns=SHIFT_SCORES).notna().any(axis=None):
        headings = _shift_headings(settings["tasks"][task]["groups"], table)
        sections.append(
            Section(f"{task}: other test sets", headings, _rows(table, _shift_cells, settings), SHIFT_NOTE, names=2)
        )
    return Table(table, sections)


def _rows(table: pd.DataFrame, cells: Callable[[pd.Series], list[str]], settings: Settings) -> list[list[str]]:
    return [[*named(row, settings), *cells(row)] for _, row in table.iterrows()]


def _paper_cells(row: pd.Series) -> list[str]:
    return [
        str(row["n"]),
        score(row, "auc"),
        printed(row, "auc"),
        score(row, "iou"),
        score(row.drop("iop_bold"), "iop"),
        printed(row, "iou"),
        f"{known(row['chance_iou'])} / {known(row['chance_iop'])}",
    ]


def _shift_headings(groups: Sequence[str], table: pd.DataFrame) -> list[str]:
    """With the images of each test set, averaged over seeds, as these may be few."""
    sets = {"test": "AUC, shifted", "test_in_distribution": "in distribution", "test_balanced": "balanced"}
    counted = [f"{title} (n = {table[f'{name}_images'].mean():.0f})" for name, title in sets.items()]
    return ["", "Method", *counted, *(f"within {name}" for name in groups), "floor"]


def _shift_cells(row: pd.Series) -> list[str]:
    names = ("auc", "in_distribution_auc", "balanced_auc", "within_0_auc", "within_1_auc")
    row = row.drop("auc_bold")
    return [*(score(row, name) for name in names), given(number(row["floor_auc"]), row["n"])]
