"""How well a map agrees with a mask, and how well a random map would."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln


def binarise(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The p largest values of each map, p the number of pixels in its mask: bool [n, height, width].

    Of equal values the first in reading order count, so exactly p pixels are set.
    """
    n = len(maps)
    order = np.argsort(-maps.reshape(n, -1), axis=1, kind="stable")
    sizes = masks.reshape(n, -1).sum(axis=1)
    chosen = np.arange(order.shape[1]) < sizes[:, None]
    binary = np.zeros(order.shape, bool)
    np.put_along_axis(binary, order, chosen, axis=1)
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


def chance(mask_pixels: int, pixels: int) -> tuple[float, float]:
    """Expected (iou, iop) of a random map as large as the mask: iot is the same as iop.

    The intersection k of two sets of p among P pixels is hypergeometric, so IoP = p / P = a and
    IoU = E[k / (2p - k)], about a / (2 - a).
    """
    p, others = mask_pixels, pixels - mask_pixels
    k = np.arange(max(0, p - others), p + 1)
    probability = np.exp(_log_choose(p, k) + _log_choose(others, p - k) - _log_choose(pixels, p))
    return float(np.sum(probability * k / (2 * p - k))), p / pixels


def _log_choose(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - np.asarray(k) + 1)


def localise(maps: np.ndarray, masks: np.ndarray) -> pd.DataFrame:
    """One row per image: mask_pixels, iou, iop, iot, chance_iou, chance_iop. The masks must not be empty."""
    scores = overlap(binarise(maps, masks), masks)
    sizes = masks.sum(axis=(1, 2))
    pixels = maps.shape[1] * maps.shape[2]
    levels = {size: chance(int(size), pixels) for size in np.unique(sizes)}
    scores.insert(0, "mask_pixels", sizes)
    scores["chance_iou"] = [levels[size][0] for size in sizes]
    scores["chance_iop"] = [levels[size][1] for size in sizes]
    return scores
