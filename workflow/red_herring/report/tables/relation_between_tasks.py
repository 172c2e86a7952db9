"""Whether the relation of test AUC and IoU within methods differs between tasks."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from red_herring.report.markup import (
    Section,
    Table,
    joined,
    number,
    p_value,
    with_interval,
)
from red_herring.report.scores import methods_of
from red_herring.report.tables._rows import (
    Settings,
    Study,
    below_each_other,
    missing_note,
    of_task,
    scored,
    two_scores,
)
from red_herring.statistics import correlation, paired

TITLE = "Relation between tasks"
CATEGORY = "Analyses"
CAPTION = (
    "Whether the relation of AUC and localisation within methods differs between tasks, by bootstrap of the seeds "
    "that they share, corrected by Holm. Look for changes of sign: they say that the relation belongs to the shift, "
    "not to saliency."
)
FILES = ["runs.csv", "localisation.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """Whether the correlations of test AUC and IoU within methods differ between tasks, see
    `correlation.within_difference`.

    frame: attribution, task_a, task_b, the columns of that function, and p_holm (over all pairs of tasks of the
    attribution and coefficient).
    """
    runs, tasks, attributions = scored(study, settings), settings["tasks"], settings["attributions"]
    parts = {
        (attribution, task_a, task_b): correlation.within_difference(
            *zip(
                *(two_scores(of_task(own, task), "test_auc", f"iou_{attribution}") for task in (task_a, task_b)),
                strict=True,
            )
        )
        for attribution in attributions
        for task_a, task_b in combinations(tasks, 2)
        for both in [methods_of(settings, task_a).keys() & methods_of(settings, task_b).keys()]
        for own in [runs[runs["method"].isin(both)]]
    }
    frame = below_each_other(parts, ["attribution", "task_a", "task_b"], DIFFERENCE)
    if len(frame):
        families = frame.groupby(["attribution", "coefficient"])["p"]
        frame["p_holm"] = families.transform(lambda p: paired.holm(p.to_numpy()))
    sections = [
        Section(
            f"Test AUC and IoU within methods, {attributions[attribution]['title']}: tasks compared",
            BETWEEN_HEADINGS,
            _pair_rows(frame[frame["attribution"] == attribution]),
            names=2,
        )
        for attribution in attributions
    ]
    note = BETWEEN_NOTE if len(frame) else "One task: nothing to compare."
    return Table(frame, sections, joined(note, missing_note(runs, settings)))


DIFFERENCE = ["coefficient", "seeds", "value_a", "value_b", "difference", "low", "high", "p", "p_holm"]

BETWEEN_HEADINGS = [
    "",
    "Task",
    "Seeds",
    *["Spearman", "Difference [95 %]", "Holm"],
    *["Pearson", "Difference [95 %]", "Holm"],
]

BETWEEN_NOTE = (
    "Correlations within the methods that run on both of two tasks (means of methods and seeds taken away), and their "
    "difference with its 95 % bootstrap interval over the seeds that both have, the same ones drawn in both: on these "
    "pools of images. "
    "Holm: adjusted over all pairs of tasks of this attribution and coefficient. Correlations over all runs are not "
    "compared: what six methods happen to show on two tasks differs often enough by chance."
)


def _pair_rows(pairs: pd.DataFrame) -> list[list[str]]:
    """The coefficients of each pair of tasks side by side."""
    rows = []
    for (task_a, task_b), pair in pairs.groupby(["task_a", "task_b"], sort=False):
        row = [task_a, task_b, str(pair["seeds"].iloc[0])]
        for _, found in pair.iterrows():
            values = f"{number(found['value_a'])}, {number(found['value_b'])}"
            row += [values, with_interval(found["difference"], found["low"], found["high"]), p_value(found["p_holm"])]
        rows.append(row)
    return rows
