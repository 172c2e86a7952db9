"""How far a map shows a signal that was planted in its image, and how far it changes with it.

K-SSD and FAM-GT of Adebayo et al. 2022 ask how well a map agrees with the pixels of the signal: that of a network that
relies on it, and that of one that cannot know it. They are re-implemented from the published definitions, as there is
no reference code. Two measures of each image are those of Sun et al. 2023. All are of absolute values, but for the
cross-correlation. NaN: undefined, as with a constant map, or a signal of no pixel or of all, which has no rest to be
told from.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from red_herring.saliency.chance import expected_ap
from red_herring.saliency.localisation import measured
from red_herring.saliency.similarity import compare, scaled

LARGEST = 0.1
"""The share of the pixels that count as attributed by the confounder sensitivity."""


def detected(maps: np.ndarray, truth: np.ndarray) -> pd.DataFrame:
    """One row per image of how well its map shows the signal.

    maps: signed, [n, height, width]; truth: the pixels of the signal, bool alike. With a their share of the image:
      ap:           average precision of the pixels for signal against rest, less a. Even map 0, the signal itself 1 - a
      mass:         the share of the map's sum on the signal, divided by a. Even map 1, the signal itself 1 / a
      ssim:         SSIM of the map, scaled to 0 to 1, and the signal, 1 on its pixels (`by_ssim`)
      sensitivity:  `confounder_sensitivity`
    """
    area = truth.mean(axis=(1, 2))
    told = (area > 0) & (area < 1)
    found = pd.DataFrame(np.nan, range(len(maps)), ["ap", "mass", "ssim", "sensitivity"])
    if told.any():
        absolute, inside = np.abs(maps[told]).astype(np.float64), truth[told]
        scores = measured(absolute, inside)
        found.loc[told, "ap"] = scores["ap"].to_numpy() - area[told]
        found.loc[told, "mass"] = scores["mass"].to_numpy() / area[told]
        found.loc[told, "ssim"] = by_ssim(scaled(absolute), inside)
        found.loc[told, "sensitivity"] = confounder_sensitivity(absolute, inside)
    return found


def floors(truth: np.ndarray) -> pd.DataFrame:
    """One row per image of what maps score that know nothing: area (of the signal, of the image), chance_ap (`ap` of
    maps whose values are in random order, the expectation, which in a small image is a little more than 0), and by SSIM
    zero_ssim (an empty map) and one_ssim (a full one).
    """
    return pd.DataFrame(
        {
            "area": truth.mean(axis=(1, 2)),
            "chance_ap": [_chance_ap(one) for one in truth],
            "zero_ssim": by_ssim(np.zeros(truth.shape), truth),
            "one_ssim": by_ssim(np.ones(truth.shape), truth),
        }
    )


def by_ssim(maps: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """SSIM of maps from 0 to 1 with the signal, windows of 5 x 5 pixels, range 1: [n].

    As nearly all of a small signal's image is 0, it asks how empty the map is there: an empty map scores 0.99 for a tag
    of 1 %, one that is right but for faint noise around it 0.05. So it stands beside `floors` and `random_ssim` only.
    """
    return compare("ssim", maps.astype(np.float32), truth.astype(np.float32))


def random_ssim(maps: np.ndarray, truth: np.ndarray, seed: int) -> np.ndarray:
    """`ssim` of each map with its pixels in an order drawn with the seed, [n]: what its values score wherever they are.
    Scaled by its largest value, a map of heavy tails is nearly empty, and scores the more for it: 0.00 to 0.4.
    """
    flat = np.abs(maps).reshape(len(maps), -1).astype(np.float64)
    return by_ssim(scaled(np.random.default_rng(seed).permuted(flat, axis=1).reshape(maps.shape)), truth)


def confounder_sensitivity(absolute: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|A and S| / |S|, A the largest tenth of the map's values, S the pixels of the signal: [n] (Sun et al. 2023).

    Equal values at the threshold count in equal parts, so that A is exactly a tenth and a random map scores 0.1; more
    than 0.1 / area cannot be. By Sun et al., A is of the largest signed values; absolute ones do not ask which class
    the signal speaks for.
    """
    flat, inside = absolute.reshape(len(absolute), -1), truth.reshape(len(truth), -1)
    count = LARGEST * flat.shape[1]
    threshold = np.partition(flat, -math.ceil(count), axis=1)[:, [-math.ceil(count)]]
    above, equal = flat > threshold, flat == threshold
    parts = above + equal * (count - above.sum(axis=1, keepdims=True)) / equal.sum(axis=1, keepdims=True)
    return _over((parts * inside).sum(axis=1), inside.sum(axis=1) * (np.ptp(flat, axis=1) > 0))


def explanation_ncc(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Normalised cross-correlation of two signed maps of each image, [n]: Pearson's, over the pixels (Sun et al. 2023).

    Of the maps of an image with and without the signal it should be low where the signal changes the prediction.
    """
    one, other = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (first, second))
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
    varies = (np.ptp(first, axis=(1, 2)) > 0) & (np.ptp(second, axis=(1, 2)) > 0)
    return _over((one * other).sum(axis=1), np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1) * varies)


def _chance_ap(truth: np.ndarray) -> float:
    if not 0 < truth.sum() < truth.size:
        return np.nan
    return expected_ap(int(truth.sum()), np.arange(1, truth.size + 1)) - float(truth.mean())


def _over(values: np.ndarray, divisors: np.ndarray) -> np.ndarray:
    """The quotients; NaN where a divisor is 0."""
    quotients: np.ndarray = np.divide(values, divisors, out=np.full(values.shape, np.nan), where=divisors > 0)
    return quotients
