"""What random maps score: maps of independent pixels, smoothed as the maps that they are set against.

A random map has no more smoothness than its smoothing gives it: maps that are smooth by themselves, as a Grad-CAM that
is upsampled from a few pixels or the windows of occlusion, are set against the same chance levels as others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.stats import hypergeom

from red_herring.saliency.localisation import Chance, average_precision
from red_herring.saliency.smoothing import smooth

CHANCE_AUC = 0.5

PIXELS = 2**23
"""Of all random maps whose pixels are ranked: 10,699 maps of 28 x 28 pixels, 2,048 of 64 x 64, 167 of 224 x 224. The
larger the mask, the less do the scores of single maps differ, so large images need fewer of them: the standard error of
the IoU is 0.0002 for a cross in 28 pixels, 0.0004 for a box in 64 and for the ellipse in 224."""

LARGEST = 4096
"""Random maps, at least, whose largest value is looked up: it is at one place, however large the map.
For the ellipse in 224 pixels the standard error of the pointing game is 0.007."""

CHUNK = 2**20
"""Pixels that are smoothed and ranked at a time."""

TIED = 2**18
"""Places of a mask in random maps, at most, from which one learns what equal values change."""

DISTINCT = 1e-3
"""A map whose sum of 1 / place is smaller by less than this for its equal values counts as one of different values;
roundings make single pairs equal in any large map, and zeros on 4 % of the pixels come to that."""


@cache
def chance_of(shape: tuple[int, int], sigma: float) -> Chance:
    """Of maps of that height and width, smoothed by a Gaussian of sigma pixels; 0: not smoothed."""
    return Smoothed(shape, lambda maps: smooth(maps, sigma)) if sigma > 0 else Unsmoothed()


class Unsmoothed:
    """Expectations over maps whose values are in random order, for a mask of p of the P pixels; exact.

    The intersection k of the p largest with the mask is hypergeometric, so iop = iot = p / P, and
    iou = E[k / (2p - k)], about a / (2 - a) with a = p / P. pointing and mass are a as well, and auc is 1/2.
    ap is `expected_ap`.
    """

    def levels(self, mask: np.ndarray, last: np.ndarray) -> dict[str, float]:
        p, pixels = int(mask.sum()), mask.size
        return {
            "iou": _iou(p, pixels),
            **dict.fromkeys(("iop", "iot", "pointing", "mass"), p / pixels),
            "auc": CHANCE_AUC,
            "ap": expected_ap(p, last),
        }


def expected_ap(p: int, last: np.ndarray) -> float:
    """The average precision of maps whose values are in random order, for a mask of p of the P pixels; exact.

    last: int [P], the last place of the value of each pixel, as of `Chance.levels`. It is (H + (p - 1) / (P - 1)
    (P - H)) / P, H the sum over the pixels of 1 / l: of the l pixels down to the threshold at which a pixel of the mask
    is found, 1 + (l - 1) (p - 1) / (P - 1) are of the mask. H is 1 + 1/2 + ... + 1/P where all values differ, and 1,
    which makes it p / P, where all are equal.
    """
    pixels, found = len(last), np.sum(1 / last)
    share = (p - 1) / (pixels - 1) if pixels > 1 else 1.0
    return float(found + share * (pixels - found)) / pixels


@cache
def _iou(p: int, pixels: int) -> float:
    k = np.arange(max(0, 2 * p - pixels), p + 1)
    return float(np.sum(hypergeom.pmf(k, pixels, p, p) * k / (2 * p - k)))


class Smoothed:
    """Means over random maps: uniform noise, as the attribution `random`, smoothed. Seeded, so always the same maps.

    shape: height, width. smooth: maps [n, height, width] -> smoothed maps. The noise comes in pairs, u and 1 - u, which
    are equally random and err to opposite sides. All masks meet the same maps, each mask once.
    """

    def __init__(self, shape: tuple[int, int], smooth: Callable[[np.ndarray], np.ndarray]):
        pixels = shape[0] * shape[1]
        ranked = PIXELS // pixels + 1
        count, pairs = max(ranked, LARGEST), CHUNK // pixels // 2 + 1
        random = np.random.default_rng(0)
        share, largest, places = np.zeros(pixels), np.zeros(pixels), []
        for start in range(0, count, 2 * pairs):
            noise = random.random((pairs, *shape), np.float32)
            maps = smooth(np.concatenate([noise, 1 - noise])).reshape(2 * pairs, pixels)
            share += (maps / maps.sum(axis=1, keepdims=True)).mean(axis=0)
            largest += np.bincount(maps.argmax(axis=1), minlength=pixels)
            if start < ranked:
                places.append(_places(maps))
        self._share, self._largest = share / share.sum(), largest / largest.sum()
        """[pixels]: the share of the sum that each pixel is expected to have, and how often it is the largest."""
        self._places = np.concatenate(places).T.copy()
        """int32 [pixels, maps]: the place of each pixel in its map, from that of the largest value, 1, down."""
        self._harmonic = np.sum(1 / np.arange(1, pixels + 1))
        self._known: dict[bytes, dict[str, float]] = {}

    def levels(self, mask: np.ndarray, last: np.ndarray) -> dict[str, float]:
        key = np.packbits(mask).tobytes()
        if mask.all():
            return Unsmoothed().levels(mask, last)
        if key not in self._known:
            self._known[key] = self._scored(mask.ravel())
        known = self._known[key]
        if self._harmonic - np.sum(1 / last) < DISTINCT:
            return known
        # Of maps that have the values of this one, equal ones among them, in the order of the random maps.
        inside = self._inside(mask.ravel(), TIED)
        change = average_precision(last[inside - 1]).mean() - _of_distinct(inside)
        return known | {"ap": known["ap"] + change}

    def _scored(self, mask: np.ndarray) -> dict[str, float]:
        inside, p = self._inside(mask), int(mask.sum())
        k = (inside <= p).sum(axis=1)
        above = (inside.mean(axis=1) - (p + 1) / 2) / (mask.size - p)
        return {
            "iou": (k / (2 * p - k)).mean(),
            **dict.fromkeys(("iop", "iot"), k.mean() / p),
            "pointing": self._largest[mask].sum(),
            "mass": self._share[mask].sum(),
            "auc": 1 - above.mean(),
            "ap": _of_distinct(inside),
        }

    def _inside(self, mask: np.ndarray, most: int | None = None) -> np.ndarray:
        """The places of the mask's pixels, int32 [maps, p], rising, of all maps or of those that come to `most`."""
        maps = None if most is None else most // int(mask.sum()) + 1
        return np.sort(self._places[mask, :maps].T.copy(), axis=1)


def _of_distinct(inside: np.ndarray) -> float:
    """The mean average precision of maps without equal values. inside: places [maps, p], rising."""
    return float((np.arange(1, inside.shape[1] + 1) / inside).mean())


def _places(maps: np.ndarray) -> np.ndarray:
    places = np.empty(maps.shape, np.int32)
    np.put_along_axis(places, np.argsort(-maps, axis=1), np.arange(1, maps.shape[1] + 1, dtype=np.int32)[None], axis=1)
    return places
