"""Agreement of maps and masks, and its chance level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_herring.saliency.localisation import binarise, chance, localise
from scipy.stats import hypergeom


def test_a_case_by_hand():
    maps = np.array([[[9.0, 8.0, 1.0], [7.0, 2.0, 0.0]]])
    masks = np.array([[[True, False, False], [True, True, False]]])
    # Three pixels in the mask, so the map marks 9, 8 and 7; two of them lie inside, and the union has four.
    assert binarise(maps, masks)[0].tolist() == [[True, True, False], [True, False, False]]
    found = localise(maps, masks).iloc[0]
    assert (found["mask_pixels"], found["iou"], found["iop"], found["iot"]) == (3, 2 / 4, 2 / 3, 2 / 3)


def test_of_equal_values_the_first_count_so_the_size_is_exact():
    maps, masks = np.ones((1, 2, 3)), np.zeros((1, 2, 3), bool)
    masks[0, 1, 1:] = True
    assert binarise(maps, masks)[0].tolist() == [[True, True, False], [False, False, False]]


@given(st.integers(0, 1000), st.integers(2, 9))
def test_a_map_equal_to_its_mask_scores_one_and_its_negative_the_least(seed, size):
    random = np.random.default_rng(seed)
    masks = random.random((3, size, size)) < 0.5
    masks[:, 0, 0] = True
    best = localise(masks + random.random(masks.shape) * 0.5, masks)
    assert (best[["iou", "iop", "iot"]] == 1).all().all()
    worst = localise(-masks.astype(float), masks)
    least = np.maximum(0, 2 * masks.sum((1, 2)) - size * size) / masks.sum((1, 2))
    np.testing.assert_allclose(worst["iop"], least)


@given(st.integers(1, 60), st.integers(0, 40))
def test_chance_is_the_hypergeometric_expectation(mask_pixels, others):
    pixels = mask_pixels + others
    k = np.arange(mask_pixels + 1)
    expected = np.sum(hypergeom.pmf(k, pixels, mask_pixels, mask_pixels) * k / (2 * mask_pixels - k))
    iou, iop = chance(mask_pixels, pixels)
    assert iou == pytest.approx(expected, rel=1e-9)
    assert iop == mask_pixels / pixels


def test_chance_of_the_papers_ellipse():
    pixels = 224 * 224
    iou, iop = chance(round(0.503 * pixels), pixels)
    assert iop == pytest.approx(0.50, abs=0.005)
    assert iou == pytest.approx(0.34, abs=0.005)
    assert iou == pytest.approx(iop / (2 - iop), rel=1e-3)


def test_random_maps_score_at_chance():
    random = np.random.default_rng(0)
    masks = np.zeros((4000, 8, 8), bool)
    masks[:, 2:5, 2:6] = True
    found = localise(random.random(masks.shape), masks)
    # 4000 images: the standard error of the mean IoU is about 0.0016.
    assert found["iou"].mean() == pytest.approx(found["chance_iou"].mean(), abs=0.007)
    assert found["iop"].mean() == pytest.approx(12 / 64, abs=0.009)
