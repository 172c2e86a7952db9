"""How far a map shows a planted signal: by slow references, and what maps score that know nothing or all."""

import numpy as np
import pytest
from red_herring.saliency.detection import (
    by_ssim,
    confounder_sensitivity,
    detected,
    explanation_ncc,
    floors,
    random_ssim,
)
from scipy.stats import pearsonr
from skimage.metrics import structural_similarity
from sklearn.metrics import average_precision_score

MEASURES = ["ap", "mass", "ssim", "sensitivity"]


def squares(side, size=28, n=1, at=2):
    truth = np.zeros((n, size, size), bool)
    truth[:, at : at + side, at : at + side] = True
    return truth


def stripes(size=224):
    truth = np.zeros((1, size, size), bool)
    truth[:, :, 8:12] = truth[:, :, 212:216] = True
    return truth


def outside_circle(size=224):
    rows, columns = np.indices((size, size)) - 111.5
    return (np.hypot(rows, columns) > 89.6)[None]


def heavy(shape, seed=0):
    return np.random.default_rng(seed).standard_t(3, shape).astype(np.float32)


# Reference values of the specification: 224 x 224 pixels, exact placement


TAG_16, TAG_22, STRIPE, BLUR = squares(16, 224, at=8), squares(22, 224, at=8), stripes(), outside_circle()


@pytest.mark.parametrize(
    ("truth", "zero", "one"),
    [(TAG_16, 0.9917, 0.00), (TAG_22, 0.9860, 0.01), (STRIPE, 0.9273, 0.00), (BLUR, 0.4915, 0.45)],
)
def test_empty_and_full_maps_score_by_ssim_what_was_simulated(truth, zero, one):
    found = floors(truth).iloc[0]
    assert found["zero_ssim"] == pytest.approx(zero, abs=5e-5)
    # The blur of the table is outside an ellipse of another place.
    assert found["one_ssim"] == pytest.approx(one, abs=0.06 if truth is BLUR else 0.006)


def clip_99(noise):
    return np.minimum(noise / np.percentile(noise, 99), 1)


@pytest.mark.parametrize(
    ("truth", "noise_alone", "right"),
    [(TAG_16, 0.00, 0.05), (TAG_22, 0.00, 0.05), (STRIPE, 0.00, 0.11), (BLUR, 0.01, 0.53)],
)
def test_by_ssim_noise_and_a_right_map_on_faint_noise_score_what_was_simulated(truth, noise_alone, right):
    noise = clip_99(np.abs(heavy(truth.shape)))
    assert by_ssim(noise, truth).item() == pytest.approx(noise_alone, abs=0.006)
    found = detected(np.where(truth, 1, 0.2 * noise), truth).iloc[0]
    assert found["ssim"] == pytest.approx(right, abs=0.006)
    assert found["ap"] == pytest.approx(1 - truth.mean()), "the main form sees that it is right"


def test_by_ssim_noise_within_the_signal_is_as_good_as_an_empty_map():
    assert detected(heavy(TAG_22.shape) * TAG_22, TAG_22)["ssim"].item() == pytest.approx(0.99, abs=0.005)


# What holds of any signal


@pytest.mark.parametrize("truth", [squares(3), squares(8), outside_circle()[:, ::8, ::8]])
def test_a_map_of_the_signal_itself(truth):
    area = truth.mean()
    found = detected(truth.astype(np.float32), truth).iloc[0]
    assert found["ap"] == pytest.approx(1 - area)
    assert found["mass"] == pytest.approx(1 / area)
    assert found["ssim"] == pytest.approx(1)
    assert found["sensitivity"] == pytest.approx(min(1, 0.1 / area))


def test_an_even_map_that_marks_one_pixel_more_is_at_chance():
    truth, maps = squares(8), np.ones((1, 28, 28))
    maps[0, -1, -1] += 1e-6
    found = detected(maps, truth).iloc[0]
    assert found["ap"] == pytest.approx(0, abs=1e-9)
    assert found["mass"] == pytest.approx(1, abs=1e-6)
    rest = (78.4 - 1) / 783
    assert found["sensitivity"] == pytest.approx(rest), "equal values count in equal parts"


def test_the_signs_of_a_map_and_its_scale_do_not_matter():
    maps, truth = heavy((4, 28, 28)), squares(3, n=4)
    np.testing.assert_allclose(detected(-7 * maps, truth), detected(maps, truth), atol=1e-5)


def test_random_maps_are_at_chance():
    count, truth = 2000, squares(3)
    maps = np.random.default_rng(1).random((count, 28, 28))
    found = detected(maps, np.repeat(truth, count, axis=0)).drop(columns="ssim")
    errors = found.sem()
    for measure, chance in {"ap": floors(truth)["chance_ap"].item(), "mass": 1, "sensitivity": 0.1}.items():
        assert found[measure].mean() == pytest.approx(chance, abs=3 * errors[measure]), measure
    assert errors["sensitivity"] < 0.003


def test_of_different_values_in_random_order_the_sensitivity_is_a_tenth_exactly_on_average():
    """Each pixel has been the signal once."""
    maps = np.repeat(np.random.default_rng(0).permutation(81).reshape(1, 9, 9), 81, axis=0).astype(float)
    truth = np.eye(81, dtype=bool).reshape(81, 9, 9)
    assert confounder_sensitivity(maps, truth).mean() == pytest.approx(0.1, abs=1e-12)


# Slow references


def slow(map_, truth):
    """Pixel by pixel, in float64."""
    values, inside = np.abs(map_).astype(np.float64).ravel(), truth.ravel()
    area = inside.sum() / inside.size
    attributed, hit = 0.1 * values.size, 0.0
    for value in sorted(set(values), reverse=True):
        equal = values == value
        part = min(1.0, attributed / equal.sum())
        hit += part * (equal & inside).sum()
        attributed -= part * equal.sum()
    low, high = values.min(), values.max()
    return {
        "ap": average_precision_score(inside, values) - area,
        "mass": sum(values[inside]) / sum(values) / area,
        "ssim": structural_similarity(
            (np.abs(map_).astype(np.float64) - low) / (high - low), truth.astype(float), win_size=5, data_range=1.0
        ),
        "sensitivity": hit / inside.sum(),
    }


@pytest.mark.parametrize("decimals", [7, 0], ids=["different values", "many equal"])
def test_measures_are_those_of_the_slow_reference(decimals):
    random = np.random.default_rng(3)
    maps = heavy((6, 20, 31)).round(decimals)
    truth = random.random(maps.shape) < random.random((6, 1, 1))
    found = detected(maps, truth)
    for row, (map_, one) in enumerate(zip(maps, truth, strict=True)):
        for measure, value in slow(map_, one).items():
            assert found.loc[row, measure] == pytest.approx(value, abs=2e-6), measure


def test_the_cross_correlation_is_pearsons_over_the_pixels():
    first = heavy((5, 12, 9))
    second = first + heavy(first.shape, 1)
    expected = [pearsonr(a.ravel().astype(float), b.ravel()).statistic for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(explanation_ncc(first, second), expected, rtol=1e-6)
    np.testing.assert_allclose(explanation_ncc(first, 3 * first + 2), 1, rtol=1e-6)
    np.testing.assert_allclose(explanation_ncc(first, -first), -1, rtol=1e-6)


# What is undefined


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_constant_map_is_undefined_by_all_measures(value):
    maps, truth = heavy((3, 28, 28)), squares(3, n=3)
    maps[1] = value
    found = detected(maps, truth)
    assert found[MEASURES].isna().all(axis=1).tolist() == [False, True, False]
    assert np.isnan(explanation_ncc(maps, heavy(maps.shape, 1))).tolist() == [False, True, False]
    assert np.isnan(explanation_ncc(heavy(maps.shape, 1), maps)).tolist() == [False, True, False]


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_signal_of_no_pixel_or_of_all_cannot_be_told_from_the_rest(everywhere):
    maps, truth = heavy((3, 28, 28)), squares(3, n=3)
    truth[1] = everywhere
    assert detected(maps, truth)[MEASURES].isna().all(axis=1).tolist() == [False, True, False]
    assert floors(truth)["chance_ap"].isna().tolist() == [False, True, False]
    assert floors(truth)["area"][1] == everywhere


# Arms of SSIM


def test_a_blank_map_outdoes_one_that_finds_a_small_tag_by_ssim():
    truth = squares(3)
    assert floors(truth)["zero_ssim"].item() > 0.95
    assert detected(np.where(truth, 1, clip_99(np.abs(heavy(truth.shape)))), truth)["ssim"].item() < 0.2


def test_the_random_arm_has_the_values_of_the_map_in_any_order():
    maps, truth = heavy((200, 28, 28)), squares(4, n=200)
    shuffled, own = random_ssim(maps, truth, 3), detected(maps, truth)["ssim"]
    assert (shuffled != own).all()
    assert shuffled.mean() == pytest.approx(own.mean(), abs=0.02), "of noise, which knows of no place"
    right = np.where(truth, 1, 0.01 * maps)
    assert detected(right, truth)["ssim"].mean() > random_ssim(right, truth, 3).mean() + 0.15
    assert random_ssim(maps, truth, 3).tolist() == shuffled.tolist()
    assert random_ssim(maps[:2], truth[:2], 3).tolist() == shuffled[:2].tolist(), "more images change nothing"
    maps[1] = 2
    assert np.isnan(random_ssim(maps, truth, 3)).nonzero()[0].tolist() == [1]
