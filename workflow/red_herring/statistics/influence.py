"""Which training points an answer owes itself to, by the last layer of a classifier of two classes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit


class Points(NamedTuple):
    """Images as the last layer has them: features, float64 [n, d]; margins, y1 - y0, [n]; labels, 0 or 1, [n].

    The gradient of the cross entropy by the weights and biases of both logits is residual * (-1, 1) x inputs, an outer
    product, with what the properties give. Of the two logits it moves the difference alone.
    """

    features: np.ndarray
    margins: np.ndarray
    labels: np.ndarray

    @property
    def inputs(self) -> np.ndarray:
        """The features, and a 1 for the bias, [n, d + 1]."""
        return np.column_stack([self.features, np.ones(len(self.features))])

    @property
    def residuals(self) -> np.ndarray:
        """The probability of label 1 less the label, [n], exact also where it is next to 0."""
        against = np.where(self.labels == 1, -1, 1)
        residuals: np.ndarray = against * expit(against * self.margins)
        return residuals


def hessian(points: Points) -> np.ndarray:
    """Of their mean cross entropy, by what moves the logits apart: along (-1, 1) / sqrt(2), [d + 1, d + 1].

    The whole Hessian, 2 (d + 1) each way, has besides it zeros alone, for what moves both logits together, and so no
    inverse unless it is damped; of gradients, which do not go there, the damped inverse is that of this block.
    """
    inputs, certainty = points.inputs, expit(points.margins) * expit(-points.margins)
    return np.asarray(2 * (inputs.T * certainty) @ inputs / len(inputs))


def damped(curvature: np.ndarray, share: float) -> np.ndarray:
    """With `share` of its mean eigenvalue more in each direction, which is the same for features of any scale."""
    return np.asarray(curvature + share * np.trace(curvature) / len(curvature) * np.eye(len(curvature)))


def influence(queries: Points, candidates: Points, curvature: np.ndarray) -> np.ndarray:
    """How much of the loss of each query a training point takes away, [queries, candidates]; above 0: it helps.

    g_query H^-1 g_candidate, with the gradients g and a damped Hessian H, `curvature` (Koh and Liang 2017). Divided by
    n this is by how much the query's loss would rise without the point, one of n, where H is of their mean loss and a
    ridge penalty, the damping. Koh and Liang's own sign is the other one, by which the most negative help most.
    numpy.linalg.LinAlgError where H has no inverse.
    """
    moved = cho_solve(cho_factor(curvature), candidates.inputs.T)
    return np.asarray(2 * np.outer(queries.residuals, candidates.residuals) * (queries.inputs @ moved))


def influence_normalised(queries: Points, candidates: Points, curvature: np.ndarray) -> np.ndarray:
    """`influence` by how far a training point moves the weights, |H^-1 g_candidate| (Barshan et al. 2020).

    So a point that is fitted well, whose gradient is next to 0, is not left out for that.
    """
    moved = cho_solve(cho_factor(curvature), candidates.inputs.T)
    signs = np.where(candidates.labels == 1, -1, 1)
    per_length = queries.inputs @ (moved / np.linalg.norm(moved, axis=0))
    return np.asarray(np.sqrt(2) * np.outer(queries.residuals, signs) * per_length)


def tracin(queries: Points, candidates: Points) -> np.ndarray:
    """What a step along a training point's gradient takes off the loss of each query by the learning rate, [queries,
    candidates]; above 0: it helps. TracIn (Pruthi et al. 2020) is the sum of this over checkpoints, by learning rate.
    """
    alike = queries.inputs @ candidates.inputs.T
    return np.asarray(2 * np.outer(queries.residuals, candidates.residuals) * alike)


def cosine(queries: Points, candidates: Points) -> np.ndarray:
    """Of the features, [queries, candidates]; NaN where they are 0 everywhere."""
    with np.errstate(invalid="ignore"):
        ours, theirs = (one.features / np.linalg.norm(one.features, axis=1)[:, None] for one in (queries, candidates))
    return np.asarray(ours @ theirs.T)


def top(scores: np.ndarray, count: int) -> np.ndarray:
    """Each candidate's share in the `count` of the highest scores of each query, [queries, candidates], 1 in all; of
    equal scores at the threshold each has the same part.

    NaN for a query whose scores rank nothing, being all the same, or which has fewer than `count` of them; NaN among
    scores is below all others.
    """
    scores = np.where(np.isnan(scores), -np.inf, scores)
    threshold = np.partition(scores, -count, axis=1)[:, [-count]]
    above, equal = scores > threshold, scores == threshold
    weights = above + equal * (count - above.sum(axis=1, keepdims=True)) / equal.sum(axis=1, keepdims=True)
    ranked = np.isfinite(threshold) & (scores.min(axis=1, keepdims=True) < scores.max(axis=1, keepdims=True))
    return np.asarray(np.where(ranked, weights / count, np.nan))
