"""Paired comparison of methods: on this pool of images, and on new data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from red_herring.statistics.common import (
    CHANCE_AUC,
    CONFIDENCE,
    DECIMALS,
    LEAST_SEEDS,
    RESAMPLES,
    Interval,
)

ENUMERATED = 2**16
"""All ways to flip the signs of up to 16 differences are tried where ties forbid the tabulated distribution."""

COLLAPSE_MARGIN = 0.055
"""An AUC is at chance within this distance from 0.5, that is when two decimals read 0.45 to 0.55."""


def paired_comparison(values: pd.DataFrame, baseline: str, overlap: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each method against `baseline` on the same seeds, in two scopes: on this pool of images, of which the seeds are
    re-splits, and on new data.

    values: one row per seed, one column per method; NaN where there is no run. overlap: the share of a seed's test
    images (rows) that another seed (columns) tests on as well; none is known unless given.

    Returns one row per column of `values`: n (seeds), mean, sd (sample), median, q1, q3; paired (seeds that both have)
    and difference (mean over these of method - baseline). On this pool: low and high (`mean_interval`), p
    (`signed_rank_p`), p_holm and family (`holm`, over all methods). On new data: overlap (mean over all pairs of these
    seeds), low_new, high_new and p_new (`corrected_t`), p_new_holm and family_new. Of the baseline itself only its own
    numbers are defined, and without baseline, or on one seed, neither interval nor p of any method is.
    """
    reference = values[baseline] if baseline in values else pd.Series(np.nan, values.index)
    rows = []
    for method in values:
        own = values[method].dropna()
        row = {"n": len(own), "mean": own.mean(), "sd": own.std(), "median": own.median()}
        row |= {"q1": own.quantile(0.25), "q3": own.quantile(0.75)}
        differences = values[method] - reference if method != baseline else pd.Series(dtype=float)
        rows.append(row | paired_difference(differences, overlap))
    table = with_holm(pd.DataFrame(rows, index=pd.Index(values.columns, name="method")))
    return table[COMPARISON]


def paired_difference(differences: pd.Series, overlap: pd.DataFrame | None = None) -> dict[str, float]:
    """What is said of differences on the same seeds (index; NaN where one is missing): the columns of
    `paired_comparison` from `paired` on, but for Holm's.
    """
    differences = differences.dropna()
    shared = mean_overlap(overlap, differences.index)
    values = differences.to_numpy(float)
    interval, (new, p_new) = mean_interval(values), corrected_t(values, shared)
    here = {"paired": len(values), "difference": interval.value, "low": interval.low, "high": interval.high}
    here["p"] = signed_rank_p(values)
    return here | {"overlap": shared, "low_new": new.low, "high_new": new.high, "p_new": p_new}


def with_holm(table: pd.DataFrame) -> pd.DataFrame:
    """The table with p_holm, family, p_new_holm and family_new: all its rows are one family in each scope."""
    for scope in ("p", "p_new"):
        family = "family" + scope.removeprefix("p")
        table[[f"{scope}_holm", family]] = np.column_stack([holm(table[scope]), [table[scope].count()] * len(table)])
    return table.astype({"family": int, "family_new": int})


COMPARISON = [
    *("n", "mean", "sd", "median", "q1", "q3", "paired", "difference", "low", "high", "p", "p_holm", "family"),
    *("overlap", "low_new", "high_new", "p_new", "p_new_holm", "family_new"),
]


def mean_overlap(overlap: pd.DataFrame | None, seeds: Sequence[int]) -> float:
    """The mean over all pairs of these seeds of the share of test images that both have; undefined for fewer than two
    seeds, or where a pair is not known.
    """
    if overlap is None or len(seeds) < 2:
        return np.nan
    pairs = overlap.reindex(index=seeds, columns=seeds).to_numpy(float)
    return float(pairs[~np.eye(len(seeds), dtype=bool)].mean())


def corrected_t(differences: np.ndarray, overlap: float) -> tuple[Interval, float]:
    """Mean of paired differences [seeds] with the 95 % interval and the two-sided p of the corrected resampled t test
    (Nadeau and Bengio 2003), which ask about new data of the same kind.

    overlap: the correlation of two seeds' differences, for which the mean share of test images that two seeds have in
    common stands. Where all images are used that is Nadeau and Bengio's n_test / (n_train + n_test). J differences of
    variance v and correlation r have a mean of variance v (1/J + r (J - 1)/J), and their own variance s^2 is v (1 - r)
    on average, so the variance of the mean is s^2 (1/J + r / (1 - r)).

    As training images are shared as well, r is a little larger where training itself is without chance, and smaller
    where its own chance adds to the differences: of equally good learners the test rejects in 1 to 9 % at 0.05. The
    share of training images in place of that of test images would be far too much: 0 to 2 %.

    Undefined for fewer than two differences, for an unknown overlap or the same test images for all, and where all
    differences are the same; when these are zero p is 1.
    """
    count, differences = len(differences), np.round(differences, DECIMALS)
    mean = float(np.mean(differences)) if count else np.nan
    undefined = Interval(mean, np.nan, np.nan)
    if count < 2 or np.isnan(overlap) or overlap >= 1:
        return undefined, np.nan
    if np.ptp(differences) == 0:
        return undefined, np.nan if mean else 1.0
    error = np.sqrt(np.var(differences, ddof=1) * (1 / count + overlap / (1 - overlap)))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error)
    return Interval(mean, mean - reach, mean + reach), float(2 * stats.t.sf(abs(mean) / error, count - 1))


def t_interval(values: np.ndarray) -> Interval:
    """The mean of independent values [n] with its 95 % interval by Student's t, from two values on, as `corrected_t`.

    It takes them for normal, of which it covers the mean in 95 % of cases with three as with ten; of AUCs near 1, which
    are skewed, in 88 to 91 %, and where three runs in ten collapse, in 63 % with three, 83 % with five, 95 % with ten.
    """
    return corrected_t(np.asarray(values, float), 0.0)[0]


def signed_rank_p(differences: np.ndarray) -> float:
    """Exact two-sided p of Wilcoxon's signed-rank test of paired differences [n].

    Differences of zero are left out (Wilcoxon's own rule); when all are zero p is 1. Without ties the distribution is
    that of scipy; with ties all sign flips are enumerated, and for more than 16 differences 65536 of them are drawn.
    Undefined for fewer than two differences.
    """
    differences = np.round(differences, DECIMALS)
    if len(differences) < 2:
        return np.nan
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    tied = len(np.unique(np.abs(differences))) < len(differences)
    method = stats.PermutationMethod(n_resamples=ENUMERATED, rng=0) if tied else "exact"
    return float(stats.wilcoxon(differences, method=method).pvalue)


def holm(p: Sequence[float]) -> np.ndarray:
    """p values adjusted after Holm (1979); undefined ones stay so and do not belong to the family."""
    adjusted = np.array(p, float)
    there = ~np.isnan(adjusted)
    if there.any():
        adjusted[there] = multipletests(adjusted[there], method="holm")[1]
    return adjusted


def mean_interval(values: np.ndarray) -> Interval:
    """The mean of values [n] with its BCa bootstrap interval (Efron 1987), 95 %.

    The interval is undefined for fewer than LEAST_SEEDS values, and where all are the same, as these say nothing of its
    width.
    """
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    mean = float(np.mean(values))
    if len(values) < LEAST_SEEDS or np.ptp(np.round(values, DECIMALS)) == 0:
        return Interval(mean, np.nan, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the interval is undefined then
        found = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="BCa", rng=0
        ).confidence_interval
    return Interval(mean, float(found.low), float(found.high))


def collapsed(test: np.ndarray, in_distribution: np.ndarray) -> np.ndarray:
    """Which runs have learnt nothing, bool [n]: they rank at chance, |AUC - 0.5| < COLLAPSE_MARGIN.

    test, in_distribution: AUCs [n]. On a shifted test set alone chance is no proof: a classifier between the shortcut,
    which ranks that set upside down, and the finding passes through 0.5 as well. Hence it must be at chance on images
    with the relation of training too; where that AUC is NaN (it was not released), the shifted set has to do. Constant
    predictions have an AUC of 0.5 on both. A run without AUC is not collapsed.
    """
    unlearnt: np.ndarray = _at_chance(test) & (_at_chance(in_distribution) | np.isnan(in_distribution))
    return unlearnt


def _at_chance(aucs: np.ndarray) -> np.ndarray:
    near: np.ndarray = np.abs(aucs - CHANCE_AUC) < COLLAPSE_MARGIN
    return near
