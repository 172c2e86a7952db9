"""Classifier two-sample test: whether explanations by spurious models can be told from those by normal ones.

Lopez-Paz and Oquab 2017: if a classifier tells two samples apart on examples that it has not seen, they differ. The
units are models, not images, so that a classifier is asked about a pair of models, the twins of a seed, of which it has
seen neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from red_herring.statistics.common import DECIMALS, SIGNIFICANCE, Interval
from red_herring.statistics.paired import t_interval

LEAST_TWINS = 3
"""Fewer leave one pair to learn from, and what tells one model from one other is the two models, not the signal."""

ENUMERATED = 2**12
"""Exchanges of twins, all of which are tried up to 13 seeds; of more so many are drawn."""

SHRINKAGE = 1.0
"""What is added to the variance of each standardised feature, which is 1. On simulated maps the classifier is as good
with 0.1 (AUC 0.98 with 3 seeds, 0.88 with 8) and with 1 (0.97, 0.88) as logistic regression (0.97, 0.87), which would
have to be fitted anew for each exchange.
"""


class Twins(NamedTuple):
    """The explanations by the two models of one seed: own, those of the spurious, normal, those of the normal one, of
    the same images in the same rows, float [n, k] each; NaN: undefined. images: their names, [n].
    """

    own: np.ndarray
    normal: np.ndarray
    images: np.ndarray


class ToldApart(NamedTuple):
    """aucs: of each seed's explanations, by the classifier of the other seeds', [seeds], NaN: undefined. images: on how
    many images each is tested, trained: on how many its classifier is, int [seeds]. interval: the mean AUC with its
    95 % interval over seeds. p: of the mean, one-sided. least_p: the smallest that so many seeds can have.
    """

    aucs: np.ndarray
    images: np.ndarray
    trained: np.ndarray
    interval: Interval
    p: float
    least_p: float


def tell_apart(twins: Sequence[Twins]) -> ToldApart:
    """Whether explanations by spurious models differ from those by normal ones, over seeds, of which one is there.

    Each seed is left out in turn, and with it its images among those of the others: a linear classifier, trained on the
    twins of the others, ranks the explanations of the two models of that seed; the AUC is the chance that it ranks one
    by the spurious model above one by the normal model, 0.5 where they are alike. The interval is by Student's t over
    seeds.

    p: the share of the ways to exchange the twins of seeds in which the mean AUC is as high or higher; exact, as twins
    can be exchanged where the signal changes nothing. To exchange all is to exchange none, so of n seeds it is 2^(1-n)
    at least: below 0.05 from six on.

    Undefined is a seed without images, or for which fewer than two others have any left; mean, interval and p where
    fewer than LEAST_TWINS seeds are defined. A feature that is undefined in all explanations of one of the models is
    left out, and so is an image whose explanation by one of the two is undefined.
    """
    twins = _defined(twins)
    images = np.array([len(one.images) for one in twins])
    exchanges = _exchanges(int(np.count_nonzero(images)))
    signs = np.ones((len(exchanges), len(twins)))
    signs[:, images > 0] = exchanges
    aucs = np.stack([_left_out(twins, seed, signs) for seed in range(len(twins))])
    trained = np.array([sum(map(len, _training(twins, seed).values())) for seed in range(len(twins))])
    own = aucs[:, 0]
    there = ~np.isnan(own)
    if there.sum() < LEAST_TWINS:
        return ToldApart(own, images, trained, Interval(np.nan, np.nan, np.nan), np.nan, np.nan)
    means = np.round(aucs[there].mean(axis=0), DECIMALS)
    p = float(np.mean(means >= means[0]))
    return ToldApart(own, images, trained, t_interval(own[there]), p, 1 / len(exchanges))


def enough(least_p: float) -> bool:
    """Whether there are enough seeds for the p of `tell_apart` to be significant at all."""
    return least_p < SIGNIFICANCE


def _defined(twins: Sequence[Twins]) -> list[Twins]:
    """Without features that are undefined in all explanations of a model, unless all of its features are, and then
    without undefined explanations.
    """
    missing = [np.isnan(of).all(axis=0) for one in twins for of in (one.own, one.normal)]
    refused = np.any([np.zeros_like(missing[0]), *(of for of in missing if not of.all())], axis=0)
    found = []
    for one in twins:
        own, normal = (np.asarray(of, np.float64)[:, ~refused] for of in (one.own, one.normal))
        rows = ~(np.isnan(own) | np.isnan(normal)).any(axis=1)
        found.append(Twins(own[rows], normal[rows], np.asarray(one.images)[rows]))
    return found


def _exchanges(seeds: int) -> np.ndarray:
    """1 where the twins of a seed are as they are, -1 where they are exchanged, [exchanges, seeds]; first none is. The
    first seed never is, as exchanging all twins changes no AUC.
    """
    others = max(seeds - 1, 0)
    if 2**others <= ENUMERATED:
        return np.array([(1, *signs) for signs in product((1, -1), repeat=others)])[:, :seeds]
    drawn = np.random.default_rng(0).choice([1, -1], size=(ENUMERATED, seeds))
    drawn[0], drawn[:, 0] = 1, 1
    return drawn


def _training(twins: Sequence[Twins], seed: int) -> dict[int, np.ndarray]:
    """Other seed -> the rows of its images that are none of this seed's; none for a seed without such images."""
    rows = {
        other: np.flatnonzero(~np.isin(one.images, twins[seed].images))
        for other, one in enumerate(twins)
        if other != seed
    }
    return {other: own for other, own in rows.items() if len(own)}


def _left_out(twins: Sequence[Twins], seed: int, signs: np.ndarray) -> np.ndarray:
    """The AUC of the explanations of a seed by the classifier of the others', for each exchange, [exchanges].

    With X standardised on the explanations that it is trained on, n of them, and labels of 1/2 for one of the twins and
    -1/2 for the other, ridge regression has the weights (X'X + n SHRINKAGE I)^-1 X'y. Each seed has as many of the one
    as of the other, so X'y is half the sum over seeds of the difference of its twins' sums, with their signs.
    """
    training, test = _training(twins, seed), twins[seed]
    if len(training) < LEAST_TWINS - 1 or not len(test.images):
        return np.full(len(signs), np.nan)
    parts = [(twins[other].own[rows], twins[other].normal[rows]) for other, rows in training.items()]
    rows = np.concatenate([of for pair in parts for of in pair])
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread == 0] = np.inf  # what never varies says nothing
    standardised = (rows - mean) / spread
    covariance = standardised.T @ standardised / len(rows)
    differences = np.stack([((own - normal) / spread).sum(axis=0) for own, normal in parts], axis=1)
    directions = np.linalg.solve(covariance + SHRINKAGE * np.eye(len(covariance)), differences)
    scores = np.concatenate([test.own - mean, test.normal - mean]) / spread @ directions @ signs[:, list(training)].T
    aucs = _aucs(scores, len(test.own))
    return np.where(signs[:, seed] > 0, aucs, 1 - aucs)


def _aucs(scores: np.ndarray, first: int) -> np.ndarray:
    """That the first so many rows rank above the others, for each column of scores [rows, columns]; ties half."""
    scale = np.abs(scores).max(axis=0)
    ranks = rankdata(np.round(scores / np.where(scale > 0, scale, 1), DECIMALS), axis=0)
    others = len(scores) - first
    aucs: np.ndarray = (ranks[:first].sum(axis=0) - first * (first + 1) / 2) / (first * others)
    return aucs
