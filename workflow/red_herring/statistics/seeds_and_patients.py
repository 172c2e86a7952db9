"""Paired differences of trained detectors: over few seeds, over test patients, and over both."""

from __future__ import annotations

import numpy as np
import pandas as pd

from red_herring.statistics.common import CONFIDENCE, percentiles
from red_herring.statistics.paired import corrected_t, mean_overlap

OVER_SEEDS = ["paired", "difference", "low", "high", "p", "overlap", "low_new", "high_new", "p_new"]
OVER_PATIENTS = ["low_patients", "high_patients", "low_both", "high_both"]


def over_seeds(differences: pd.Series, overlap: pd.DataFrame | None = None) -> dict[str, float]:
    """What is said of differences on the same seeds (index; NaN where one is missing), OVER_SEEDS: as by
    `red_herring.statistics.paired.paired_difference`, but on this pool of images by Student's t as well, which has
    interval and p from two seeds on. With three it reaches 2.5 standard deviations to each side.
    """
    differences = differences.dropna()
    values, shared = differences.to_numpy(float), mean_overlap(overlap, differences.index)
    (mean, low, high), p = corrected_t(values, 0.0)
    (_, low_new, high_new), p_new = corrected_t(values, shared)
    return dict(zip(OVER_SEEDS, (len(values), mean, low, high, p, shared, low_new, high_new, p_new), strict=True))


def over_patients(differences: np.ndarray, resampled: np.ndarray) -> dict[str, float]:
    """The ends of two more 95 % intervals of the mean of these differences, [seeds], OVER_PATIENTS.

    resampled: [resamples, seeds], the differences where patients of all test sets together are drawn anew, the same
    ones for both sides of each difference and for all seeds. Given these trained detectors, of other patients: the
    percentiles of the means over seeds. For other seeds and other patients: the half width is the root of the sum of
    squares of that and of the one by Student's t over seeds (Howe 1974), as what patients do alike to all seeds is not
    seen between these. It covers in 96 to 99 % of simulated studies: too wide where test sets differ, as the spread
    between seeds then holds a part of that between patients.

    Undefined as their parts are: the second of fewer than two seeds, and where all differences are the same.
    """
    low, high = percentiles(resampled.mean(axis=1), CONFIDENCE)
    mean, lower, upper = corrected_t(differences, 0.0)[0]
    reach = np.hypot((high - low) / 2, (upper - lower) / 2)
    return dict(zip(OVER_PATIENTS, (low, high, mean - reach, mean + reach), strict=True))
