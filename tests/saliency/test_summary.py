"""What is kept of the maps of a run."""

import numpy as np
import pytest
from red_herring.saliency.summary import as_levels, block_means, drawn, mean_maps


def test_mean_maps_are_over_the_drawn_images(tiny_data):
    data = tiny_data(5)
    maps = np.arange(5.0)[:, None, None] * np.ones((5, 16, 16))
    whole = mean_maps(maps, data, drawn(data, 500, seed=0))
    assert whole.dtype == np.float32
    assert (whole[0] == 2.0).all()
    np.testing.assert_allclose(whole[1], data.levels.numpy().mean(0) / 255, rtol=1e-6)
    np.testing.assert_array_equal(whole[2], data.masks[0].numpy())
    (row,) = drawn(data, 1, seed=3)
    one = mean_maps(maps, data, np.array([row]))
    assert (one[0] == row).all()
    np.testing.assert_allclose(one[1], data.levels[row].numpy() / 255, rtol=1e-6)


def test_another_seed_draws_others_and_more_images_are_drawn_after_the_first(tiny_data):
    data = tiny_data(9)
    assert len({int(drawn(data, 1, seed)[0]) for seed in range(20)}) > 1
    assert drawn(data, 6, 2)[:3].tolist() == drawn(data, 3, 2).tolist()
    assert sorted(drawn(data, 50, 2)) == list(range(9))


def test_each_map_ends_at_255_and_an_empty_one_stays_dark():
    maps = np.array([[[0.0, 1e-9]], [[5.0, 10.0]], [[0.0, 0.0]]])
    assert as_levels(maps).tolist() == [[[0, 255]], [[128, 255]], [[0, 0]]]
    assert as_levels(maps).dtype == np.uint8


@pytest.mark.parametrize(("height", "width"), [(28, 28), (224, 224), (56, 30), (57, 83)])
def test_means_of_blocks_by_a_slow_reference(height, width):
    values = np.random.default_rng(0).random((2, height, width))
    block = 1
    while max(height, width) / block > 28:
        block += 1
    expected = [
        [
            [image[top : top + block, left : left + block].mean() for left in range(0, width, block)]
            for top in range(0, height, block)
        ]
        for image in values
    ]
    found = block_means(values, 28)
    assert max(found.shape[1:]) <= 28
    np.testing.assert_allclose(found, expected, rtol=1e-12)
