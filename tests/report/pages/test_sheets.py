"""The tiles of a page: what becomes of large maps."""

import numpy as np
import pytest
from red_herring.report.pages import _sheets


def naive(levels, side):
    """Block means by hand, blocks over the edge filled with the pixels at it."""
    height, width = levels.shape
    reduced = np.empty((-(-height // side), -(-width // side)))
    for row in range(reduced.shape[0]):
        for column in range(reduced.shape[1]):
            reduced[row, column] = np.mean(
                [
                    levels[min(row * side + down, height - 1), min(column * side + right, width - 1)]
                    for down in range(side)
                    for right in range(side)
                ]
            )
    return reduced


@pytest.mark.parametrize("shape", [(112, 60), (57, 57), (150, 151)])
def test_large_maps_become_means_of_blocks(shape):
    layers = np.random.default_rng(0).integers(0, 256, (2, 4, *shape), dtype=np.uint8)
    layers[:, 1] = layers[:, 1] > 140
    reduced, side = _sheets.reduce(layers, _sheets.LARGEST), -(-max(shape) // _sheets.LARGEST)
    assert reduced.dtype == np.uint8
    assert max(reduced.shape[2:]) <= _sheets.LARGEST
    for before, after in zip(layers, reduced, strict=True):
        np.testing.assert_array_equal(after[0], np.round(naive(before[0], side)))
        np.testing.assert_array_equal(after[1], naive(before[1], side) >= 0.5)
        for layer in (2, 3):
            means = naive(before[layer], side)
            np.testing.assert_allclose(after[layer], 255 * means / means.max(), atol=0.501)
            assert after[layer].max() == 255


def test_a_small_mask_does_not_vanish_and_an_empty_map_stays_empty():
    layers = np.zeros((1, 3, 112, 112), np.uint8)
    layers[0, 1, 5, 5] = 1
    reduced = _sheets.reduce(layers, _sheets.LARGEST)
    assert np.argwhere(reduced[0, 1]).tolist() == [[2, 2]]
    assert not reduced[0, 2].any()


def test_small_maps_are_kept():
    layers = np.random.default_rng(0).integers(0, 256, (1, 3, 56, 20), dtype=np.uint8)
    assert _sheets.reduce(layers, _sheets.LARGEST) is layers
