"""What masks for a part of the training images are worth, over tasks that are alike but for that part."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import UNDEFINED, Section, Table, joined
from red_herring.report.sweeps import BUDGET, benefits, in_words, listed, named
from red_herring.report.tables._rows import Settings, Study, missing_note
from red_herring.report.tables._sweeps import rows_by
from red_herring.statistics.paired import t_interval
from red_herring.study.names import BASELINE

TITLE = "Benefit of masks by budget"
CATEGORY = "Analyses"
CAPTION = (
    "The AUC on the shifted test set of the methods that use masks, as more of the training images have one, and what "
    "they gain over Classification, seed by seed. Look how few masks give nearly what all of them give."
)
FILES = ["runs.csv"]
ITEMS = {"budgets": {"series": "mask.budget"}}
RELEASED = False

ENOUGH = 0.9
"""The part of the benefit of the largest budget that is nearly all of it."""

SCORES = {"auc": "AUC, shifted, by budget", "benefit": "benefit by budget"}

FRAME = ["series", "task", "budget", "method", "score", "n", "mean", "sd", "low", "high", "enough"]

NOTE = (
    "Mean over seeds, and 95 % by Student's t over seeds, of re-splits of this pool of images; it takes values for "
    "normal, and there is none where all seeds are the same. Benefit: the method's AUC less that of Classification "
    "with the same seed, which sees no mask, so that it is the same at every budget (budget 0). Enough: the least "
    f"budget from which on the mean benefit is {ENOUGH:.0%} of that of the largest one or more, in brackets the same "
    "of single seeds, least to most; undefined where the largest budget has no benefit."
)


def tabulate(study: Study, settings: Settings) -> Table:
    """AUC on the shifted test set and benefit of every method that uses masks at every budget, for each series.

    frame: series, task, budget, method, score (auc, benefit), n (seeds with it), mean, sd, low and high (`t_interval`),
    and enough, see `enough`, of the mean benefit, in all its rows. Classification has budget 0, no task and no benefit.
    """
    runs = benefits(study["runs"], settings)
    groups = runs.groupby(["series", "task", "budget", "method"], sort=False)
    frame = pd.DataFrame([_row(names, own, score) for names, own in groups for score in SCORES], columns=FRAME)
    frame = frame[(frame["method"] != BASELINE) | (frame["score"] == "auc")].reset_index(drop=True)
    sections = [] if len(frame) else [Section(name, [], [], "No run.") for name in named(settings["series"], BUDGET)]
    for series, own in frame.groupby("series", sort=False):
        sections.append(_section(f"{series}: {SCORES['auc']}", own[own["score"] == "auc"], settings))
        gained = own[own["score"] == "benefit"]
        if gained["n"].any():
            least = _enough_of(gained, runs[runs["series"] == series])
            frame.loc[gained.index, "enough"] = gained["method"].map(least["mean"])
            sections.append(_section(f"{series}: {SCORES['benefit']}", gained, settings, least))
    return Table(frame, sections, joined(NOTE, missing_note(study["runs"], settings)))


def enough(benefits: pd.DataFrame) -> pd.Series:
    """The least budget from which on a benefit is ENOUGH of that of the largest budget, or more, for each row of
    benefits [..., budgets]; NaN where the largest budget has none or a benefit is not known.
    """
    benefits = benefits.sort_index(axis=1)
    whole = benefits.iloc[:, -1]
    stays = benefits.ge(ENOUGH * whole, axis=0).iloc[:, ::-1].cummin(axis=1)
    least = stays.apply(lambda row: float(stays.columns[row.to_numpy()].min()), axis=1)
    return least.where((whole > 0) & benefits.notna().all(axis=1))


def _row(names: tuple[str, str, float, str], runs: pd.DataFrame, score: str) -> tuple[object, ...]:
    values = runs[score].dropna()
    interval = t_interval(values.to_numpy())
    return (*names, score, len(values), values.mean(), values.std(), interval.low, interval.high, float("nan"))


def _enough_of(means: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """By method: mean, enough of its mean benefit, and low and high, the least and most of its seeds."""
    runs = runs[runs["method"] != BASELINE]
    of_means = enough(means.pivot_table(index="method", columns="budget", values="mean", dropna=False))
    of_seeds = enough(runs.pivot_table(index=["method", "seed"], columns="budget", values="benefit", dropna=False))
    return of_seeds.groupby("method").agg(["min", "max"]).set_axis(["low", "high"], axis=1).assign(mean=of_means)


def _section(title: str, frame: pd.DataFrame, settings: Settings, least: pd.DataFrame | None = None) -> Section:
    budgets = sorted(set(frame["budget"]))
    rows = rows_by(frame.rename(columns={"budget": "place"}), budgets, settings)
    headings = ["Method", *in_words(budgets)]
    if least is not None:
        headings.append("Enough (seeds)")
        methods = [method for method in settings["methods"] if method in set(frame["method"])]
        rows = [[*row, _in_words(least.loc[method])] for row, method in zip(rows, methods, strict=True)]
    return Section(title, headings, rows, listed([task for task in dict.fromkeys(frame["task"]) if task]))


def _in_words(least: pd.Series) -> str:
    ends = dict.fromkeys(in_words(least[["low", "high"]].dropna()))
    seeds = f" ({' to '.join(ends)})" if ends else ""
    return (UNDEFINED if pd.isna(least["mean"]) else f"{least['mean']:g}") + seeds
