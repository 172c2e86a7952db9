"""ROI masks."""

import numpy as np
import pytest
from red_herring.data.masks import dilate, ellipse


def test_the_papers_ellipse_covers_half_of_the_image():
    mask = ellipse(224, 0.4)
    assert mask.mean() == pytest.approx(np.pi * 0.16, abs=0.002)  # 0.503; the edge is cut into pixels
    np.testing.assert_array_equal(mask, mask[::-1])
    np.testing.assert_array_equal(mask, mask.T)


@pytest.mark.parametrize(("sigma", "radius"), [(0, 0), (0.1, 0), (0.5, 2), (1.0, 4), (1.5, 6)])
def test_a_blurred_pixel_grows_to_a_square_that_ends_at_four_sigma(sigma, radius):
    masks = np.zeros((2, 31, 31), bool)
    masks[0, 15, 15] = True
    grown = dilate(masks, sigma)
    expected = np.zeros((31, 31), bool)
    expected[15 - radius : 16 + radius, 15 - radius : 16 + radius] = True
    np.testing.assert_array_equal(grown[0], expected)
    assert not grown[1].any()
