"""Whether maps of randomised networks are more alike those of the trained one than maps of different images are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from red_herring.statistics.common import CONFIDENCE, Interval

DECIMALS = 6
"""Similarities that agree to so many are the same: they are made of maps in float32."""


class Pairs(NamedTuple):
    """Pairs of different images: the rows of the two, int64 [p] each, and how alike their maps are, float64 [p]."""

    first: np.ndarray
    second: np.ndarray
    alike: np.ndarray


def pairs_of(images: int, partners: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of pairs of different images, each pair once: each image with the `partners` images that follow it in a
    circle, or with all others if there are no more. So all images are in equally many pairs.
    """
    steps = min(partners, images // 2)
    first = np.tile(np.arange(images), steps)
    second = (first + np.repeat(np.arange(1, steps + 1), images)) % images
    _, once = np.unique(np.sort([first, second], axis=0), axis=1, return_index=True)
    once.sort()
    return first[once], second[once]


def crossed_interval(values: np.ndarray, line: Pairs | None = None) -> Interval:
    """The mean of values [images, draws], less that of the line, with its 95 % interval for other images and draws of
    the same kind. NaN: undefined, and left out of the means.

    Images and draws are crossed: each randomised network maps all images, and the line has each image in many pairs.
    One jackknife leaves out an image wherever it occurs, the other a draw. Of values m + a_i + b_r + e_ir their
    variances add up to var(a) / n + var(b) / R + 2 var(e) / (n R) on average, the last term twice, so never too little
    (Owen 2007). The half width is the root of the sum of squares of both half widths by Student's t (Howe 1974), which
    misses in 5 % at most where the degrees of freedom of Satterthwaite miss in 13 %, with two draws.

    Undefined for fewer than two images (three with a line) or draws, and where nothing varies.
    """
    image, draw = np.indices(values.shape).reshape(2, -1)
    own = _mean(values.ravel(), len(values), image)
    of_draws = _mean(values.ravel(), values.shape[1], draw)
    if line:
        own = own.less(_of_pairs(line, len(values)))
    return _within(own.mean, float(np.hypot(own.half_width, of_draws.half_width)))


def image_interval(values: np.ndarray, line: Pairs) -> Interval:
    """The mean of values [images], less that of the line, with its 95 % interval for other images of the kind and these
    networks, by the jackknife of `crossed_interval`. Undefined for fewer than three images and where nothing varies.
    """
    own = _mean(values, len(values), np.arange(len(values))).less(_of_pairs(line, len(values)))
    return _within(own.mean, own.half_width)


def pair_interval(pairs: Pairs, units: int) -> Interval:
    """The mean of pairs of `units` things, such as images, or runs of different seeds, with its 95 % interval for other
    such things, each of which is left out with all its pairs.

    Of values m + a_i + a_j + e_ij of pairs in a circle it covers the mean in 94 to 99 % of cases, with three as with
    ten. Undefined for fewer than three and where nothing varies.
    """
    own = _of_pairs(pairs, units)
    return _within(own.mean, own.half_width)


def interval_over_runs(differences: np.ndarray, low: np.ndarray, high: np.ndarray) -> Interval:
    """The mean of differences, one of each run, [n], with its 95 % interval for new runs; of one run its own, low to
    high.

    By Student's t over the runs, but no narrower than their own intervals leave it: two runs may by chance differ
    little, of which each is known within much; a run without an interval of its own adds nothing to that. A longer
    interval gives no more verdicts. Undefined where nothing varies.
    """
    if len(differences) == 1:
        return Interval(float(differences[0]), float(low[0]), float(high[0]))
    runs = _mean(differences, len(differences), np.arange(len(differences)))
    of_their_own = np.linalg.norm(np.nan_to_num((high - low) / 2 / len(differences)))
    return _within(runs.mean, float(np.fmax(runs.half_width, of_their_own)))


def verdict(low: float, high: float) -> str:
    """By the interval of the similarity at the end of the cascade less the cross-image line: "pass" below it, "fail"
    above it, else "undecided", as where there is no interval.
    """
    return "pass" if high < 0 else "fail" if low > 0 else "undecided"


class Jackknife(NamedTuple):
    """A mean, and what it is without each of n units: without, [n]. there: the units that have any value."""

    mean: float
    without: np.ndarray
    there: np.ndarray

    def less(self, other: Jackknife) -> Jackknife:
        """The difference, of the same units."""
        return Jackknife(self.mean - other.mean, self.without - other.without, self.there | other.there)

    @property
    def half_width(self) -> float:
        """Of the 95 % interval by the jackknife; undefined unless there is a mean without each of two units or more."""
        without = self.without[self.there]
        freedom = len(without) - 1
        if freedom < 1 or not np.isfinite(without).all():
            return np.nan
        return float(stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(freedom * np.var(without)))


def _within(mean: float, reach: float) -> Interval:
    if not np.round(reach, DECIMALS) > 0:
        return Interval(mean, np.nan, np.nan)
    return Interval(mean, mean - reach, mean + reach)


def _of_pairs(pairs: Pairs, units: int) -> Jackknife:
    return _mean(pairs.alike, units, pairs.first, pairs.second)


def _mean(values: np.ndarray, units: int, *members: np.ndarray) -> Jackknife:
    """Of values [p]. members: of which units each is, [p] each."""
    there = ~np.isnan(values)
    total, count = values[there].sum(), there.sum()
    sums = sum(np.bincount(of[there], values[there], units) for of in members)
    counts = sum(np.bincount(of[there], minlength=units) for of in members)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Jackknife(float(total / count), (total - sums) / (count - counts), np.asarray(counts > 0))
