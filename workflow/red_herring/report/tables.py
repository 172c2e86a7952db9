"""The tables of scores: the paper's, each task's with what each test set and group says, and localisation in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.splits import TESTS
from red_herring.report.collect import SHIFT_SCORES
from red_herring.report.markup import ABSENT, Section, Table, bold, given, joined, mean_and_sd, number
from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import method_card
from red_herring.study.names import ATTRIBUTIONS, MEASURES, OVERLAPS, PAPER_TABLES

Study = Mapping[str, pd.DataFrame]
"""Name -> table of a study: runs, localisation, trials, searches, auc_intervals; published_tables, published_runs."""

TABLE_GROUP = {"Input masking": "Baseline"}
"""The paper's tables count Masked among the baselines, its Figure 8 does not."""

CHANCE_AUC = 0.5
BASELINE = "classification"
PAPER_ATTRIBUTIONS = ("gradient", "integrated_gradients", "occlusion")

SCORES = {
    "auc": "test_auc",
    **{overlap: f"{overlap}_gradient" for overlap in OVERLAPS},
    "in_distribution_auc": "test_in_distribution_auc",
    "balanced_auc": "test_balanced_auc",
    "within_0_auc": "within_0_auc",
    "within_1_auc": "within_1_auc",
}
"""Column of the table, with _mean and _sd -> column of runs.csv."""

PAPER_SCORES = {"auc": "test_auc"} | {
    f"{overlap}_{attribution}": f"{overlap}_{attribution}" for attribution in PAPER_ATTRIBUTIONS for overlap in OVERLAPS
}

PUBLISHED = ("auc_mean", "auc_sd", "iou_mean", "iou_sd")


# Numbers


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


def printed_iou_means(task: str, tables: pd.DataFrame, runs: pd.DataFrame) -> dict[str, float]:
    """Overlap (iou, iop, iot; input gradient) -> mean over the methods of |IoU printed in the paper - its mean over the
    authors' released runs|: the smallest tells what was printed. Empty for a task that the paper prints no table of.
    """
    printed = tables[tables["task"] == task].set_index("method")["iou_mean"]
    released = runs[runs["task"] == task].groupby("method")
    if not len(printed):
        return {}
    return {overlap: (released[f"{overlap}_gradient"].mean() - printed).abs().mean() for overlap in OVERLAPS}


def summarise(
    runs: pd.DataFrame, methods: Sequence[str], reference: pd.DataFrame, scores: Mapping[str, str] = SCORES
) -> pd.DataFrame:
    """One row per method of one task, in the order of `methods` within the paper's groups.

    Columns: group, method, n (seeds), those of `scores` as n (seeds that have it), mean and sd (sample standard
    deviation, missing for one seed), of each overlap chance_*, the mean of what a random map scores, the means
    floor_auc and the images of each test set, published_*, and, for AUC, IoU, IoP and IoT, *_bold: beats Classification
    and is better than chance.
    """
    context = {f"chance_{name}": f"chance_{column}" for name, column in scores.items() if _is_overlap(name)}
    context |= {name: name for name in ("floor_auc", *(f"{name}_images" for name in TESTS))}
    runs = runs.reindex(columns=list(dict.fromkeys([*runs, *scores.values(), *context.values()])))
    rows = []
    for method in methods:
        own = runs[runs["method"] == method]
        row = {"group": _group(method), "method": method, "n": len(own)}
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
    table = _in_groups(pd.DataFrame(rows))
    table = table.reindex(columns=[*table.columns.difference(published_columns, sort=False), *published_columns])
    for name in scores:
        if name == "auc" or _is_overlap(name):
            chance = CHANCE_AUC if name == "auc" else table[f"chance_{name}"]
            beaten = table.loc[table["method"] == BASELINE, f"{name}_mean"].mean()
            table[f"{name}_bold"] = (table[f"{name}_mean"] > beaten) & (table[f"{name}_mean"] > chance)
    return table


def _is_overlap(name: str) -> bool:
    return name.split("_")[0] in OVERLAPS


def _group(method: str) -> str:
    approach = method_card(method).approach
    return TABLE_GROUP.get(approach, approach)


def _in_groups(table: pd.DataFrame) -> pd.DataFrame:
    """The methods of a group below each other, groups in the order of their first."""
    order = {group: position for position, group in enumerate(dict.fromkeys(table["group"]))}
    return table.sort_values("group", key=lambda groups: groups.map(order), kind="stable").reset_index(drop=True)


# What all notes say


def runs_note(counts: Mapping[str, Mapping[str, int]], settings: Mapping[str, Any]) -> str:
    """Which runs are missing and where there is only one. counts: task -> method -> seeds that are there."""
    seeds = len(settings["seeds"])
    sentences = []
    for task, methods in counts.items():
        lacking = {method: seeds - n for method, n in methods.items() if n < seeds}
        if lacking:
            named = ", ".join(f"{_title(method)} {n}" for method, n in lacking.items())
            expected = seeds * len(methods)
            sentences.append(f"{task}: {sum(lacking.values())} of {expected} runs are missing ({named}).")
    single = [(task, method) for task, methods in counts.items() for method, n in methods.items() if n == 1]
    if seeds == 1 or (single and len(single) == sum(len(methods) for methods in counts.values())):
        sentences.append("One seed: no interval.")
    elif single:
        sentences.append(f"One seed: no interval for {', '.join(f'{_title(m)} on {task}' for task, m in single)}.")
    return " ".join(sentences)


def seeds_of(runs: pd.DataFrame, tasks: Iterable[str], methods: Sequence[str]) -> dict[str, dict[str, int]]:
    """task -> method -> how many seeds have a run."""
    counts = runs.groupby(["task", "method"])["seed"].nunique()
    return {task: {method: int(counts.get((task, method), 0)) for method in methods} for task in tasks}


def _title(method: str) -> str:
    return method_card(method).title


def _score(row: pd.Series, name: str) -> str:
    """Mean and spread, and how many seeds have it where that is not all of them."""
    text = mean_and_sd(row[f"{name}_mean"], row[f"{name}_sd"])
    some = f" (n = {row[f'{name}_n']})" if 0 < row[f"{name}_n"] < row["n"] else ""
    return given(bold(text, bool(row.get(f"{name}_bold", False))) + some, row["n"])


def _published(row: pd.Series, name: str) -> str:
    mean, sd = row[f"published_{name}_mean"], row[f"published_{name}_sd"]
    return ABSENT if np.isnan(mean) else mean_and_sd(mean, sd)


def _known(value: float) -> str:
    return ABSENT if np.isnan(value) else number(value)


# The table of a task

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


def task_table(task: str, study: Study, settings: Mapping[str, Any]) -> Table:
    """The scores of a task beside the published ones; then, if there are any, those on the other test sets."""
    runs = study["runs"][study["runs"]["task"] == task]
    reference = published(task, study["published_tables"], study["published_runs"])
    table = summarise(runs, settings["methods"], reference)
    missing = runs_note(seeds_of(runs, [task], settings["methods"]), settings)
    sections = [Section(task, PAPER, _rows(table, _paper_cells), joined(PAPER_NOTE, missing), names=2)]
    if runs.reindex(columns=SHIFT_SCORES).notna().any(axis=None):
        headings = _shift_headings(settings["tasks"][task]["groups"], table)
        sections.append(Section(f"{task}: other test sets", headings, _rows(table, _shift_cells), SHIFT_NOTE, names=2))
    return Table(table, sections)


def _rows(table: pd.DataFrame, cells: Callable[[pd.Series], list[str]]) -> list[list[str]]:
    return [[row["group"], _title(row["method"]), *cells(row)] for _, row in table.iterrows()]


def _paper_cells(row: pd.Series) -> list[str]:
    return [
        str(row["n"]),
        _score(row, "auc"),
        _published(row, "auc"),
        _score(row, "iou"),
        _score(row.drop("iop_bold"), "iop"),
        _published(row, "iou"),
        f"{_known(row['chance_iou'])} / {_known(row['chance_iop'])}",
    ]


def _shift_headings(groups: Sequence[str], table: pd.DataFrame) -> list[str]:
    """With the images of each test set, averaged over seeds, as these may be few."""
    sets = {"test": "AUC, shifted", "test_in_distribution": "in distribution", "test_balanced": "balanced"}
    counted = [f"{title} (n = {table[f'{name}_images'].mean():.0f})" for name, title in sets.items()]
    return ["", "Method", *counted, *(f"within {name}" for name in groups), "floor"]


def _shift_cells(row: pd.Series) -> list[str]:
    names = ("auc", "in_distribution_auc", "balanced_auc", "within_0_auc", "within_1_auc")
    row = row.drop("auc_bold")
    return [*(_score(row, name) for name in names), given(number(row["floor_auc"]), row["n"])]


# The tables of the paper


def paper_table(name: str, study: Study, settings: Mapping[str, Any]) -> Table:
    """Table 1, 2 or that of the synthetic task, name of PAPER_TABLES: its tasks side by side, as far as the study has
    them; first AUC and IoU of the input gradient as in the paper, then each attribution's IoU, IoP and IoT.

    StudyError when the study has none of the tasks.
    """
    tasks = [task for task in PAPER_TABLES[name] if task in settings["tasks"]]
    if not tasks:
        raise StudyError(f"{name}: is of {' and '.join(PAPER_TABLES[name])}, which are no tasks of this study")
    attributions = [attribution for attribution in PAPER_ATTRIBUTIONS if attribution in settings["attributions"]]
    tables = {}
    for task in tasks:
        runs = study["runs"][study["runs"]["task"] == task]
        reference = published(task, study["published_tables"], study["published_runs"])
        tables[task] = summarise(runs, settings["methods"], reference, PAPER_SCORES)
    missing = runs_note(seeds_of(study["runs"], tasks, settings["methods"]), settings)
    title = f"Table {name.removeprefix('table_')}" if name[-1].isdigit() else "Synthetic task"
    first = Section(
        f"{title}: test AUC and IoU of the input gradient",
        ["", "Method", *(heading for task in tasks for heading in _printed_headings(task))],
        _side_by_side(tables, _printed_cells, _printed_chance),
        joined(PUBLISHED_NOTE, *(_what_was_printed(task, study) for task in tasks)),
        names=2,
    )
    sections = [first, *(_overlaps(title, attribution, tables) for attribution in attributions)]
    frame = pd.concat(tables, names=["task"]).reset_index("task").reset_index(drop=True)
    return Table(frame, sections, joined(MEAN_NOTE, _chance_note(tables), missing))


def _side_by_side(
    tables: Mapping[str, pd.DataFrame],
    cells: Callable[[pd.Series], list[str]],
    chance: Callable[[pd.DataFrame], list[str]],
) -> list[list[str]]:
    """A row per method with its cells of every task, and one of what chance scores."""
    first = next(iter(tables.values()))
    rows = [
        [row["group"], _title(row["method"]), *(cell for table in tables.values() for cell in cells(table.loc[place]))]
        for place, row in first.iterrows()
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
    ours = [str(row["n"]), _score(row, "auc"), _published(row, "auc")]
    return [*ours, _score(row, "iou_gradient"), _published(row, "iou")]


def _printed_chance(table: pd.DataFrame) -> list[str]:
    return ["", number(CHANCE_AUC), "", _known(table["chance_iou_gradient"].mean()), ""]


def _chance_note(tables: Mapping[str, pd.DataFrame]) -> str:
    unknown = [task for task, table in tables.items() if table["chance_iou_gradient"].isna().all()]
    return f"No chance level of {' and '.join(unknown)} is known, so no overlap there is bold." if unknown else ""


def _what_was_printed(task: str, study: Study) -> str:
    """Which overlap the paper's printed IoU agrees with, in a sentence."""
    distances = printed_iou_means(task, study["published_tables"], study["published_runs"])
    if not distances:
        return ""
    nearest = min(distances, key=distances.get)
    listed = ", ".join(f"{MEASURES[overlap]} {number(distance, 3)}" for overlap, distance in distances.items())
    return (
        f"{task}: the IoU printed in the paper agrees best with the {MEASURES[nearest]} of the authors' released runs "
        f"(mean absolute difference over the methods: {listed})."
    )


def _overlaps(title: str, attribution: str, tables: Mapping[str, pd.DataFrame]) -> Section:
    """IoU, IoP and IoT of an attribution, tasks side by side."""

    def cells(row: pd.Series) -> list[str]:
        return [_score(row, f"{overlap}_{attribution}") for overlap in OVERLAPS]

    def chance(table: pd.DataFrame) -> list[str]:
        return [_known(table[f"chance_{overlap}_{attribution}"].mean()) for overlap in OVERLAPS]

    titles = [MEASURES[overlap] for overlap in OVERLAPS]
    headings = [heading for task in tables for heading in (f"{task}: {titles[0]}", *titles[1:])]
    overlaps = "IoP: intersection over predicted; IoT: intersection over true."
    return Section(
        f"{title}: {ATTRIBUTIONS[attribution]}",
        ["", "Method", *headings],
        _side_by_side(tables, cells, chance),
        overlaps,
        names=2,
    )


# Localisation in full


def localisation_table(task: str, study: Study, settings: Mapping[str, Any]) -> Table:
    """Every measure of every attribution of a task: as measured, of chance, and corrected for chance.

    frame: method, attribution, n (runs), images (positive test images with a mask, mean over runs), undefined (constant
    maps, sum over runs), for each measure its n, mean and sd over seeds, chance_* and corrected_* n, mean and sd; of
    integrated gradients steps, their mean, and completeness_error, the largest.
    """
    own = study["localisation"][study["localisation"]["task"] == task]
    rows = [
        {"task": task, "method": method, "attribution": attribution, **_localised(found)}
        for attribution in settings["attributions"]
        for method in settings["methods"]
        for found in [own[(own["method"] == method) & (own["attribution"] == attribution)]]
    ]
    frame = pd.DataFrame(rows)
    measures = [measure for measure in MEASURES if own[measure].notna().any()]
    note = joined(LOCALISATION_NOTE, runs_note(seeds_of(own, [task], settings["methods"]), settings))
    sections = [
        Section(
            f"{task}: {ATTRIBUTIONS[attribution]}",
            ["", "Method", "n", "Images", "Undefined maps", *(MEASURES[measure] for measure in measures)],
            _localisation_rows(frame[frame["attribution"] == attribution], measures),
            _completeness(frame[frame["attribution"] == attribution]),
            names=2,
        )
        for attribution in settings["attributions"]
    ]
    return Table(frame, sections, note)


LOCALISATION_NOTE = (
    "n: seeds. Mean ± sample standard deviation over seeds of the mean over the positive test images that have a mask; "
    "images: of one run; undefined maps: constant ones, of all runs together, which have no score. Chance: what a map "
    "of random, independent pixels scores, smoothed as those of the attribution; not one as smooth as the attribution "
    "is by itself. Chance-corrected: (score - chance) / (1 - chance), 0 at chance and 1 at best."
)


def _localised(found: pd.DataFrame) -> dict[str, float]:
    row = {"n": len(found), "images": found["images"].mean(), "undefined": found["undefined"].sum(min_count=1)}
    for measure in MEASURES:
        scores = found[measure]
        row |= {f"{measure}_n": scores.count(), f"{measure}_mean": scores.mean(), f"{measure}_sd": scores.std()}
        row[f"chance_{measure}"] = found[f"chance_{measure}"].mean()
        corrected = found[f"corrected_{measure}"]
        row |= {f"corrected_{measure}_n": corrected.count(), f"corrected_{measure}_mean": corrected.mean()}
        row[f"corrected_{measure}_sd"] = corrected.std()
    return row | {"steps": found["steps"].mean(), "completeness_error": found["completeness_error"].max()}


def _localisation_rows(frame: pd.DataFrame, measures: Sequence[str]) -> list[list[str]]:
    """As measured, chance and corrected below each other; without the latter two where chance is not known."""
    measured, corrected = [], []
    for _, row in frame.iterrows():
        counts = [str(row["n"]), *(_count(row[name]) for name in ("images", "undefined"))]
        measured.append(["As measured", _title(row["method"]), *counts, *(_score(row, name) for name in measures)])
        scores = [_score(row, f"corrected_{name}") for name in measures]
        corrected.append(["Chance-corrected", _title(row["method"]), "", "", "", *scores])
    chance = [frame[f"chance_{name}"].mean() for name in measures]
    if np.isnan(chance).all():
        return measured
    return [*measured, ["Chance", "", "", "", "", *(number(value) for value in chance)], *corrected]


def _completeness(rows: pd.DataFrame) -> str:
    """How far integrated gradients are from adding up, in a sentence; of other attributions nothing."""
    if rows["steps"].isna().all():
        return ""
    listed = ", ".join(
        f"{_title(row['method'])} {row['steps']:.0f} and {row['completeness_error']:.1%}"
        for _, row in rows.dropna(subset="steps").iterrows()
    )
    incomplete = " Where the error is above 1 %, the way was divided no further." if _exceeded(rows) else ""
    return f"Mean number of steps and largest completeness error: {listed}.{incomplete}"


def _exceeded(rows: pd.DataFrame) -> bool:
    return (rows["completeness_error"] > 0.01).any()


def _count(value: float) -> str:
    return ABSENT if np.isnan(value) else f"{value:.0f}"
