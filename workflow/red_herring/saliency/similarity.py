"""How alike two maps are, by the measures of Adebayo et al. 2018.

A map is prepared once (ranks, scaled values, histograms) and compared with as many others as there are. What is not
defined is NaN: a constant map, one that is constant up to its 99th percentile where it is clipped there, and, where
pixels count only if the image is not 0, maps that are constant on these pixels or images that share none.
Maps that share nothing score 0 by ranks, and otherwise what the spread of their values makes of it: uniform noise in
224 x 224 pixels 0.005 by `ssim`, 0.02 by `ssim_s2` and 0.08 by `hog`, noise of heavy tails 0.02, 0.8 and 0.5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata
from skimage.feature import hog
from skimage.metrics import structural_similarity

from red_herring.runtime.files import StudyError

PERCENTILE = 99
"""At which absolute maps are clipped for `ssim`."""

CELLS = 14
"""Of a histogram of oriented gradients, a side: cells of 16 x 16 pixels in images of 224, of 2 x 2 in images of 28."""

ORIENTATIONS, BLOCK = 9, 3
"""Of a histogram, and cells of a block, a side: Dalal and Triggs 2005, section 6, with blocks of 3 x 3 cells."""

TOGETHER = 2**18
"""Pixels that are worked on at a time, in about 0.05 GB."""


class Similarity(NamedTuple):
    """prepare: maps [n, height, width] and which pixels count, bool alike -> an array of n rows. compare: two of these
    -> [n]. smallest: pixels a side of an image. nonzero: whether only pixels count where the image is not 0, of maps of
    different images where neither is.
    """

    prepare: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
    smallest: int = 1
    nonzero: bool = False


def similarity(name: str, first: np.ndarray, second: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """How alike the maps of each image are, by `name` of study.names.SIMILARITIES: float64 [n], NaN where undefined.

    first, second: signed maps [n, height, width] of the same images. images: their pixels as the classifier sees them,
    alike, which the measures on pixels that are not 0 need.
    """
    return compare(name, prepare(name, first, images), prepare(name, second, images))


def prepare(name: str, maps: np.ndarray, images: np.ndarray | None = None) -> np.ndarray:
    """What `compare` takes of maps [n, height, width]: float32, one row per map.

    Raises ValueError without images that are needed, and StudyError if the maps are too small.
    """
    chosen, side = _BY_NAME[name], min(maps.shape[1:])
    if side < chosen.smallest:
        raise StudyError(
            f"similarities: {name} needs images of at least {chosen.smallest} pixels a side and these have {side}; "
            f"leave {name} out"
        )
    if chosen.nonzero and images is None:
        raise ValueError(f"{name} needs the images")
    counted = images != 0 if chosen.nonzero and images is not None else np.ones(maps.shape, bool)
    parts = [chosen.prepare(maps[rows].astype(np.float64), counted[rows]) for rows in _parts(maps)]
    return np.concatenate(parts).astype(np.float32)


def compare(name: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The similarity, float64 [n], of maps that `prepare` made ready."""
    parts = [
        _BY_NAME[name].compare(first[rows].astype(np.float64), second[rows].astype(np.float64))
        for rows in _parts(first)
    ]
    return np.concatenate(parts)


def _parts(values: np.ndarray) -> list[slice]:
    size = max(1, TOGETHER // values[0].size)
    return [slice(start, start + size) for start in range(0, len(values), size)]


# Correlations: vectors of length 1 about their mean, and their products


def _ranked(maps: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The ranks of the pixels that count, equal ones sharing theirs; the others are 0 and so add nothing."""
    values = np.where(counted, maps, np.inf).reshape(len(maps), -1)
    inside = counted.reshape(values.shape)
    middle = (inside.sum(axis=1, keepdims=True) + 1) / 2
    return _of_length_one(np.where(inside, rankdata(values, axis=1) - middle, 0.0))


def _ranked_absolute(maps: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return _ranked(np.abs(maps), counted)


def _counted(maps: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """NaN where a pixel does not count: which do so for both of two maps is known only when they are compared."""
    return np.where(counted, maps, np.nan)


def _counted_absolute(maps: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return _counted(np.abs(maps), counted)


def _ranks_in_common(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both = ~(np.isnan(first) | np.isnan(second))
    return _product(_ranked(first, both), _ranked(second, both))


def _of_length_one(values: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return _quotient(values, length)


def _quotient(values: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """NaN where a divisor is 0."""
    quotient: np.ndarray = np.divide(values, divisors, out=np.full(values.shape, np.nan), where=divisors > 0)
    return quotient


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    products: np.ndarray = np.einsum("np,np->n", first, second)
    return products


# Structural similarity (Wang et al. 2004)


def scaled(maps: np.ndarray) -> np.ndarray:
    """From 0 to 1 by the smallest and the largest value of each."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return _quotient(maps - low, high - low)


def _clipped(maps: np.ndarray, _: np.ndarray) -> np.ndarray:
    absolute = np.abs(maps)
    return scaled(np.minimum(absolute, np.percentile(absolute, PERCENTILE, axis=(1, 2), keepdims=True)))


def _ssim(first: np.ndarray, second: np.ndarray, **how: Any) -> np.ndarray:
    """By scikit-image, pair by pair."""
    return np.array([structural_similarity(*pair, **how) for pair in zip(first, second, strict=True)])


# Histograms of oriented gradients (Dalal and Triggs 2005)


def _histograms(maps: np.ndarray) -> np.ndarray:
    """Those of all blocks of cells, by scikit-image, [n, features].

    Cells have a fourteenth of the image's side, rounded; pixels that are left at the right and below are in none.
    """
    cells = tuple(max(1, round(side / CELLS)) for side in maps.shape[1:])
    return np.stack([hog(one, ORIENTATIONS, cells, (BLOCK, BLOCK), "L2-Hys") for one in maps])


def _hog(maps: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Of maps from -1 to 1."""
    found = _histograms(np.nan_to_num(_quotient(maps, np.abs(maps).max(axis=(1, 2), keepdims=True))))
    return _of_length_one(found - found.mean(axis=1, keepdims=True))


def _ranked_hog(maps: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Of maps from 0 to 1."""
    found = _histograms(np.nan_to_num(scaled(maps)))
    return _of_length_one(rankdata(found, axis=1) - (found.shape[1] + 1) / 2)


_BY_NAME = {
    "spearman": Similarity(_ranked, _product),
    "spearman_abs": Similarity(_ranked_absolute, _product),
    "spearman_nonzero": Similarity(_counted, _ranks_in_common, nonzero=True),
    "spearman_abs_nonzero": Similarity(_counted_absolute, _ranks_in_common, nonzero=True),
    "ssim": Similarity(_clipped, partial(_ssim, win_size=5, data_range=1), 5),
    "ssim_s2": Similarity(
        lambda maps, _: scaled(maps), partial(_ssim, gaussian_weights=True, data_range=2), smallest=11
    ),
    "hog": Similarity(_hog, _product, BLOCK),
    "hog_s2": Similarity(_ranked_hog, _product, BLOCK),
}
