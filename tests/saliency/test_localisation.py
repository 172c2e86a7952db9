"""Agreement of maps and masks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_herring.saliency import localisation
from red_herring.saliency.chance import Unsmoothed
from red_herring.saliency.localisation import binarise
from red_herring.study.names import MEASURES
from sklearn.metrics import average_precision_score, roc_auc_score


def localise(maps, masks):
    return localisation.localise(maps, masks, Unsmoothed())


def test_a_case_by_hand():
    maps = np.array([[[9.0, 8.0, 1.0], [7.0, 2.0, 0.0]]])
    masks = np.array([[[True, False, False], [True, True, False]]])
    # Three pixels in the mask, so the map marks 9, 8 and 7; two of them lie inside, and the union has four.
    assert binarise(maps, masks)[0].tolist() == [[True, True, False], [True, False, False]]
    found = localise(maps, masks).iloc[0]
    assert (found["mask_pixels"], found["iou"], found["iop"], found["iot"]) == (3, 2 / 4, 2 / 3, 2 / 3)
    assert found["pointing"] == 1  # 9 lies inside
    assert found["mass"] == pytest.approx(18 / 27)
    assert found["auc"] == pytest.approx(7 / 9)  # 9 beats 8, 1, 0; 7 and 2 beat 1 and 0
    assert found["ap"] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)  # found at places 1, 3 and 4
    assert found["chance_iop"] == found["chance_mass"] == 0.5
    assert found["corrected_iop"] == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))


def test_of_equal_values_exactly_as_many_as_the_mask_has_count_on_no_side():
    maps = np.zeros((1, 20, 20))
    for rows in (slice(0, 10), slice(10, 20)):
        masks = np.zeros((1, 20, 20), bool)
        masks[:, rows] = True
        marked = binarise(maps, masks)
        assert marked.sum() == 200
        # Half of them lie in either half; the standard deviation is 5.
        assert (marked & masks).sum() == pytest.approx(100, abs=20)


def test_equal_values_share_the_pointing_game_and_count_half_in_the_auc():
    maps = np.array([[[5.0, 5.0, 0.0, 0.0]]])
    masks = np.array([[[True, False, True, False]]])
    found = localise(maps, masks).iloc[0]
    assert (found["pointing"], found["auc"], found["ap"]) == (0.5, 0.5, 0.5)


def test_a_constant_map_has_no_scores_and_a_whole_mask_nothing_beyond_chance():
    maps, masks = np.zeros((2, 3, 3)), np.ones((2, 3, 3), bool)
    maps[1], masks[0, 0] = np.arange(9).reshape(3, 3), False
    found = localise(maps, masks)
    assert found.loc[0, list(MEASURES)].isna().all()
    assert found.loc[0, [f"chance_{measure}" for measure in MEASURES]].notna().all()
    assert found.loc[1, ["iou", "iop", "iot", "pointing", "mass", "ap"]].eq(1).all()
    assert np.isnan(found.loc[1, "auc"])
    assert np.isnan(found.loc[1, "corrected_iou"])


@given(st.integers(0, 1000), st.integers(2, 9))
def test_a_map_equal_to_its_mask_scores_one_and_its_negative_the_least(seed, size):
    random = np.random.default_rng(seed)
    masks = random.random((3, size, size)) < 0.5
    masks[:, 0, 0], masks[:, -1, -1] = True, False
    best = localise(masks + random.random(masks.shape) * 0.5 * masks, masks)
    for measure in MEASURES:
        np.testing.assert_allclose(best[measure], 1)
        np.testing.assert_allclose(best[f"corrected_{measure}"], 1)
    worst = localise(~masks + 1.0, masks)
    least = np.maximum(0, 2 * masks.sum((1, 2)) - size * size) / masks.sum((1, 2))
    np.testing.assert_allclose(worst["iop"], least)
    assert (worst["auc"] == 0).all()
    assert (worst["pointing"] == 0).all()


@given(st.integers(0, 1000), st.integers(1, 4))
def test_pixel_auc_and_ap_are_those_of_scikit_learn(seed, values):
    random = np.random.default_rng(seed)
    maps = random.integers(0, 10**values, (3, 6, 5)).astype(float)
    masks = random.random(maps.shape) < 0.4
    masks[:, 0, 0], masks[:, 0, 1], maps[:, 0, 2] = True, False, -1
    found = localise(maps, masks)
    for number in range(3):
        truth, scores = masks[number].ravel(), maps[number].ravel()
        assert found["auc"][number] == pytest.approx(roc_auc_score(truth, scores))
        assert found["ap"][number] == pytest.approx(average_precision_score(truth, scores))


def test_many_images_are_scored_as_one_by_one():
    random = np.random.default_rng(1)
    maps, masks = random.random((150, 5, 5)), random.random((150, 5, 5)) < 0.3
    masks[:, 2, 2] = True
    whole = localise(maps, masks)
    assert list(whole.index) == list(range(150))
    pd.testing.assert_series_equal(whole.loc[130], localise(maps[130:131], masks[130:131]).loc[0], check_names=False)
