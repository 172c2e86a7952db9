"""What all have in common: how often is resampled, what counts as few, as ties, as chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

RESAMPLES = 2000

CONFIDENCE = 0.95

LEAST_SEEDS = 5
"""Fewer have no interval: of normal data the bootstrap's 95 % covers the mean in 72 % of cases with 3 seeds, in 84 %
with 5 and in 90 % with 10.
"""

LEAST_USABLE = 0.9
"""Share of the resamples that must be defined for an interval to be."""

DECIMALS = 12
"""Numbers that agree to so many decimals are ties: rounding errors must not be ranked."""

CHANCE_AUC = 0.5

SIGNIFICANCE = 0.05


class Interval(NamedTuple):
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The ends of Wilson's score interval of a share; undefined of no trial."""
    if trials == 0:
        return np.nan, np.nan
    found = binomtest(successes, trials).proportion_ci(CONFIDENCE, "wilson")
    return float(found.low), float(found.high)


def percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """The ends of the percentile interval of resampled values [resamples]; undefined ones are left out, and when they
    are more than a tenth the interval is undefined.
    """
    usable = values[~np.isnan(values)]
    if len(usable) < LEAST_USABLE * len(values):
        return np.nan, np.nan
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
