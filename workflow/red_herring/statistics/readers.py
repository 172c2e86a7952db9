"""What readers say: one reader's answers to several questions are not independent, so readers are resampled."""

from __future__ import annotations

import numpy as np
from scipy import stats

from red_herring.statistics.common import CONFIDENCE, LEAST_SEEDS, RESAMPLES, Interval, percentiles

LEAST_READERS = LEAST_SEEDS
"""Fewer have no interval, as fewer seeds have none."""

PERMUTED = 9999
"""Ways to exchange readers that are drawn where there are more than so many."""


def median(answers: np.ndarray) -> Interval:
    """The median of all answers, with its 95 % percentile bootstrap interval over readers. answers: [readers,
    questions], NaN where there is none; each reader has some.
    """
    if not len(answers):
        return Interval(np.nan, np.nan, np.nan)
    value = float(np.nanmedian(answers))
    if len(answers) < LEAST_READERS:
        return Interval(value, np.nan, np.nan)
    random = np.random.default_rng(0)
    drawn = answers[random.integers(len(answers), size=(RESAMPLES, len(answers)))]
    return Interval(value, *percentiles(np.nanmedian(drawn.reshape(RESAMPLES, -1), axis=1), CONFIDENCE))


def difference(first: np.ndarray, second: np.ndarray) -> Interval:
    """How much larger the mean of the second group of readers is, with its 95 % percentile bootstrap interval over
    readers of both; first, second: a number for each reader.
    """
    if not len(first) or not len(second):
        return Interval(np.nan, np.nan, np.nan)
    value = float(second.mean() - first.mean())
    if min(len(first), len(second)) < LEAST_READERS:
        return Interval(value, np.nan, np.nan)
    random = np.random.default_rng(0)
    means = [random.choice(group, (RESAMPLES, len(group))).mean(axis=1) for group in (first, second)]
    return Interval(value, *percentiles(means[1] - means[0], CONFIDENCE))


def rank_sum_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of the Mann-Whitney test of two groups of readers by its permutation distribution, as there are ties:
    exact where there are few ways to exchange readers. first, second: a number for each reader, such as the mean of his
    or her answers, so that answers of one reader stay together. Undefined without readers in one of them.
    """
    if not len(first) or not len(second):
        return np.nan
    ranks = stats.rankdata(np.concatenate([first, second]))
    if np.ptp(ranks) == 0:
        return 1.0

    def statistic(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
        found: np.ndarray = one.mean(axis) - other.mean(axis)
        return found

    found = stats.permutation_test(
        (ranks[: len(first)], ranks[len(first) :]), statistic, vectorized=True, n_resamples=PERMUTED, rng=0
    )
    return float(found.pvalue)
