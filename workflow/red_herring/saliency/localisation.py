"""How well a map agrees with a mask, and how much better than a random map that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.stats import rankdata

CHUNK = 64
"""Images ranked at a time, as ranks take many times the memory of a map."""


class Chance(Protocol):
    """What gives the chance levels of a run's maps."""

    def levels(self, mask: np.ndarray, last: np.ndarray) -> dict[str, float]:
        """Measure -> what a random map scores. mask: bool [height, width]. last: int [pixels], for each place in the
        order of falling values, counted from 1, the last one of the same value in the map that is scored.
        """


def localise(maps: np.ndarray, masks: np.ndarray, chance: Chance) -> pd.DataFrame:
    """One row per image: mask_pixels, then for each measure its value, chance_ and corrected_.

    maps: non-negative [n, height, width]; masks: bool of that shape, none empty. With p the pixels of the mask, m the
    mask and M the p largest values of the map:
      iou, iop, iot:  |M & m| / |M | m|, / |M|, / |m|  (Viviano et al. 2021)
      pointing:       1 if the largest value lies inside (Zhang et al. 2018); of equal ones the share inside
      mass:           the share of the sum that lies inside (Arras et al. 2022)
      auc, ap:        area under the ROC curve and average precision of the pixels' values for inside against outside
    corrected = (value - chance) / (1 - chance): 0 for a random map, 1 for a perfect one. A constant map has no scores,
    a mask of the whole image no pixel AUC and nothing beyond chance; these are missing.
    """
    parts = [_localise(*chunk, chance) for chunk in _chunks(maps, masks)]
    return pd.concat(parts, ignore_index=True)


def measured(maps: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    """The values of `localise` alone: one row per image, a column for each measure, missing for a constant map."""
    return pd.concat([_measured(*chunk)[0] for chunk in _chunks(maps, masks)], ignore_index=True)


def _chunks(maps: np.ndarray, masks: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(maps), CHUNK):
        yield maps[start : start + CHUNK], masks[start : start + CHUNK]


def _measured(maps: np.ndarray, masks: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """The measures, and the places `last` by which `Chance` gives what a random map scores."""
    flat, inside = maps.reshape(len(maps), -1).astype(np.float64), masks.reshape(len(masks), -1)
    order = np.argsort(-flat, axis=1)
    last = run_ends(np.take_along_axis(flat, order, axis=1))
    found = np.take_along_axis(inside, order, axis=1)
    scores = overlap(binarise(maps, masks), masks).assign(
        pointing=_pointing(flat, inside),
        mass=mass(flat, inside),
        auc=_auc(flat, inside),
        ap=[average_precision(places[hits]) for places, hits in zip(last, found, strict=True)],
    )
    constant = flat.min(axis=1) == flat.max(axis=1)
    scores[constant] = np.nan
    return scores, last


def _localise(maps: np.ndarray, masks: np.ndarray, chance: Chance) -> pd.DataFrame:
    scores, last = _measured(maps, masks)
    levels = pd.DataFrame([chance.levels(mask, places) for mask, places in zip(masks, last, strict=True)])
    columns = {"mask_pixels": masks.sum(axis=(1, 2))}
    for measure in scores:
        expected = levels[measure].to_numpy(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            corrected = np.where(expected < 1, (scores[measure] - expected) / (1 - expected), np.nan)
        columns |= {measure: scores[measure], f"chance_{measure}": expected, f"corrected_{measure}": corrected}
    return pd.DataFrame(columns)


def binarise(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The p largest values of each map, p the number of pixels in its mask: bool [n, height, width].

    Which of equal values count is drawn once for all images, so exactly p pixels are set and no side is favoured.
    """
    n, flat = len(maps), maps.reshape(len(maps), -1)
    drawn = np.random.default_rng(0).permutation(flat.shape[1])
    order = drawn[np.argsort(-flat[:, drawn], axis=1, kind="stable")]
    sizes = masks.reshape(n, -1).sum(axis=1)
    binary = np.zeros(order.shape, bool)
    np.put_along_axis(binary, order, np.arange(order.shape[1]) < sizes[:, None], axis=1)
    return binary.reshape(maps.shape)


def overlap(binary: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    """Per image: iou, iop (intersection over predicted) and iot (intersection over true) of binary maps with masks,
    bool [n, height, width], none empty.
    """
    axes = (1, 2)
    intersection = (binary & masks).sum(axis=axes)
    union = (binary | masks).sum(axis=axes)
    return pd.DataFrame(
        {
            "iou": intersection / union,
            "iop": intersection / binary.sum(axis=axes),
            "iot": intersection / masks.sum(axis=axes),
        }
    )


def _pointing(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    largest = flat == flat.max(axis=1, keepdims=True)
    return np.asarray((largest & inside).sum(axis=1) / largest.sum(axis=1))


def mass(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The share of the sum of each map that lies inside; NaN for a map of zeros. flat: 0 or more, inside: bool, both
    [n, pixels].
    """
    total = flat.sum(axis=1)
    share = np.full(len(flat), np.nan)
    np.divide((flat * inside).sum(axis=1), total, out=share, where=total > 0)
    return share


def _auc(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The Mann-Whitney statistic, equal values counting one half; missing where the mask is the whole image."""
    ranks = rankdata(flat, axis=1)
    p = inside.sum(axis=1)
    pairs = p * (flat.shape[1] - p)
    above = (ranks * inside).sum(axis=1) - p * (p + 1) / 2
    areas = np.full(len(flat), np.nan)
    np.divide(above, pairs, out=areas, where=pairs > 0)
    return areas


def average_precision(last: np.ndarray) -> np.ndarray:
    """Sum over the thresholds of (recall_k - recall_k-1) precision_k; equal values share one threshold.

    last: int [..., p], rising: for each pixel of the mask, how many pixels of the map have at least its value.
    """
    precision: np.ndarray = (run_ends(last) / last).mean(axis=-1)
    return precision


def run_ends(values: np.ndarray) -> np.ndarray:
    """Of each of n sorted values, [..., n], the place, counted from 1, of the last one that equals it: int."""
    n = values.shape[-1]
    ends = np.full(values.shape, n)
    np.copyto(ends[..., :-1], np.arange(1, n), where=values[..., 1:] != values[..., :-1])
    return np.minimum.accumulate(ends[..., ::-1], axis=-1)[..., ::-1]
