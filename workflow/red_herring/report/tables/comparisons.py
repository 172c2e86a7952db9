"""Each method against Classification, seed by seed, on this pool of images and on new data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.report.markup import (
    Section,
    Table,
    given,
    joined,
    mean_and_sd,
    number,
)
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import (
    FEW_SEEDS,
    Settings,
    Study,
    missing_note,
    of_task,
    scored,
)
from red_herring.report.tables._scopes import SCOPES, in_both_scopes, overlap_of, shared
from red_herring.statistics import paired
from red_herring.study.names import BASELINE

TITLE = "Comparisons"
CATEGORY = "Analyses"
CAPTION = (
    "Each method against Classification, seed by seed, with Holm's correction: on this pool of images, whose "
    "re-splits the seeds are (95 % bootstrap interval, exact Wilcoxon test), and on new data (corrected resampled t "
    "test, which allows for the test images that seeds share). What holds in one scope alone, or by an interval "
    "without a small corrected p, is no finding about the method, and a share of collapsed runs means that the mean "
    "describes no run."
)
FILES = ["runs.csv", "localisation.csv", "overlaps.csv"]


SCORES = {"test_auc": "test AUC", "iou_gradient": "IoU of the input gradient"}
"""Scores of runs in which methods are compared."""


def tabulate(study: Study, settings: Settings) -> Table:
    """Each method against Classification on the same seeds, for each task and score of SCORES that the study has.

    frame: task, score, method, the columns of `paired.paired_comparison`, and collapsed, the share of runs that
    have learnt nothing (`paired.collapsed`; of test AUC only).
    """
    runs, tasks = scored(study, settings), settings["tasks"]
    scores = [score for score in SCORES if score in runs]
    parts = {
        (task, score): _comparison(
            of_task(runs, task), score, list(methods_of(settings, task)), overlap_of(study["overlaps"], task, score)
        )
        for task in tasks
        for score in scores
    }
    frame = pd.concat(parts, names=["task", "score"]).reset_index()
    note = joined(COMPARISON_NOTE, OTHERS_SPLITS if "origin" in settings else "", missing_note(runs, settings))
    sections = [
        Section(
            f"{task}: {SCORES[score]}",
            _comparison_headings(score),
            _comparison_rows(part, score, settings),
            shared(part, score),
        )
        for (task, score), part in parts.items()
    ]
    return Table(frame, sections, note)


OTHERS_SPLITS = (
    "The splits behind these runs were not released, so the shares that seeds have in common are those of our own "
    "splits, drawn as published."
)

COMPARISON_NOTE = (
    "n: seeds. IQR: first and third quartile. Difference: mean over the seeds that both have of method - "
    "Classification. On this pool: whether they differ on re-splits of these images, which is what seeds are; 95 % "
    "bootstrap interval over seeds, and exact two-sided Wilcoxon signed-rank test, which n seeds cannot bring below "
    "2 / 2^n. On new data: whether they would differ on other images of the kind; interval and p of the corrected "
    "resampled t test (Nadeau and Bengio 2003), which takes the share of test images (of the IoU: of positive ones) "
    "that two seeds have in common for the correlation of their differences. It has an interval from two seeds on, as "
    "it takes the differences for normal; what holds on new data but not on this pool rests on that, and is no "
    "finding. Holm: adjusted over the methods of this task and score, in each scope. "
    "Collapsed: share of runs that rank at chance, an AUC of 0.45 to 0.55 in two decimals on the shifted test "
    "set and, where it is known, on one with the relation of training. Where it is not, a classifier half-way between "
    "shortcut and finding counts as well. " + FEW_SEEDS
)


def _comparison(runs: pd.DataFrame, score: str, methods: list[str], overlap: pd.DataFrame) -> pd.DataFrame:
    """Indexed by method. methods: those that run on the task."""
    values = runs.pivot_table(index="seed", columns="method", values=score).reindex(columns=methods)
    table = paired.paired_comparison(values, BASELINE, overlap)
    share = np.nan
    if score == "test_auc":
        in_distribution = runs.reindex(columns=["test_in_distribution_auc"]).squeeze(axis=1).to_numpy(float)
        at_chance = pd.Series(paired.collapsed(runs[score].to_numpy(float), in_distribution), runs.index)
        share = at_chance[runs[score].notna()].groupby(runs["method"]).mean().reindex(methods)
    table.insert(list(table).index("paired"), "collapsed", share)
    return table


def _comparison_headings(score: str) -> list[str]:
    collapsed = ["Collapsed"] if score == "test_auc" else []
    return ["Method", "n", "Mean", "Median (IQR)", *collapsed, *SCOPES]


def _comparison_rows(table: pd.DataFrame, score: str, settings: Settings) -> list[list[str]]:
    rows = []
    for method, row in table.iterrows():
        quartiles = f"{number(row['median'])} ({number(row['q1'])}, {number(row['q3'])})"
        own = [mean_and_sd(row["mean"], row["sd"]), quartiles]
        own += [f"{row['collapsed']:.0%}"] if score == "test_auc" else []
        against = [given(cell, method != BASELINE and row["n"]) for cell in in_both_scopes(row)]
        rows.append(
            [
                settings["methods"][method]["title"],
                f"{row['n']:.0f}",
                *(given(cell, row["n"]) for cell in own),
                *against,
            ]
        )
    return rows
