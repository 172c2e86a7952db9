"""Intervals of an AUC, by bootstrap of patients, and of seeds and patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from red_herring.statistics.common import (
    CONFIDENCE,
    RESAMPLES,
    Interval,
    percentiles,
)

AT_ONCE = 200
"""Resamples that are held in memory together, as each weighs every image."""


class Predictions(NamedTuple):
    """Of one run's test set, arrays [images]: labels 0 or 1, scores, whose image it is, and which."""

    labels: np.ndarray
    scores: np.ndarray
    patients: np.ndarray
    images: np.ndarray | None = None


def auc_interval(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The AUC of one run with its percentile bootstrap interval; patients are drawn with all their images.

    labels: 0 or 1; scores; patients: anything hashable; all [images]. Undefined without both classes; for constant
    scores the AUC is 0.5 and its interval undefined. An AUC of 0 or 1 has an interval without width.
    """
    return two_level_auc_interval([Predictions(labels, scores, patients)], resamples, seed, confidence)


def two_level_auc_interval(
    runs: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """The mean AUC of a method's runs with its percentile bootstrap interval, over patients and over seeds.

    Each resample draws, with replacement, patients of all test sets together and as many runs as there are; its
    statistic is the mean AUC of the drawn runs, each on the images of the drawn patients in its own test set. A patient
    in several test sets counts equally often in all of them, as what is hard about the images is so for every run. Runs
    without both classes are left out. Undefined when all scores of each run are the same.
    """
    runs = [run for run in runs if len(np.unique(run.labels)) == 2]
    if not runs:
        return Interval(np.nan, np.nan, np.nan)
    value = float(np.mean([_weighted_aucs(run, np.ones((1, len(run.labels)), np.float32))[0] for run in runs]))
    if all(np.ptp(run.scores) == 0 for run in runs):
        return Interval(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    patients, names = pd.factorize(np.concatenate([run.patients for run in runs]), use_na_sentinel=False)
    patients_of = np.split(patients, np.cumsum([len(run.patients) for run in runs])[:-1])
    means = []
    for rows in np.diff([*range(0, resamples, AT_ONCE), resamples]):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rows)
        aucs = [_weighted_aucs(run, times[:, own]) for run, own in zip(runs, patients_of, strict=True)]
        drawn = rng.integers(len(runs), size=(rows, len(runs)))
        means.append(np.take_along_axis(np.stack(aucs, axis=1), drawn, axis=1).mean(axis=1))
    low, high = percentiles(np.concatenate(means), confidence)
    return Interval(value, low, high)


def _weighted_aucs(run: Predictions, weights: np.ndarray) -> np.ndarray:
    """AUCs [resamples] for weights [resamples, images]: the weight of the pairs that are ranked rightly, ties half, in
    that of all pairs of a positive and a negative; NaN where a class weighs nothing.
    """
    order = np.argsort(run.scores, kind="stable")
    scores, positive = np.asarray(run.scores)[order], np.asarray(run.labels)[order] == 1
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    weights = weights[:, order].astype(float)
    positives = np.add.reduceat(weights * positive, starts, axis=1)
    negatives = np.add.reduceat(weights * ~positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    right = (positives * below).sum(axis=1)
    aucs: np.ndarray = np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return aucs
