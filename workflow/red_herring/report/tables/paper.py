"""The paper's tables: test AUC and overlaps, tasks side by side, with the printed numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from red_herring.report.markup import (
    ABSENT,
    Section,
    Table,
    joined,
    number,
)
from red_herring.report.scores import methods_of, methods_shown
from red_herring.report.tables._rows import (
    Settings,
    Study,
    missing_note,
    of_task,
    scored,
)
from red_herring.report.tables._scores import in_groups, known, named, printed, published, score, summarise
from red_herring.statistics.common import CHANCE_AUC
from red_herring.study.names import MEASURES, OVERLAPS, PAPER_ATTRIBUTIONS

TITLE = "Tables of the paper"
CATEGORY = "Tables"
CAPTION = (
    "Test AUC and overlap of saliency and ROI mask, mean and standard deviation over seeds, in the form of the "
    "paper, with the printed numbers beside. Look whether the methods in bold (better than Classification and than "
    "chance) are those of the paper, and at the chance level before reading anything into an IoU."
)
FILES = ["runs.csv", "localisation.csv"]
ITEMS = {
    "table_synthetic": {"title": "Table synthetic", "tasks": ["synthetic"], "heading": "Synthetic task"},
    "table_1": {"title": "Table 1", "tasks": ["spc", "no_spc"], "heading": "Table 1"},
    "table_2": {"title": "Table 2", "tasks": ["vpc", "no_vpc"], "heading": "Table 2"},
}


PAPER_SCORES = {"auc": "test_auc"} | {
    f"{overlap}_{attribution}": f"{overlap}_{attribution}" for attribution in PAPER_ATTRIBUTIONS for overlap in OVERLAPS
}


def tabulate(study: Study, settings: Settings) -> Table:
    """Table 1, 2 or that of the synthetic task: its tasks side by side; first AUC and IoU of the input gradient as in
    the paper, then each attribution's IoU, IoP and IoT. settings: `heading`, what the table is called.
    """
    title, tasks, runs = settings["heading"], settings["tasks"], scored(study, settings)
    attributions = [attribution for attribution in PAPER_ATTRIBUTIONS if attribution in settings["attributions"]]
    tables = {}
    for task in tasks:
        reference = published(task, study["published_tables"], study["published_runs"])
        tables[task] = summarise(of_task(runs, task), methods_of(settings, task), reference, PAPER_SCORES)
    missing = missing_note(runs, settings)
    first = Section(
        f"{title}: test AUC and IoU of the input gradient",
        ["", "Method", *(heading for task in tasks for heading in _printed_headings(task))],
        _side_by_side(tables, settings, _printed_cells, _printed_chance),
        joined(PUBLISHED_NOTE, *(_what_was_printed(task, study) for task in tasks)),
        names=2,
    )
    sections = [first, *(_overlaps(title, attribution, tables, settings) for attribution in attributions)]
    frame = pd.concat(tables, names=["task"]).reset_index("task").reset_index(drop=True)
    return Table(frame, sections, joined(MEAN_NOTE, _chance_note(tables), missing))


def _side_by_side(
    tables: Mapping[str, pd.DataFrame],
    settings: Settings,
    cells: Callable[[pd.Series], list[str]],
    chance: Callable[[pd.DataFrame], list[str]],
) -> list[list[str]]:
    """A row per method with its cells of every task on which it runs, and one of what chance scores."""

    def cells_of(table: pd.DataFrame, method: str) -> list[str]:
        own = table[table["method"] == method]
        return cells(own.iloc[0]) if len(own) else [ABSENT] * len(chance(table))

    rows = [
        [*named(row, settings), *(cell for table in tables.values() for cell in cells_of(table, row["method"]))]
        for _, row in in_groups(methods_shown(settings)).iterrows()
    ]
    return [*rows, ["Chance", "", *(cell for table in tables.values() for cell in chance(table))]]


MEAN_NOTE = (
    "n: seeds. Mean ± sample standard deviation over seeds; test images. Bold: beats Classification and is better than "
    "chance."
)

PUBLISHED_NOTE = (
    "Published: as printed in the paper; where it prints no table, recomputed from the authors' released runs."
)


def _printed_headings(task: str) -> list[str]:
    return [f"{task}: n", "AUC", "AUC, published", "IoU", "IoU, published"]


def _printed_cells(row: pd.Series) -> list[str]:
    ours = [str(row["n"]), score(row, "auc"), printed(row, "auc")]
    return [*ours, score(row, "iou_gradient"), printed(row, "iou")]


def _printed_chance(table: pd.DataFrame) -> list[str]:
    return ["", number(CHANCE_AUC), "", known(table["chance_iou_gradient"].mean()), ""]


def _chance_note(tables: Mapping[str, pd.DataFrame]) -> str:
    unknown = [task for task, table in tables.items() if table["chance_iou_gradient"].isna().all()]
    return f"No chance level of {' and '.join(unknown)} is known, so no overlap there is bold." if unknown else ""


def printed_iou_means(task: str, tables: pd.DataFrame, runs: pd.DataFrame) -> dict[str, float]:
    """Overlap (iou, iop, iot; input gradient) -> mean over the methods of |IoU printed in the paper - its mean over the
    authors' released runs|: the smallest tells what was printed. Empty for a task that the paper prints no table of.
    """
    printed = tables[tables["task"] == task].set_index("method")["iou_mean"]
    released = runs[runs["task"] == task].groupby("method")
    if not len(printed):
        return {}
    return {overlap: (released[f"{overlap}_gradient"].mean() - printed).abs().mean() for overlap in OVERLAPS}


def _what_was_printed(task: str, study: Study) -> str:
    """Which overlap the paper's printed IoU agrees with, in a sentence."""
    distances = printed_iou_means(task, study["published_tables"], study["published_runs"])
    if not distances:
        return ""
    nearest = min(distances, key=lambda overlap: distances[overlap])
    listed = ", ".join(f"{MEASURES[overlap]} {number(distance, 3)}" for overlap, distance in distances.items())
    return (
        f"{task}: the IoU printed in the paper agrees best with the {MEASURES[nearest]} of the authors' released runs "
        f"(mean absolute difference over the methods: {listed})."
    )


def _overlaps(title: str, attribution: str, tables: Mapping[str, pd.DataFrame], settings: Settings) -> Section:
    """IoU, IoP and IoT of an attribution, tasks side by side."""

    def cells(row: pd.Series) -> list[str]:
        return [score(row, f"{overlap}_{attribution}") for overlap in OVERLAPS]

    def chance(table: pd.DataFrame) -> list[str]:
        return [known(table[f"chance_{overlap}_{attribution}"].mean()) for overlap in OVERLAPS]

    titles = [MEASURES[overlap] for overlap in OVERLAPS]
    headings = [heading for task in tables for heading in (f"{task}: {titles[0]}", *titles[1:])]
    overlaps = "IoP: intersection over predicted; IoT: intersection over true."
    return Section(
        f"{title}: {settings['attributions'][attribution]['title']}",
        ["", "Method", *headings],
        _side_by_side(tables, settings, cells, chance),
        overlaps,
        names=2,
    )
