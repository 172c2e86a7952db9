"""How well predicted boxes find the true ones: average precision, and the accuracy of one box per image.

Predictions are as `Detector.predict` gives them: of each image boxes [k, 4] and their scores [k].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor

from red_herring.generation.boxes import iobb, iou
from red_herring.statistics.common import CONFIDENCE, RESAMPLES, percentiles

FOUND = 0.5
"""IoU from which on a predicted box has found a true one, for average precision."""

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
"""T of T(IoU) and T(IoBB): from which on the one box of an image is right (Wang et al. 2017)."""

COLUMNS = ["measure", "threshold", "value", "low", "high", "images", "patients"]

Predictions = Sequence[tuple[Tensor, Tensor]]


class Matches(NamedTuple):
    """All predicted boxes of all images, the highest score first: scores, hits (whether it found a true box), images
    (the row of its image), each [boxes]; truths, int64 [images], the true boxes of each image.
    """

    scores: np.ndarray
    hits: np.ndarray
    images: np.ndarray
    truths: np.ndarray


def match(predictions: Predictions, truths: Sequence[Tensor]) -> Matches:
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


def _hits(boxes: Tensor, scores: Tensor, true: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The scores of one image's boxes, the highest first, and which of them found a true box."""
    values = scores.cpu().numpy().astype(np.float64)
    hits = np.zeros(len(values), bool)
    if len(true) == 0 or len(values) == 0:
        return values, hits
    overlaps = iou(boxes.double(), true.double()).cpu().numpy()
    best, taken = overlaps.argmax(axis=1), set[int]()
    order = np.lexsort((-overlaps.max(axis=1), -values))
    for row in order:
        if overlaps[row, best[row]] >= FOUND and best[row] not in taken:
            hits[row] = True
            taken.add(best[row])
    return values[order], hits[order]


def average_precision(matches: Matches, weights: np.ndarray | None = None) -> float:
    """The area under precision against recall by all points, 0 to 1: at each recall the highest precision there or at
    any larger one (PASCAL VOC from 2010 on). Boxes of one score are one point. 0 without any prediction, undefined
    without any true box. weights: of each image, how often it counts, [images]; once, if not given.
    """
    weights = np.ones(len(matches.truths)) if weights is None else weights
    total = float(weights @ matches.truths)
    if total == 0:
        return math.nan
    own = weights[matches.images]
    ends = np.flatnonzero(np.diff(matches.scores, append=-np.inf))
    hits, boxes = np.cumsum(own * matches.hits)[ends], np.cumsum(own)[ends]
    precision = np.divide(hits, boxes, out=np.zeros(len(ends)), where=boxes > 0)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits, prepend=0.0) * highest).sum() / total)


def overlaps_of_best(
    predictions: Predictions, truths: Sequence[Tensor], overlap: Callable[[Tensor, Tensor], Tensor]
) -> np.ndarray:
    """The largest overlap of the one box of the highest score, of equal ones the first, with any true box of its image,
    [images]; 0 without a predicted box, NaN for images without a true one.
    """
    found = []
    for (boxes, scores), true in zip(predictions, truths, strict=True):
        if len(true) == 0 or len(scores) == 0:
            found.append(math.nan if len(true) == 0 else 0.0)
            continue
        best = boxes[int(np.argmax(scores.cpu().numpy()))]
        found.append(float(overlap(best[None].double(), true.double()).max()))
    return np.array(found)


def detection_measures(
    predictions: Predictions,
    truths: Sequence[Tensor],
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
    times = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    weights = times[:, whose].astype(float)
    matches = match(predictions, truths)
    resampled = np.array([average_precision(matches, own) for own in weights])
    shown = np.ones(len(whose), bool)
    rows = [_row("ap", FOUND, average_precision(matches), resampled, whose, shown)]
    for name, overlap in (("iou", iou), ("iobb", iobb)):
        overlaps = overlaps_of_best(predictions, truths, overlap)
        shown = ~np.isnan(overlaps)
        for threshold in THRESHOLDS:
            right = overlaps[shown] >= threshold
            value = float(right.mean()) if len(right) else math.nan
            rows.append(_row(name, threshold, value, _shares(right, weights[:, shown]), whose, shown))
    return pd.DataFrame(rows, columns=COLUMNS)


def half_width(accuracy: float, images: int) -> float:
    """Of the 95 % interval of an accuracy on so many independent images, by the normal approximation; for a difference
    of two independent arms it is sqrt(2) times as much.

    >>> round(half_width(0.5, 30), 3), round(half_width(0.5, 30) * 2**0.5, 3)
    (0.179, 0.253)
    """
    return 1.96 * math.sqrt(accuracy * (1 - accuracy) / images)


def _shares(right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted share of right images in each resample, [resamples]; NaN where no image weighs anything."""
    totals = weights.sum(axis=1)
    shares: np.ndarray = np.divide(weights @ right, totals, out=np.full(len(totals), np.nan), where=totals > 0)
    return shares


def _row(
    measure: str, threshold: float, value: float, resampled: np.ndarray, whose: np.ndarray, shown: np.ndarray
) -> tuple[str | float, ...]:
    low, high = percentiles(resampled, CONFIDENCE)
    return measure, threshold, value, low, high, int(shown.sum()), len(np.unique(whose[shown]))
