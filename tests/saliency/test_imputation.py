"""Linear imputation against the equations of Rong et al. 2022, written out and solved densely."""

import numpy as np
import pytest
from red_herring.saliency.imputation import impute


def solved(levels, removed):
    """sum_j w_ij (x_i - x_j) = 0 for each removed pixel i, over its neighbours j within the image."""
    places = np.argwhere(removed)
    number = {tuple(place): row for row, place in enumerate(places)}
    left, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for row, (y, x) in enumerate(places):
        for dy, dx in [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]:
            weight, place = (1 / 12 if dy and dx else 1 / 6), (y + dy, x + dx)
            if 0 <= place[0] < levels.shape[0] and 0 <= place[1] < levels.shape[1]:
                left[row, row] += weight
                if place in number:
                    left[row, number[place]] -= weight
                else:
                    right[row] += weight * levels[place]
    found = levels.astype(np.float64)
    found[removed] = np.linalg.solve(left, right)
    return found


def images(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (9, 7), (16, 17), (28, 28)])
def test_it_solves_the_equations(shape):
    levels, random = images(shape), np.random.default_rng(1)
    removed = np.stack([random.random(shape) < share for share in (0.1, 0.5, 0.9)])
    removed[:, 0, 0] = False
    for found, gone in zip(impute(levels, removed), removed, strict=True):
        np.testing.assert_allclose(found, solved(levels, gone), atol=0.02)


def test_a_hole_that_reaches_from_border_to_border():
    levels, removed = images((32, 40)), np.ones((1, 32, 40), bool)
    removed[0, 5, 7] = removed[0, 30, 31:] = False
    np.testing.assert_allclose(impute(levels, removed)[0], solved(levels, removed[0]), atol=0.02)


def test_a_plain_image_stays_as_it_is_to_the_bit():
    levels, removed = np.full((21, 30), 77, np.uint8), np.random.default_rng(0).random((3, 21, 30)) < 0.8
    assert (impute(levels, removed) == 77).all()


def test_a_linear_image_is_known_from_around_a_hole():
    y, x = np.mgrid[:28, :28]
    removed = np.zeros((1, 28, 28), bool)
    removed[0, 3:20, 5:25] = True
    levels = 3 * x + 2 * y + 5
    np.testing.assert_allclose(impute(levels, removed)[0], levels, atol=1e-3)


def test_what_is_not_removed_is_as_it_was():
    levels, removed = images((20, 20)), np.random.default_rng(2).random((4, 20, 20)) < 0.6
    found = impute(levels, removed)
    assert all((image[~gone] == levels[~gone]).all() for image, gone in zip(found, removed, strict=True))
    assert (impute(levels, np.zeros((2, 20, 20), bool)) == levels).all()


def test_where_all_is_removed_the_mean_is_left():
    levels, removed = images((12, 12)), np.ones((2, 12, 12), bool)
    removed[1, 4, 4] = False
    everything, one_left = impute(levels, removed)
    np.testing.assert_allclose(everything, levels.mean())
    np.testing.assert_allclose(one_left, float(levels[4, 4]), atol=1e-3)


def test_what_was_removed_says_nothing():
    levels, removed = images((28, 28)), np.random.default_rng(3).random((2, 28, 28)) < 0.5
    found = impute(levels, removed[:1]), impute(np.where(removed[0], 0, levels), removed[:1])
    np.testing.assert_array_equal(*found)


def test_a_set_gives_the_same_alone_as_among_others():
    levels, removed = images((28, 28)), np.random.default_rng(4).random((6, 28, 28)) < 0.7
    together = impute(levels, removed)
    for found, gone in zip(together, removed, strict=True):
        np.testing.assert_allclose(found, impute(levels, gone[None])[0], atol=0.02)
