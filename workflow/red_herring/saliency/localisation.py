"""How well a map agrees with a mask, how well a random map would, and how much better than that it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import rankdata

from red_herring.terms import MEASURES

CHANCE_AUC = 0.5

CHUNK = 64
"""Images ranked at a time, as ranks take many times the memory of a map."""


def localise(maps: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
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
    starts = range(0, len(maps), CHUNK)
    parts = [_localise(maps[start : start + CHUNK], masks[start : start + CHUNK]) for start in starts]
    return pd.concat(parts, ignore_index=True)


def _localise(maps: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    flat, inside = maps.reshape(len(maps), -1).astype(np.float64), masks.reshape(len(masks), -1)
    scores = overlap(binarise(maps, masks), masks).assign(
        pointing=_pointing(flat, inside), mass=_mass(flat, inside), auc=_auc(flat, inside), ap=_ap(flat, inside)
    )
    constant = flat.min(axis=1) == flat.max(axis=1)
    scores[constant] = np.nan
    sizes = inside.sum(axis=1)
    levels = {size: chance(int(size), inside.shape[1]) for size in np.unique(sizes)}
    columns = {"mask_pixels": sizes}
    for measure in MEASURES:
        expected = np.array([levels[size][measure] for size in sizes], float)
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
    return (largest & inside).sum(axis=1) / largest.sum(axis=1)


def _mass(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    total = flat.sum(axis=1)
    return np.divide((flat * inside).sum(axis=1), total, out=np.full(len(flat), np.nan), where=total > 0)


def _auc(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The Mann-Whitney statistic, equal values counting one half; missing where the mask is the whole image."""
    ranks = rankdata(flat, axis=1)
    p = inside.sum(axis=1)
    pairs = p * (flat.shape[1] - p)
    above = (ranks * inside).sum(axis=1) - p * (p + 1) / 2
    return np.divide(above, pairs, out=np.full(len(flat), np.nan), where=pairs > 0)


def _ap(flat: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Sum over the thresholds of (recall_k - recall_k-1) precision_k; equal values share one threshold."""
    order = np.argsort(-flat, axis=1, kind="stable")
    values, hits = (np.take_along_axis(array, order, axis=1) for array in (flat, inside))
    found = hits.cumsum(axis=1)
    # The last pixel of each run of equal values is where its threshold stands.
    last = np.append(values[:, 1:] != values[:, :-1], np.ones((len(values), 1), bool), axis=1)
    precision = found / np.arange(1, flat.shape[1] + 1)
    before = np.maximum.accumulate(np.where(last, found, 0), axis=1)
    gained = found - np.append(np.zeros((len(values), 1), int), before[:, :-1], axis=1)
    return (gained * precision * last).sum(axis=1) / inside.sum(axis=1)


def chance(mask_pixels: int, pixels: int) -> dict[str, float]:
    """Measure -> its expectation over maps whose values are in random order, for a mask of p = mask_pixels of P pixels.

    The intersection k of the p largest with the mask is hypergeometric, so iop = iot = p / P, and
    iou = E[k / (2p - k)], about a / (2 - a) with a = p / P. pointing and mass are a as well, auc is 1/2, and
    ap = (H + (p - 1) / (P - 1) (P - H)) / P, H = 1 + 1/2 + ... + 1/P: a pixel of the mask at place k, which is anywhere
    with the same probability, has 1 + (k - 1)(p - 1) / (P - 1) of them among the first k.
    """
    p, others = mask_pixels, pixels - mask_pixels
    k = np.arange(max(0, p - others), p + 1)
    probability = np.exp(_log_choose(p, k) + _log_choose(others, p - k) - _log_choose(pixels, p))
    area = p / pixels
    harmonic = float(np.sum(1 / np.arange(1, pixels + 1)))
    share = (p - 1) / (pixels - 1) if pixels > 1 else 1.0
    return {
        "iou": float(np.sum(probability * k / (2 * p - k))),
        **dict.fromkeys(("iop", "iot", "pointing", "mass"), area),
        "auc": CHANCE_AUC,
        "ap": (harmonic + share * (pixels - harmonic)) / pixels,
    }


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - np.asarray(k) + 1)
