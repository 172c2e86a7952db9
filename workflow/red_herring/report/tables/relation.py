"""How test AUC goes with the IoU of each attribution over runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.report.markup import (
    Section,
    Table,
    given,
    joined,
    p_value,
    with_interval,
)
from red_herring.report.tables._rows import (
    FEW_SEEDS,
    Settings,
    Study,
    missing_note,
    of_task,
    scored,
    two_scores,
)
from red_herring.statistics import correlation, paired
from red_herring.statistics.common import SIGNIFICANCE

TITLE = "Relation"
CATEGORY = "Analyses"
CAPTION = (
    "Correlation of test AUC with localisation over all runs, within methods and between their means, per "
    "attribution; whether it is more than these methods happen to show is asked by permutation of the methods, and "
    "one hypothesis for each task is primary. A pooled relation that vanishes within methods says which method a "
    "run is of, not whether a map tells a good run."
)
FILES = ["runs.csv", "localisation.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """How test AUC goes with the IoU of each attribution, see `correlation.relation`.

    frame: task, attribution, the columns of that function, role and p_holm. The hypothesis of the study is one for each
    task, `primary`: Spearman's coefficient over all runs with the first attribution; its p_holm is adjusted over the
    tasks, and its verdict is that of p_holm. All else is `exploratory`.
    """
    runs, tasks = scored(study, settings), settings["tasks"]
    attributions = list(settings["attributions"])
    parts = {
        (task, attribution): correlation.relation(*two_scores(own, "test_auc", f"iou_{attribution}"))
        for task in tasks
        for own in [of_task(runs, task)]
        for attribution in attributions
    }
    frame = pd.concat(parts, names=["task", "attribution"]).reset_index(level=[0, 1]).reset_index(drop=True)
    primary = frame[list(PRIMARY)].eq(pd.Series(PRIMARY)).all(axis=1) & (frame["attribution"] == attributions[0])
    frame["role"] = np.where(primary, "primary", "exploratory")
    frame["p_holm"] = pd.Series(paired.holm(frame.loc[primary, "p"]), frame.index[primary])
    frame.loc[primary, "verdict"] = [correlation.verdict(p) for p in frame.loc[primary, "p_holm"]]
    note = joined(RELATION_NOTE, missing_note(runs, settings))
    sections = [
        Section(f"{task}: test AUC and IoU", RELATION_HEADINGS, _relation_rows(of_task(frame, task), settings), names=2)
        for task in tasks
    ]
    return Table(frame, sections, note)


PRIMARY = {"level": "pooled", "coefficient": "spearman"}

RELATION_HEADINGS = ["", "Level", "n", "Spearman [95 %]", "p", "Says", "Pearson [95 %]", "p", "Says"]

RELATION_NOTE = (
    "n: runs, or methods. Pooled: over all runs. Within: the means of methods and of seeds taken away. Between: of the "
    "method means. p: by permutation, pooled and between of the methods, within of the seeds; so many runs of six "
    "methods are no more than six methods. [95 %]: bootstrap over seeds, all methods of a drawn seed together, for "
    "these methods; it says nothing of others. Primary hypothesis, one for each task: Spearman over all runs with the "
    "attribution in the first row, its p adjusted by Holm over the tasks (*); all else is exploratory. All is said of "
    "these pools of images, whose re-splits the seeds are, and not of new data. Relation: p < "
    f"{SIGNIFICANCE}. No relation: the 90 % interval lies within ±{correlation.EQUIVALENCE_BOUND} (two "
    "one-sided tests at 0.05), asked within methods only. Negligible relation: both. Undecided: neither. " + FEW_SEEDS
)


def _relation_rows(frame: pd.DataFrame, settings: Settings) -> list[list[str]]:
    rows = []
    for (attribution, level), pair in frame.groupby(["attribution", "level"], sort=False):
        n = pair["n"].iloc[0]
        row = [settings["attributions"][attribution]["title"], level, str(n)]
        for _, found in pair.iterrows():
            p = f"{p_value(found['p_holm'])} *" if found["role"] == "primary" else p_value(found["p"])
            cells = (with_interval(found["value"], found["low"], found["high"]), p, found["verdict"])
            row += [given(cell, n) for cell in cells]
        rows.append(row)
    return rows
