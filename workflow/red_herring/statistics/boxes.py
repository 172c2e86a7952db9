"""How well predicted boxes find the true ones: average precision, and the accuracy of one box per image.

Boxes are arrays [k, 4]: top, left, bottom, right in pixels, bottom and right exclusive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from red_herring.statistics.common import CONFIDENCE, RESAMPLES, percentiles

FOUND = 0.5
"""IoU from which on a predicted box has found a true one, for average precision."""

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""T of T(IoU) and T(IoBB): from which on the one box of an image is right (Wang et al. 2017)."""

COLUMNS = ["measure", "threshold", "value", "low", "high", "images", "patients"]

AT_ONCE = 200
"""Resamples that are held in memory together, as each weighs every image."""

Predictions = Sequence[tuple[np.ndarray, np.ndarray]]
"""Of each image its boxes [k, 4] and their scores [k]."""


def area(boxes: np.ndarray) -> np.ndarray:
    """Of each box, in square pixels: [..., 4] -> [...]."""
    return np.asarray((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1))


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Square pixels that each pair of boxes shares: [n, 4], [m, 4] -> [n, m]."""
    ends = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(ends - np.maximum(a[:, None, :2], b[None, :, :2]), 0, None).prod(axis=2))


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of each pair of boxes: [n, 4], [m, 4] -> [n, m], 0 to 1."""
    shared = intersection(a, b)
    return np.asarray(shared / (area(a)[:, None] + area(b)[None] - shared))


def iobb(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Intersection over the area of the predicted box (Wang et al. 2017): [n, 4], [m, 4] -> [n, m], 0 to 1."""
    return np.asarray(intersection(predicted, true) / area(predicted)[:, None])


class Matches(NamedTuple):
    """All predicted boxes of all images, the highest score first: scores, hits (whether it found a true box), images
    (the row of its image), each [boxes]; truths, int64 [images], the true boxes of each image.
    """

    scores: np.ndarray
    hits: np.ndarray
    images: np.ndarray
    truths: np.ndarray


def match(predictions: Predictions, truths: Sequence[np.ndarray]) -> Matches:
    """Which predicted boxes found a true one; truths: of each image its boxes [k, 4].

    As in PASCAL VOC: a predicted box goes to the true one of its image with which its IoU is largest, and has found it
    if that is FOUND or more and none went there before it; the others are wrong. The higher score goes first, of equal
    scores the larger IoU, so the order in which they are given counts for nothing.
    """
    parts = [_hits(*own, true) for own, true in zip(predictions, truths, strict=True)]
    scores, hits = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
    images = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    order = np.argsort(-scores, kind="stable")
    return Matches(scores[order], hits[order], images[order], np.array([len(true) for true in truths], np.int64))


def _hits(boxes: np.ndarray, scores: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores of one image's boxes, the highest first, and which of them found a true box."""
    hits = np.zeros(len(scores), bool)
    if len(true) == 0 or len(scores) == 0:
        return scores, hits
    overlaps = iou(boxes, true)
    best, taken = overlaps.argmax(axis=1), set[int]()
    order = np.lexsort((-overlaps.max(axis=1), -scores))
    for row in order:
        if overlaps[row, best[row]] >= FOUND and best[row] not in taken:
            hits[row] = True
            taken.add(best[row])
    return scores[order], hits[order]


def average_precision(matches: Matches) -> float:
    """The area under precision against recall by all points, 0 to 1: at each recall the highest precision there or at
    any larger one (PASCAL VOC from 2010 on). Boxes of one score are one point. 0 without any prediction, undefined
    without any true box.
    """
    return float(average_precisions(matches, np.ones((1, len(matches.truths))))[0])


def average_precisions(matches: Matches, weights: np.ndarray) -> np.ndarray:
    """The same, [resamples], where each image counts as often as weights [resamples, images] say."""
    hits, boxes = _points(matches)
    found = [_areas(own @ hits, own @ boxes, own @ matches.truths) for own in in_parts(weights)]
    return np.concatenate([np.zeros(0), *found])


def _points(matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """Of each image how many true boxes it has found, and how many boxes it has predicted, with a score or a higher
    one, for each score at which any image finds one: float64 [images, points] each.

    Between two such scores recall stands still while precision falls, so no other point counts, whatever the weights.
    """
    size = len(matches.truths)
    points = -np.unique(-matches.scores[matches.hits])
    place = np.searchsorted(-points, -matches.scores)  # the first point that counts the box
    counts = np.zeros((2, size, len(points) + 1))
    np.add.at(counts[0], (matches.images, place), matches.hits)
    np.add.at(counts[1], (matches.images, place), 1)
    hits, boxes = counts[:, :, :-1].cumsum(axis=2)
    return hits, boxes


def _areas(hits: np.ndarray, boxes: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """hits, boxes: [resamples, points]; totals: of true boxes, [resamples]."""
    precision = np.divide(hits, boxes, out=np.zeros(hits.shape), where=boxes > 0)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    areas = (np.diff(hits, axis=1, prepend=0.0) * highest).sum(axis=1)
    return _quotients(areas, totals)


def overlaps_of_best(
    predictions: Predictions,
    truths: Sequence[np.ndarray],
    overlap: Callable[[np.ndarray, np.ndarray], np.ndarray] = iou,
) -> np.ndarray:
    """The largest overlap of the one box of the highest score, of equal ones the first, with any true box of its image,
    [images]; 0 without a predicted box, NaN for images without a true one.
    """
    found = []
    for (boxes, scores), true in zip(predictions, truths, strict=True):
        if len(true) == 0 or len(scores) == 0:
            found.append(math.nan if len(true) == 0 else 0.0)
            continue
        found.append(float(overlap(boxes[[int(np.argmax(scores))]], true).max()))
    return np.array(found)


def detection_measures(
    predictions: Predictions,
    truths: Sequence[np.ndarray],
    patients: Sequence[object],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per measure, COLUMNS: `ap` at FOUND, of all images; `iou` and `iobb`, the share of images with a true box
    whose one box reaches the threshold.

    value, low and high: 0 to 1, with the percentile interval of CONFIDENCE by bootstrap of patients, who are drawn with
    all their images; NaN where undefined. images, patients: how many there are of these images. patients: of each image
    whose it is.
    """
    whose, names = pd.factorize(np.asarray(patients, dtype=object))
    weights = times_drawn(len(names), resamples, seed)[:, whose]
    matches = match(predictions, truths)
    shown = np.ones(len(whose), bool)
    resampled = average_precisions(matches, weights)
    rows = [_row("ap", FOUND, average_precision(matches), resampled, whose, shown)]
    for name, overlap in (("iou", iou), ("iobb", iobb)):
        overlaps = overlaps_of_best(predictions, truths, overlap)
        shown = ~np.isnan(overlaps)
        for threshold in THRESHOLDS:
            right = overlaps >= threshold
            value = float(right[shown].mean()) if shown.any() else math.nan
            rows.append(_row(name, threshold, value, shares(right, shown, weights), whose, shown))
    return pd.DataFrame(rows, columns=COLUMNS)


def times_drawn(patients: int, resamples: int, seed: int) -> np.ndarray:
    """How often each patient is drawn in each resample, with replacement: float64 [resamples, patients]."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(patients, np.full(patients, 1 / patients), size=resamples).astype(float)


def shares(right: np.ndarray, shown: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of right images among those that are shown, bool [images] each, in each resample: [resamples]. weights:
    [resamples, images]; NaN where no such image weighs anything.
    """
    return _quotients(weights @ (right & shown), weights @ shown)


def in_parts(weights: np.ndarray) -> Iterator[np.ndarray]:
    """Weights [resamples, images], AT_ONCE at a time."""
    for start in range(0, len(weights), AT_ONCE):
        yield weights[start : start + AT_ONCE]


def _quotients(values: np.ndarray, totals: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.divide(values, totals, out=np.full(len(totals), np.nan), where=totals > 0)
    return found


def _row(
    measure: str, threshold: float, value: float, resampled: np.ndarray, whose: np.ndarray, shown: np.ndarray
) -> tuple[str | float, ...]:
    low, high = percentiles(resampled, CONFIDENCE)
    return measure, threshold, value, low, high, int(shown.sum()), len(np.unique(whose[shown]))
