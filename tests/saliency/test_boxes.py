"""Measures of a mask against boxes, by cases that can be counted by hand."""

import numpy as np
import pytest
import torch
from red_herring.saliency import boxes
from red_herring.statistics.boxes import area
from sklearn.metrics import average_precision_score

SHAPE = (12, 10)


def block(top, left, bottom, right, shape=SHAPE):
    mask = np.zeros(shape)
    mask[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (4, 1)])
def test_a_component_has_a_box_of_its_own_height_and_width(height, width):
    box = boxes.predicted_box(block(2, 3, 2 + height, 3 + width))
    assert box.tolist() == [2, 3, 2 + height, 3 + width]
    assert area(box) == height * width
    assert boxes.true_boxes(block(2, 3, 2 + height, 3 + width) > 0).tolist() == [box.tolist()]


def test_the_largest_component_counts_and_those_that_touch_by_a_corner_are_two():
    mask = np.maximum(block(0, 0, 2, 2), 0.8 * block(2, 2, 5, 5))
    assert boxes.predicted_box(mask).tolist() == [2, 2, 5, 5]
    assert boxes.true_boxes(mask > 0).tolist() == [[0, 0, 2, 2], [2, 2, 5, 5]]


def test_what_is_below_the_mean_is_outside():
    assert boxes.predicted_box(0.2 + 0.6 * block(3, 3, 6, 6)).tolist() == [3, 3, 6, 6]


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_a_constant_mask_has_the_whole_image(value):
    for dtype in (np.float32, np.float64):
        assert boxes.predicted_box(np.full(SHAPE, value, dtype)).tolist() == [0, 0, *SHAPE]


def test_boxes_of_nothing_are_none():
    assert boxes.true_boxes(np.zeros(SHAPE, bool)).shape == (0, 4)


def test_overlap_of_boxes_is_that_of_their_pixels():
    random = np.random.default_rng(0)
    corners = np.sort(random.integers(0, 9, (60, 2, 2)), axis=1)
    found = np.concatenate([corners[:, 0], corners[:, 1] + 1], axis=1)
    pixels = boxes.filled(found, SHAPE)
    for box, own in zip(found, pixels, strict=True):
        expected = (own & pixels).sum(axis=(1, 2)) / (own | pixels).sum(axis=(1, 2))
        np.testing.assert_allclose(boxes.box_iou(box, found), expected)


def test_a_box_is_found_by_more_than_one_half_of_any_true_one():
    true = np.array([[0, 0, 4, 4], [6, 6, 8, 8]])
    assert boxes.localisation_error(np.array([6, 6, 8, 8]), true) == 0
    assert boxes.localisation_error(np.array([0, 0, 4, 2]), true) == 1, "just one half"
    assert boxes.localisation_error(np.array([0, 0, 4, 3]), true) == 0
    assert boxes.localisation_error(np.array([9, 9, 10, 10]), true) == 1


def test_f1_of_a_mask_of_ones_and_of_zeros():
    true = np.array([[1, 1, 4, 5], [0, 0, 2, 2]])
    np.testing.assert_allclose(boxes.f1(np.ones(SHAPE), true), [2 * 12 / (12 + 120), 2 * 4 / (4 + 120)])
    assert boxes.f1(np.zeros(SHAPE), true).tolist() == [0, 0]
    assert boxes.f1(block(1, 1, 4, 5), true)[0] == 1


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    mask, true = np.random.default_rng(0).random(SHAPE).astype(np.float32), np.array([[2, 3, 7, 9]])
    inside = mask[2:7, 3:9].astype(float).sum()
    precision, recall = inside / mask.astype(float).sum(), inside / 30
    np.testing.assert_allclose(boxes.f1(mask, true), [2 * precision * recall / (precision + recall)])


def test_the_saliency_metric_has_a_floor():
    found = np.array([[0, 0, 1, 1], [0, 0, *SHAPE], [0, 0, 6, 10]])
    scores = boxes.saliency_metric(found, 120, np.log([1.0, 1.0, 0.25]))
    np.testing.assert_allclose(scores, [np.log(0.05), 0, np.log(0.5 / 0.25)])
    assert round(scores[0], 2) == -3.00


def test_a_crop_fills_the_image():
    images = torch.arange(240.0).view(2, 1, 12, 10)
    found = boxes.crops(images, np.array([[0, 0, 12, 10], [3, 4, 4, 5]]))
    torch.testing.assert_close(found[0], images[0])
    assert found.shape == images.shape
    torch.testing.assert_close(found[1], images[1, 0, 3, 4].expand(1, *SHAPE))


def test_a_crop_loses_no_row_or_column():
    image = torch.from_numpy(block(2, 3, 6, 8)).view(1, 1, *SHAPE)
    assert (boxes.crops(image, np.array([[2, 3, 6, 8]])) == 1).all()
    assert boxes.crops(image, np.array([[2, 3, 7, 8]])).min() < 1


@pytest.mark.parametrize("levels", [3, 50, None])
def test_pixel_average_precision_is_of_all_pixels_together(levels):
    random = np.random.default_rng(levels or 0)
    masks = random.random((5, *SHAPE)).astype(np.float32)
    masks = np.rint(masks * levels) / levels if levels else masks
    truth = random.random(masks.shape) < 0.1
    found = boxes.pixel_average_precision(masks, truth)
    assert found == pytest.approx(average_precision_score(truth.ravel(), masks.ravel()))
    assert found == pytest.approx(slow(masks.ravel(), truth.ravel()))


def slow(values, truth):
    total, recall = 0.0, 0.0
    for threshold in sorted(set(values.tolist()), reverse=True):
        above = values >= threshold
        precision, now = truth[above].mean(), truth[above].sum() / truth.sum()
        total, recall = total + precision * (now - recall), now
    return total


def test_without_a_true_pixel_there_is_no_precision():
    assert np.isnan(boxes.pixel_average_precision(np.ones((2, *SHAPE)), np.zeros((2, *SHAPE), bool)))
