"""What masks for a part of the training images are worth, over tasks that are alike but for that part."""

from __future__ import annotations

import pandas as pd

from red_herring.report.markup import ABSENT, UNDEFINED, Section, Table, joined
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
    "with the same seed, which sees no mask, so that it is the same at every budget (budget 0). Enough: the least of "
    f"the method's budgets from which on the mean benefit, of the seeds with a run at each, is {ENOUGH:.0%} of that of "
    f"the largest one or more; {UNDEFINED} where there is none at the largest one. In brackets the same of single "
    "seeds, least to most, and of how many if some have no benefit at the largest budget or not a run at each. "
    f"{ABSENT}: with one budget there is none to choose."
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
            least = _enough_of(runs[runs["series"] == series])
            frame.loc[gained.index, "enough"] = gained["method"].map(least["mean"])
            sections.append(_section(f"{series}: {SCORES['benefit']}", gained, settings, least))
    return Table(frame, sections, joined(NOTE, missing_note(study["runs"], settings)))


def enough(benefits: pd.DataFrame) -> pd.Series:
    """The least budget from which on a benefit is ENOUGH of that of the largest budget, or more, for each row of
    benefits [..., budgets]; NaN where the largest budget has none, a benefit is not known, or there is one budget.
    """
    benefits = benefits.sort_index(axis=1)
    whole = benefits.iloc[:, -1]
    stays = benefits.ge(ENOUGH * whole, axis=0).iloc[:, ::-1].cummin(axis=1)
    least = stays.apply(lambda row: float(stays.columns[row.to_numpy()].min()), axis=1)
    return least.where((whole > 0) & benefits.notna().all(axis=1) & (benefits.shape[1] > 1))


def _row(names: tuple[str, str, float, str], runs: pd.DataFrame, score: str) -> tuple[object, ...]:
    values = runs[score].dropna()
    interval = t_interval(values.to_numpy())
    return (*names, score, len(values), values.mean(), values.std(), interval.low, interval.high, float("nan"))


def _enough_of(runs: pd.DataFrame) -> pd.DataFrame:
    """By method, over the budgets that it has: how many `budgets`; `mean`, enough of the mean benefit of the seeds
    with all of them; and of its `seeds` how many have it `defined`, and `low` and `high`, the least and most of these.
    """
    rows = {}
    for method, own in runs[runs["method"] != BASELINE].groupby("method"):
        benefits = own.pivot_table(index="seed", columns="budget", values="benefit", dropna=False)
        of_seeds = enough(benefits)
        rows[method] = {
            "budgets": benefits.shape[1],
            "mean": enough(benefits.dropna().mean().to_frame().T).item(),
            "seeds": len(of_seeds),
            "defined": of_seeds.count(),
            "low": of_seeds.min(),
            "high": of_seeds.max(),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


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
    """`0.5 (0.1 to 1)`, and of how many seeds where not all have it."""
    if least["budgets"] < 2:
        return ABSENT
    ends = " to ".join(dict.fromkeys(in_words(least[["low", "high"]].dropna())))
    counted = "" if least["defined"] == least["seeds"] else f"{least['defined']:.0f} of {least['seeds']:.0f} seeds"
    seeds = "; ".join(part for part in (ends, counted) if part)
    return (UNDEFINED if pd.isna(least["mean"]) else f"{least['mean']:g}") + (f" ({seeds})" if seeds else "")
