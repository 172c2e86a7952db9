"""What differs between two studies beyond noise: ours and the published one, or before and after a change."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from red_herring.report.markup import ABSENT, UNDEFINED, Section, Table, mean_and_sd, p_value, with_interval
from red_herring.statistics.common import SIGNIFICANCE
from red_herring.statistics.paired import holm

Study = Mapping[str, pd.DataFrame]
"""The tables `runs` and `localisation` of a study."""

RESAMPLES = 20_000
"""Permutations that are drawn where there are more; with fewer the test is exact."""

DIFFERS, NOISE, IDENTICAL, TOO_FEW = "differs", "within noise", "identical", "too few runs to tell"


def differences(before: Study, after: Study) -> pd.DataFrame:
    """One row per task, score and method that both studies have.

    Columns: task, score (test_auc, or iou_ and an attribution), method; n, mean and sd of each study as {..}_before and
    {..}_after; difference of the means (after - before) with its 95 % t interval low, high; same_seeds, whether both
    have the same, and are paired; p of the permutation test of the difference, exact for up to RESAMPLES permutations;
    p_holm (Holm over the methods of a task and score); verdict. `too few runs to tell`: not even the smallest p that so
    many runs can give would be below 0.05 after the correction.
    """
    left, right = _long(before), _long(after)
    rows = []
    for (task, score, method), old in left.groupby(["task", "score", "method"], sort=False):
        new = right[(right["task"] == task) & (right["score"] == score) & (right["method"] == method)]
        if len(new):
            rows.append({"task": task, "score": score, "method": method} | _compared(old, new))
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    families = table.groupby(["task", "score"], sort=False)
    table["p_holm"] = families["p"].transform(lambda p: holm(p.to_numpy()))
    family = families["p"].transform("count")
    verdicts = [_verdict(row, row.least_p * n) for row, n in zip(table.itertuples(), family, strict=True)]
    return table.assign(verdict=verdicts).drop(columns=["least_p", "identical"])


def _long(study: Study) -> pd.DataFrame:
    """task, method, seed, score, value: every score of every run."""
    keys = ["task", "method", "seed"]
    aucs = study["runs"][[*keys, "test_auc"]].rename(columns={"test_auc": "value"}).assign(score="test_auc")
    overlaps = study["localisation"][[*keys, "attribution", "iou"]].rename(columns={"iou": "value"})
    overlaps["score"] = "iou_" + overlaps.pop("attribution")
    return pd.concat([aucs, overlaps], ignore_index=True)


def _compared(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, object]:
    a, b = (table.dropna(subset="value").set_index("seed")["value"] for table in (old, new))
    paired = set(a.index) == set(b.index)
    b = b.loc[a.index] if paired else b
    found = {f"{name}_{side}": value for side, own in (("before", a), ("after", b)) for name, value in _summary(own)}
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of runs without any spread
        test = stats.ttest_rel(b, a) if paired else stats.ttest_ind(b, a, equal_var=False)
        low, high = test.confidence_interval() if min(len(a), len(b)) > 1 else (np.nan, np.nan)
    p, least_p = _permutation(a.to_numpy(), b.to_numpy(), paired)
    difference = b.mean() - a.mean()
    return found | {
        "difference": difference, "low": low, "high": high, "same_seeds": paired, "p": p, "least_p": least_p,
        "identical": paired and bool((a == b).all()),
    }  # fmt: skip


def _summary(values: pd.Series) -> list[tuple[str, float]]:
    return [("n", len(values)), ("mean", values.mean()), ("sd", values.std())]


def _permutation(a: np.ndarray, b: np.ndarray, paired: bool) -> tuple[float, float]:
    """p of the difference of the means, and the least p that so many runs can give; missing without two runs each.

    Of drawn permutations SciPy doubles the smaller of the two one-sided p, each of which counts the data as one more.
    """
    if min(len(a), len(b)) < 2:
        return np.nan, np.nan
    least = 2 / (2 ** len(a) if paired else math.comb(len(a) + len(b), len(a)))
    data: tuple[np.ndarray, ...] = (b - a,) if paired else (a, b)
    kind = "samples" if paired else "independent"
    test = stats.permutation_test(
        data, _mean_difference, permutation_type=kind, n_resamples=RESAMPLES, vectorized=True, rng=0
    )
    return float(test.pvalue), max(least, 2 / (RESAMPLES + 1))


def _mean_difference(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    difference: np.ndarray = samples[-1].mean(axis=axis) - (samples[0].mean(axis=axis) if len(samples) > 1 else 0)
    return difference


def _verdict(row: Any, least_p: float) -> str:
    """row: of the table, by attributes."""
    if row.n_before == 0 or row.n_after == 0:
        return UNDEFINED
    if row.identical:
        return IDENTICAL
    if row.p_holm < SIGNIFICANCE:
        return DIFFERS
    return TOO_FEW if math.isnan(row.p) or least_p >= SIGNIFICANCE else NOISE


def compared(before: Study, after: Study, names: tuple[str, str], titles: Mapping[str, str]) -> Table:
    """What differs, then what cannot be told, then what agrees, with what only one of the studies has.

    names: what the two studies are called. titles: of methods and attributions; one without is called by its name.
    """
    frame = differences(before, after)
    verdicts = NOTES if len(frame) else ()
    sections = [_section(frame, verdict, names, titles) for verdict in verdicts]
    return Table(frame, [section for section in sections if section.rows] + [_alone(before, after, names, titles)])


def _section(frame: pd.DataFrame, verdict: str, names: tuple[str, str], titles: Mapping[str, str]) -> Section:
    rows = [
        [
            row.task, _title(row.score, titles), titles.get(row.method, row.method),
            mean_and_sd(row.mean_before, row.sd_before, 3) + f" (n = {row.n_before})",
            mean_and_sd(row.mean_after, row.sd_after, 3) + f" (n = {row.n_after})",
            with_interval(row.difference, row.low, row.high, 3),
            ABSENT if math.isnan(row.p_holm) else p_value(row.p_holm),
        ]
        for row in frame[frame["verdict"] == verdict].itertuples()
    ]  # fmt: skip
    headings = ["", "Score", "Method", *names, "Difference [95 %]", "p (Holm)"]
    return Section(f"{verdict.capitalize()}: {len(rows)} of {len(frame)}", headings, rows, NOTES[verdict], names=3)


NOTES = {
    DIFFERS: "Permutation test of the difference of the means, paired where both have the same seeds; Holm over the "
    "methods of a task and score; p below 0.05. It asks about these pools of images, whose re-splits the seeds "
    "are, and not about new data.",
    TOO_FEW: "With so few runs no difference would pass the test if all the methods of its task had as few.",
    NOISE: "The test could have found a difference and did not; the interval says how large it may still be.",
    IDENTICAL: "The same seeds with the same numbers.",
    UNDEFINED: "One of the two has no run with this score.",
}


def _title(score: str, titles: Mapping[str, str]) -> str:
    attribution = score.removeprefix("iou_")
    return "Test AUC" if score == "test_auc" else f"IoU, {titles.get(attribution, attribution)}"


def _alone(before: Study, after: Study, names: tuple[str, str], titles: Mapping[str, str]) -> Section:
    keys = ["task", "score", "method"]
    left, right = (_long(study)[keys].drop_duplicates() for study in (before, after))
    rows = []
    for name, own, other in ((names[0], left, right), (names[1], right, left)):
        only = own.merge(other, on=keys, how="left", indicator=True).query("_merge == 'left_only'")
        methods = only.groupby(["task", "score"], sort=False)["method"].agg(tuple).reset_index()
        for (task, which), scores in methods.groupby(["task", "method"], sort=False)["score"]:
            shown = [_title(score, titles) for score in scores], [titles.get(method, method) for method in which]
            rows.append([name, task, *map(", ".join, shown)])
    note = "" if rows else "Both have the same tasks, scores and methods."
    return Section("In one of them only", ["", "Task", "Scores", "Methods"], rows, note, names=4)
