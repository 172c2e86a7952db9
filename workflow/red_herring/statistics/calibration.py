"""Whether probabilities are what they say: expected calibration error, temperature scaling, Brier score.

A margin is the difference of the two logits, of which the probability of label 1 is the logistic function. A
classifier's confidence is the probability of the label that it says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

BINS = 15

COLDEST, HOTTEST = 0.01, 100.0
"""Between these a temperature is sought."""


class CalibrationError(NamedTuple):
    """The expected calibration error, and what a perfectly calibrated classifier of the same confidences scores on
    average on as many images.
    """

    value: float
    if_calibrated: float


def calibration_error(margins: np.ndarray, labels: np.ndarray) -> CalibrationError:
    """Sum over bins of (share of the images) |share of right answers - mean confidence|, Guo et al. 2017, equation 3.

    The images are put into BINS bins of equal mass by their confidence, those of the same confidence into the same bin,
    so that the order of images does not count. Of finite images a bin's share of right answers is not its mean
    confidence even if each confidence is the probability of a right answer: `if_calibrated` is the mean of the error
    over such answers, exactly (a bin's right answers are a sum of Bernoulli variables), and what 0 is to be read as.

    margins: float [images]; labels: 0 or 1 [images]; at least one image.
    """
    sure = np.abs(margins)
    right = ((margins > 0) == (labels == 1)).astype(float)
    confidence = expit(sure)
    below = np.searchsorted(np.sort(sure), sure, side="left")
    bins = [below * BINS // len(sure) == number for number in range(BINS)]
    value = sum(abs(right[own].sum() - confidence[own].sum()) for own in bins)
    if_calibrated = sum(_mean_deviation(confidence[own]) for own in bins)
    return CalibrationError(float(value / len(sure)), float(if_calibrated / len(sure)))


def _mean_deviation(probabilities: np.ndarray) -> float:
    """The mean of |count - its mean|, where the count is of Bernoulli variables with these probabilities."""
    counts = np.ones(1)  # the distribution of the count of none: 0 for sure
    for probability in probabilities:
        counts = np.append(counts * (1 - probability), 0.0) + np.append(0.0, counts * probability)
    return float(counts @ np.abs(np.arange(len(counts)) - probabilities.sum()))


def temperature(margins: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T for which margins / T give the labels the highest likelihood (Guo et al. 2017, section 4.2).

    The mean log likelihood is concave in 1 / T, so where its slope vanishes it is highest. At a bound no T between fits
    better: at COLDEST such as where the sign of the margin tells the labels without an error, as certainty then is
    never too much, and at HOTTEST such as where the margin says nothing of them or the opposite, as no probability of
    1/2 is too cautious then. T = 1 changes nothing.

    margins: float [images]; labels: 0 or 1 [images].
    """
    signed = np.where(labels == 1, margins, -margins).astype(float)

    def slope(inverse: float) -> float:
        """Of the mean log likelihood, by 1 / T."""
        return float(np.mean(signed * expit(-signed * inverse)))

    if slope(1 / HOTTEST) <= 0:
        return HOTTEST
    if slope(1 / COLDEST) >= 0:
        return COLDEST
    return 1 / float(brentq(slope, 1 / HOTTEST, 1 / COLDEST, xtol=1e-12, rtol=1e-12))


def brier(margins: np.ndarray, labels: np.ndarray) -> float:
    """Mean of (probability - label)²; that of a constant prediction, the share p of label 1, is p (1 - p)."""
    return float(np.mean((expit(margins) - labels) ** 2))
