"""Crosses on noise: boxes to the pixel, bars that make no cross, images that depend on seed and name only."""

import numpy as np
import pytest
import torch
from red_herring.generation import crosses_detection
from red_herring.generation.crosses_detection import ARMS, CONTRASTS, SIZE, crosses, object_free
from scipy import ndimage


@pytest.fixture
def without_noise(monkeypatch):
    monkeypatch.setattr(crosses_detection, "_noise", lambda random: np.zeros((SIZE, SIZE)))


def shapes(image):
    """The box of each shape of an image without noise, and its pixels."""
    labels, count = ndimage.label(image > 0, np.ones((3, 3)))
    return [
        ([rows.start, columns.start, rows.stop, columns.stop], labels[rows, columns] == number)
        for number, (rows, columns) in zip(range(1, count + 1), ndimage.find_objects(labels), strict=True)
    ]


@pytest.mark.usefixtures("without_noise")
def test_boxes_are_exact_and_only_the_cross_has_two_strokes():
    sides, bars = set(), set()
    found = crosses(3, 150, "train")
    for image, boxes in zip(found.images[:, 0].numpy(), found.boxes, strict=True):
        two = [box for box, pixels in shapes(image) if min(pixels.shape) > 1]
        assert two == boxes.tolist()
        top, left, bottom, right = boxes[0].tolist()
        assert bottom - top == right - left
        inside = next(pixels for box, pixels in shapes(image) if box == two[0])
        assert inside.sum() == 2 * (bottom - top) - 1
        assert inside[(bottom - top) // 2].all()
        assert inside[:, (bottom - top) // 2].all()
        sides.add(bottom - top)
        bars.add(len(shapes(image)) - 1)
        assert np.all((image[image > 0] >= CONTRASTS[0]) & (image[image > 0] <= CONTRASTS[1]))
    assert sides == {2 * arm + 1 for arm in range(ARMS[0], ARMS[1] + 1)}
    assert bars == {0, 1, 2}


@pytest.mark.usefixtures("without_noise")
def test_object_free_images_have_bars_only():
    found = object_free(3, 100, "train")
    assert all(boxes.shape == (0, 4) for boxes in found.boxes)
    assert {len(shapes(image)) for image in found.images[:, 0].numpy()} == {0, 1, 2}
    assert all(min(pixels.shape) == 1 for image in found.images[:, 0].numpy() for _, pixels in shapes(image))


def test_images_depend_on_seed_and_name_only():
    few, many = crosses(1, 3, "train"), crosses(1, 5, "train")
    assert torch.equal(few.images, many.images[:3])
    for other in (crosses(2, 3, "train"), crosses(1, 3, "test"), object_free(1, 3, "train")):
        assert not torch.equal(other.images, few.images)
    assert few.images.dtype == torch.float32
    assert few.images.shape == (3, 1, SIZE, SIZE)
    assert few.images.abs().max() <= 1
    assert len(many.images.flatten(1).unique(dim=0)) == 5
