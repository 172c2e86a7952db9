"""What random maps score."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_herring.data.dataset import Dataset
from red_herring.data.masks import ellipse
from red_herring.data.sources.crosses import Source
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import attribute, sigma_of
from red_herring.saliency.chance import PIXELS, Smoothed, Unsmoothed, chance_of
from red_herring.saliency.localisation import localise
from red_herring.saliency.smoothing import smooth
from red_herring.study.names import MEASURES
from torch import nn

ERRORS = 4
"""Standard errors from a mean to its expectation: of 15,000 independent ones, one is farther away."""


def distinct(mask):
    return np.arange(1, mask.size + 1)


def crosses(n):
    """800 different ones, each as often as it takes."""
    source = Source(images_per_cell=800, seed=0)
    return np.stack([source.read(f"one_cross-left-{number % 800:05d}")[1] for number in range(n)]).astype(bool)


def boxes(n):
    """Of 6 % of the image, anywhere."""
    masks = np.zeros((n, 64, 64), bool)
    for mask, (row, column) in zip(masks, np.random.default_rng(0).integers(0, [43, 54], (n, 2)), strict=True):
        mask[row : row + 22, column : column + 11] = True
    return masks


def ellipses(n):
    return np.repeat(ellipse(224, 0.4)[None], n, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(("masks", "n"), [(crosses, 1600), (boxes, 1600), (ellipses, 150)])
@pytest.mark.parametrize("sigma", [1.0, 0.0])
def test_the_control_random_scores_nothing_beyond_chance(masks, n, sigma):
    masks, rows = masks(n), np.arange(n)
    table = pd.DataFrame({"image": rows.astype(str), "row": rows, "label": 1, "nuisance": 1})
    data = Dataset(np.zeros(masks.shape, np.uint8), masks, table, (0.0, 1.0))
    maps = attribute("random", nn.Module(), data, sigma, 64, Hardware("cpu", "float32"), "model", seed=1).maps
    found = localise(maps, masks, chance_of(masks.shape[1:], sigma_of("random", sigma)))
    for measure in MEASURES:
        corrected = found[f"corrected_{measure}"]
        # Of the mean over the images, and of the chance level, which is a mean over so many random maps.
        error = corrected.std() * np.sqrt(1 / n + masks[0].size / PIXELS)
        assert abs(corrected.mean()) < ERRORS * error, measure


@pytest.mark.parametrize(
    ("mask", "measure", "level", "error"),
    [
        # Measured on other random maps; errors are those of these measurements and of the chance level together.
        (ellipse(224, 0.4), "pointing", 0.24, 0.02),
        (boxes(1)[0], "iop", 0.054, 0.005),
    ],
)
def test_smoothing_lowers_what_a_random_map_scores(mask, measure, level, error):
    found = chance_of(mask.shape, 1.0).levels(mask, distinct(mask))
    assert found[measure] == pytest.approx(level, abs=error)
    assert found[measure] < Unsmoothed().levels(mask, distinct(mask))[measure]
    assert found["auc"] == pytest.approx(0.5, abs=1e-3), "u and 1 - u have opposite orders"


def test_smoothing_makes_the_border_vary_more():
    maps = smooth(np.random.default_rng(0).random((20000, 16, 16)), 1.0)
    variance = maps.var(axis=0)
    # The standard error of a variance over n maps is about sqrt(2 / n) of it: 1 %.
    assert variance[0, 8] / variance[8, 8] == pytest.approx(1.78, rel=ERRORS * 0.015)
    assert variance[0, 0] / variance[8, 8] == pytest.approx(1.78**2, rel=ERRORS * 0.015)


@pytest.mark.parametrize("mask", [crosses(1)[0], boxes(1)[0], ellipse(64, 0.4)])
def test_random_maps_that_are_not_smoothed_score_the_closed_form(mask):
    sampled = Smoothed(mask.shape, lambda maps: maps).levels(mask, distinct(mask))
    exact = Unsmoothed().levels(mask, distinct(mask))
    pixels, p = mask.size, mask.sum()
    # Binomial errors of the share of p draws (and of 4096 largest values); those of the others are not larger.
    ranked, share = PIXELS / pixels, p / pixels
    error = np.sqrt(share * (1 - share) / p / ranked)
    for measure in MEASURES:
        spread = np.sqrt(share * (1 - share) / max(4096, ranked)) if measure == "pointing" else error
        assert sampled[measure] == pytest.approx(exact[measure], abs=ERRORS * spread), measure


def test_masks_meet_the_same_random_maps_each_time():
    masks = crosses(3)
    once, again = (Smoothed((28, 28), lambda maps: smooth(maps, 1.0)) for _ in range(2))
    for mask in masks:
        assert once.levels(mask, distinct(mask)) == again.levels(mask, distinct(mask))
    assert once.levels(masks[0], distinct(masks[0])) == chance_of((28, 28), 1.0).levels(masks[0], distinct(masks[0]))


@given(st.integers(1, 60), st.integers(0, 40))
def test_chance_of_the_overlap_is_the_hypergeometric_expectation(p, others):
    mask = (np.arange(p + others) < p)[None]
    ways = {k: comb(p, k) * comb(others, p - k) for k in range(p + 1)}
    expected = sum(ways[k] * k / (2 * p - k) for k in ways) / comb(p + others, p)
    found = Unsmoothed().levels(mask, distinct(mask))
    assert found["iou"] == pytest.approx(expected, rel=1e-9)
    assert found["iop"] == found["iot"] == p / (p + others)


@pytest.mark.parametrize(
    "values", [[5, 4, 3, 2, 1], [2, 2, 1, 0, 0], [3, 0, 0, 0, 0], [1, 1, 1, 1, 0], [7, 6, 6, 6, 5, 5, 0]]
)
@pytest.mark.parametrize("p", [1, 2, 4])
def test_chance_is_the_mean_over_all_masks_of_that_size_equal_values_or_not(values, p):
    places = list(combinations(range(len(values)), p))
    masks = np.zeros((len(places), 1, len(values)), bool)
    for mask, place in zip(masks, places, strict=True):
        mask[0, list(place)] = True
    found = localise(np.tile(np.array(values, float), (len(places), 1, 1)), masks, Unsmoothed())
    # Of equal values those that count for an overlap are drawn once for all images, so each set of pixels is as likely.
    for measure in MEASURES:
        assert found[measure].mean() == pytest.approx(found[f"chance_{measure}"].mean()), measure
        assert found[f"corrected_{measure}"].mean() == pytest.approx(0), measure


def test_of_one_pixel_or_a_mask_of_the_whole_image_chance_is_one():
    for chance in (Unsmoothed(), chance_of((2, 3), 1.0)):
        found = chance.levels(np.ones((2, 3), bool), np.arange(1, 7))
        assert {found[measure] for measure in MEASURES if measure != "auc"} == {1.0}
    assert Unsmoothed().levels(np.ones((1, 1), bool), np.ones(1, int))["ap"] == 1


TIES = {
    "half are zero": lambda place, pixels: np.minimum(place, pixels // 2),
    "nine tenths are zero": lambda place, pixels: np.minimum(place, pixels // 10),
    "sixteen windows": lambda place, pixels: place * 16 // pixels,
    "the largest tenth is saturated": lambda place, pixels: np.maximum(place, pixels // 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("sigma", [0.0, 1.0])
@pytest.mark.parametrize("mask", [crosses(1)[0], ellipse(28, 0.4)], ids=["cross", "ellipse"])
def test_average_precision_of_random_maps_with_equal_values(mask, sigma, ties):
    n = 1000
    noise = smooth(np.random.default_rng(3).random((n, *mask.shape)), sigma).reshape(n, -1)
    place = np.argsort(np.argsort(-noise, axis=1), axis=1)
    maps = -TIES[ties](place, mask.size).reshape(n, *mask.shape).astype(float)
    found = localise(maps - maps.min(), np.repeat(mask[None], n, axis=0), chance_of(mask.shape, sigma))
    assert (found["chance_ap"] == found["chance_ap"][0]).all()
    # The chance level is of at least 600 random maps (2**18 places of a mask of 392 pixels), so it has an error as well.
    error = found["ap"].std() * np.sqrt(1 / n + 1 / 600)
    assert found["ap"].mean() == pytest.approx(found["chance_ap"][0], abs=ERRORS * error)


def test_chance_of_the_papers_ellipse():
    mask = ellipse(224, 0.4)
    found = Unsmoothed().levels(mask, distinct(mask))
    assert found["iop"] == pytest.approx(0.50, abs=0.005)
    assert found["iou"] == pytest.approx(0.34, abs=0.005)
    assert found["iou"] == pytest.approx(found["iop"] / (2 - found["iop"]), rel=1e-3)
