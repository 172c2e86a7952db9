"""What tells which runs generalise: reliance on the outside, localisation, or a probe of the nuisance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from red_herring.report.markup import Section, Table, given, joined, p_value, with_interval
from red_herring.report.predictors import PREDICTORS, on_every_task, settings_of, with_predictors
from red_herring.report.sweeps import RATIO, named
from red_herring.report.tables._rows import FEW_SEEDS, Settings, Study, missing_note
from red_herring.statistics import correlation

TITLE = "Predictors"
CATEGORY = "Analyses"
CAPTION = (
    "How the AUC on the shifted test set goes with reliance on what is outside the ROI mask, with localisation and "
    "with how well the nuisance can be read from the features: over all runs, within methods and between them. Look "
    "which of them tells good runs of one method from bad ones. Reliance exchanges what the shifted test set "
    "exchanges, close to a tautology where the nuisance is outside the mask: a yardstick for the others, no discovery."
)
FILES = ["runs.csv", "localisation.csv", "reliance.csv"]
OPTIONAL = ["nuisance_probe.csv"]
ITEMS = {
    "predictors": {},
    "predictors_by_ratio": {"title": "Predictors over ratios", "series": "ratio"},
}
RELEASED = False

LEVELS = ("pooled", "within", "between")
OVER_TASKS = ("pooled", "within")
"""Levels over several tasks. The methods' means on these are not independent, so nothing is said between them."""

LOCALISATION = "iou"
"""What the others are compared with."""

BESIDE = ["advantage", "advantage_low", "advantage_high"]
FRAME = ["of", "predictor", *correlation.RELATION, *BESIDE]

HEADINGS = ["", "Level", "n", "Seeds", "Spearman [95 %]", "p", "Says", "More than IoU [95 %]"]

NOTE = (
    "Spearman's coefficient with the AUC on the shifted test set; Pearson's is in the CSV. Levels, intervals, p and "
    "what they say: as in the relation of AUC and IoU. Of reliance and of the probe less should go with a higher AUC, "
    "of the IoU more. More than IoU: the coefficient in that direction less that of the IoU, on the runs that have "
    "both, with its bootstrap interval over seeds, all methods of a drawn seed together. All is exploratory, of these "
    "pools of images, and p is not corrected for the number of predictors. " + FEW_SEEDS
)

OVER_NOTE = (
    "Over the tasks of a series: pooled is over the runs of the methods that run on every task of it, from the splits "
    "that all of these have, so that its n may be less than there are runs. Its p is by permutation of the methods on "
    "all tasks together, as what the ratio does to all methods is no evidence for a predictor of methods. Within: all "
    "runs, with the means of each method on each task, and of each seed, taken away."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """How test AUC goes with each of PREDICTORS that the study has, for each task, or for each series of ratios if the
    item is of series.

    frame: of (task or series), predictor, the columns of `correlation.relation`, and advantage, advantage_low and
    advantage_high of `correlation.advantage` over the IoU, both in the direction that they should have.
    """
    (attribution, about), *_ = settings["attributions"].items()
    runs = with_predictors(
        study["runs"], study["localisation"], study["reliance"], study.get("nuisance_probe"), attribution
    )
    runs = runs[runs["method"].isin(settings["methods"])]
    series = "series" in settings
    of_tasks = named(settings["series"], RATIO) if series else {task: [task] for task in settings["tasks"]}
    parts = [
        _relation(runs[runs["task"].isin(tasks)], predictor, OVER_TASKS if series else LEVELS).assign(of=name)
        for name, tasks in of_tasks.items()
        for predictor in PREDICTORS
        if predictor in runs
    ]
    frame = pd.concat(parts, ignore_index=True)[FRAME]
    sections = [
        Section(f"{name}: test AUC", HEADINGS, _rows(frame[frame["of"] == name], about["title"]), names=2)
        for name in of_tasks
    ]
    return Table(frame, sections, joined(NOTE, OVER_NOTE if series else "", missing_note(runs, settings)))


def _relation(runs: pd.DataFrame, predictor: str, levels: Sequence[str]) -> pd.DataFrame:
    """The rows of a predictor over the runs of one task or several."""
    if runs["task"].nunique() < 2:
        return _at_levels(runs, predictor, levels)
    parts = [
        _pooled_over_tasks(on_every_task(runs, predictor), predictor)
        if level == "pooled"
        else _at_levels(runs, predictor, [level])
        for level in levels
    ]
    return pd.concat(parts, ignore_index=True)


def _at_levels(runs: pd.DataFrame, predictor: str, levels: Sequence[str]) -> pd.DataFrame:
    auc, x, iou = (runs[score].to_numpy(float) for score in ("test_auc", predictor, LOCALISATION))
    settings, seeds = settings_of(runs), runs["seed"].to_numpy()
    table = correlation.relation(auc, x, settings, seeds, levels)
    more = np.full((len(table), len(BESIDE)), np.nan)
    if predictor != LOCALISATION:
        signed = PREDICTORS[predictor].sign * x
        more = correlation.advantage(auc, signed, iou, settings, seeds, levels)[["advantage", "low", "high"]].to_numpy()
    return table.assign(predictor=predictor, **dict(zip(BESIDE, more.T, strict=True)))


def _pooled_over_tasks(runs: pd.DataFrame, predictor: str) -> pd.DataFrame:
    """runs: every method on every split. p by permutation of the methods on all tasks together."""
    auc, x = (runs[score].to_numpy(float) for score in ("test_auc", predictor))
    splits = (runs["task"] + "/" + runs["seed"].astype(str)).to_numpy()
    p = correlation.relation(auc, x, runs["method"].to_numpy(), splits, ["pooled"])["p"]
    return _at_levels(runs, predictor, ["pooled"]).assign(p=p, verdict=[correlation.verdict(value) for value in p])


def _rows(frame: pd.DataFrame, attribution: str) -> list[list[str]]:
    rows = []
    for _, row in frame[frame["coefficient"] == "spearman"].iterrows():
        title = PREDICTORS[row["predictor"]].title
        name = f"{title} ({attribution})" if row["predictor"] == LOCALISATION else title
        cells = [with_interval(row["value"], row["low"], row["high"]), p_value(row["p"]), row["verdict"]]
        more = given(with_interval(*row[BESIDE]), row["predictor"] != LOCALISATION)
        shown = [given(cell, row["n"]) for cell in (*cells, more)]
        rows.append([name, row["level"], str(row["n"]), str(row["seeds"]), *shown])
    return rows
