"""Calibration against slow references, other libraries and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_herring.statistics import calibration
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import brier_score_loss


def naive_error(margins, labels):
    """Guo et al. 2017, equation 3, with bins of equal mass, image by image; all margins differ."""
    confidence = np.maximum(expit(margins), 1 - expit(margins))
    right = (margins > 0).astype(int) == labels
    order = np.argsort(confidence)
    total = 0.0
    for number in range(15):
        own = [order[place] for place in range(len(order)) if place * 15 // len(order) == number]
        if own:
            total += len(own) / len(order) * abs(np.mean(right[own]) - np.mean(confidence[own]))
    return total


@pytest.mark.parametrize("n", [1, 7, 15, 16, 150, 307])
def test_the_error_is_that_of_the_definition(n):
    rng = np.random.default_rng(n)
    margins, labels = rng.normal(0, 2, n), rng.integers(0, 2, n)
    assert calibration.calibration_error(margins, labels).value == pytest.approx(
        naive_error(margins, labels), abs=1e-12
    )


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1)), min_size=1, max_size=60), st.randoms())
def test_the_order_of_images_of_the_same_confidence_makes_no_difference(images, random):
    shuffled = random.sample(images, len(images))
    one, other = (calibration.calibration_error(*np.array(rows, float).T) for rows in (images, shuffled))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_error_by_hand():
    """Three confidences of 0.75, of which one is right, and one of 0.9, right: 3/4 |1/3 - 3/4| + 1/4 |1 - 9/10|."""
    margins = np.array([np.log(3), -np.log(3), np.log(3), np.log(9)])
    found = calibration.calibration_error(margins, np.array([1, 1, 0, 1]))
    assert found.value == pytest.approx(3 / 4 * (3 / 4 - 1 / 3) + 1 / 4 * 0.1)


def test_certainty_is_no_overflow_and_its_error_that_of_the_answers():
    found = calibration.calibration_error(np.array([1e4, -1e4, 1e4, -1e4]), np.array([1, 0, 0, 0]))
    assert found == pytest.approx((0.25, 0.0))


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 128, 1000])
def test_a_calibrated_classifier_scores_what_is_said_of_it_and_not_0(n):
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 2, n)
    drawn = [calibration.calibration_error(margins, (rng.random(n) < expit(margins)).astype(int)) for _ in range(2000)]
    values = np.array([found.value for found in drawn])
    expected = drawn[0].if_calibrated
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / np.sqrt(len(values)))
    assert expected > 0.3 / np.sqrt(n), "far from 0"


def test_the_mean_deviation_is_that_of_all_outcomes():
    probabilities = np.array([0.2, 0.9, 0.5, 0.7])
    total = 0.0
    for code in range(16):
        outcome = np.array([code >> place & 1 for place in range(4)])
        chance = np.prod(np.where(outcome, probabilities, 1 - probabilities))
        total += chance * abs(outcome.sum() - probabilities.sum())
    assert calibration._mean_deviation(probabilities) == pytest.approx(total, abs=1e-12)


def test_the_temperature_has_the_least_cross_entropy():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    margins = 5 * (labels - 0.5 + rng.normal(0, 1, 400))

    def cross_entropy(log_temperature):
        return np.mean(np.logaddexp(0, -(2 * labels - 1) * margins / np.exp(log_temperature)))

    expected = minimize_scalar(cross_entropy, bounds=np.log([0.01, 100]), method="bounded", options={"xatol": 1e-10})
    assert calibration.temperature(margins, labels) == pytest.approx(np.exp(expected.x), rel=1e-5)


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_of_a_simulation_is_found_again(true):
    rng = np.random.default_rng(2)
    calibrated = rng.normal(0, 2, 50_000)
    labels = (rng.random(50_000) < expit(calibrated)).astype(int)
    assert calibration.temperature(calibrated * true, labels) == pytest.approx(true, rel=0.03)


@pytest.mark.parametrize(
    ("margins", "expected"),
    [
        ([2.0, 1.0, -1.0, -0.1], calibration.COLDEST),
        ([500.0, 400.0, -900.0, -300.0], calibration.COLDEST),
        ([-2.0, -1.0, 1.0, 3.0], calibration.HOTTEST),
        ([1.0, -1.0, 1.0, -1.0], calibration.HOTTEST),
        ([0.0, 0.0, 0.0, 0.0], calibration.HOTTEST),
        ([30.0, -29.0, -30.0, 29.0], calibration.HOTTEST),
    ],
    ids=["separable", "separable and certain", "the opposite", "nothing", "constant", "little, and certain"],
)
def test_a_validation_set_without_a_best_temperature_ends_at_a_bound(margins, expected):
    assert calibration.temperature(np.array(margins), np.array([1, 1, 0, 0])) == expected


def test_the_brier_score_is_scikit_learns():
    rng = np.random.default_rng(3)
    margins, labels = rng.normal(0, 3, 200), rng.integers(0, 2, 200)
    assert calibration.brier(margins, labels) == pytest.approx(brier_score_loss(labels, expit(margins)), abs=1e-12)
    share = np.log(0.3 / 0.7)
    assert calibration.brier(np.full(10, share), np.array([1] * 3 + [0] * 7)) == pytest.approx(0.3 * 0.7)
