"""Test AUC by IoU within methods and between them, by a mixed model."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import (
    Section,
    Table,
    given,
    joined,
    number,
    p_value,
    with_interval,
)
from red_herring.report.tables._rows import (
    Settings,
    Study,
    missing_note,
    of_task,
    scored,
    two_scores,
)
from red_herring.statistics.mixed_model import mixed_model

TITLE = "Mixed model"
CATEGORY = "Analyses"
CAPTION = (
    "Test AUC by the IoU within and between methods, with a random intercept for each method, beside the "
    "correlations. Look first at what the fit warns of, and take the intervals for too narrow: the methods are few, "
    "and all share the seeds."
)
FILES = ["runs.csv", "localisation.csv"]


def tabulate(study: Study, settings: Settings) -> Table:
    """Test AUC by IoU within methods and between them, see `mixed_model`.

    frame: task, attribution, the columns of that function.
    """
    runs, tasks = scored(study, settings), settings["tasks"]
    parts = {
        (task, attribution): mixed_model(*two_scores(of_task(runs, task), f"iou_{attribution}", "test_auc")[:3])
        for task in tasks
        for attribution in settings["attributions"]
    }
    frame = pd.concat(parts, names=["task", "attribution"]).reset_index(level=[0, 1]).reset_index(drop=True)
    sections = [
        Section(f"{task}: test AUC by IoU, mixed model", MIXED_HEADINGS, _mixed_rows(of_task(frame, task), settings))
        for task in tasks
    ]
    return Table(frame, sections, joined(MIXED_NOTE, missing_note(runs, settings)))


MIXED_HEADINGS = ["Attribution", "n", "Methods", "Within [95 %]", "p", "Between [95 %]", "p", "SD of intercept", "Fit"]

MIXED_NOTE = (
    "AUC ~ within + between + (1 | method) over runs, by restricted maximum likelihood (statsmodels). Within: the IoU "
    "less the mean of its method; between: that mean; both as AUC for 1 of IoU. n: runs. SD: standard deviation of the "
    "random intercept of methods. Fit: what statsmodels warned of. Intervals and p take runs as independent and "
    "estimates as normal, and are too narrow: of studies of six methods and ten seeds without any relation 11 % have p "
    "< 0.05 between, as six methods are few, and 7 % within, or 17 % where seeds differ as much as their runs do, as a "
    "seed's split is easy or hard for all methods. Verdicts are those of the relation's permutations."
)


def _mixed_rows(frame: pd.DataFrame, settings: Settings) -> list[list[str]]:
    rows = []
    for attribution, terms in frame.groupby("attribution", sort=False):
        first = terms.iloc[0]
        cells = [
            cell
            for _, row in terms.iterrows()
            for cell in (with_interval(row["estimate"], row["low"], row["high"]), p_value(row["p"]))
        ]
        cells = [given(cell, first["n"]) for cell in (*cells, number(first["intercept_sd"], 3))]
        names = [settings["attributions"][attribution]["title"], str(first["n"]), str(first["methods"])]
        rows.append([*names, *cells, first["warning"] or "no warning"])
    return rows
