"""Boxes: overlaps by hand, their pixels, and duplicates; examples and their mirror image."""

import pytest
import torch
from red_herring.generation.boxes import iou, mask_of, without_duplicates
from red_herring.generation.examples import Examples, together

BOXES = torch.tensor([[0, 0, 4, 4], [0, 2, 4, 6], [4, 4, 6, 6]])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_overlaps_by_hand(dtype):
    boxes = BOXES.to(dtype)
    assert iou(boxes, boxes).tolist() == [[1, pytest.approx(1 / 3), 0], [pytest.approx(1 / 3), 1, 0], [0, 0, 1]]
    assert iou(boxes[:0], boxes).shape == (0, 3)
    assert iou(boxes, boxes[:0]).shape == (3, 0)


def test_masks_are_exact_to_the_pixel():
    masks = mask_of(BOXES, 6)
    assert masks.shape == (3, 1, 6, 6)
    for (top, left, bottom, right), mask in zip(BOXES.tolist(), masks[:, 0], strict=True):
        expected = torch.zeros(6, 6, dtype=torch.bool)
        expected[top:bottom, left:right] = True
        assert torch.equal(mask, expected)
    assert mask_of(torch.tensor([[0.6, 0.4, 2.5, 2.6]]), 4)[0, 0].nonzero().tolist() == [[1, 0], [1, 1], [1, 2]]
    assert mask_of(torch.zeros(0, 4), 4).shape == (0, 1, 4, 4)


def test_duplicates_go_after_the_better_one():
    boxes = torch.tensor([[0, 0, 4, 4], [0, 1, 4, 5], [0, 2, 4, 6], [8, 8, 9, 9]])
    assert without_duplicates(boxes, 0.5).tolist() == [0, 2, 3]
    assert without_duplicates(boxes, 0.7).tolist() == [0, 1, 2, 3]
    assert without_duplicates(boxes[:0], 0.5).tolist() == []


def test_a_mirrored_box_is_around_what_it_was_around():
    images = torch.zeros(2, 1, 6, 6)
    box = torch.tensor([[1, 0, 3, 2]])
    images[:, 0, 1:3, 0:2] = 1
    found = Examples(images, [box, box]).mirrored(torch.tensor([True, False]))
    assert [own.tolist() for own in found.boxes] == [[[1, 4, 3, 6]], [[1, 0, 3, 2]]]
    for image, own in zip(found.images, found.boxes, strict=True):
        assert torch.equal(image[0] == 1, mask_of(own, 6)[0, 0])


def test_rows_and_parts_keep_images_and_boxes_together():
    examples = Examples(torch.arange(3.0).view(3, 1, 1, 1), [BOXES[:k] for k in range(3)])
    assert [len(own) for own in examples.rows(torch.tensor([2, 0])).boxes] == [2, 0]
    assert examples.rows(torch.tensor([2, 0])).images.flatten().tolist() == [2, 0]
    both = together([examples, examples.rows(torch.tensor([1]))])
    assert [len(own) for own in both.boxes] == [0, 1, 2, 1]
    assert both.images.flatten().tolist() == [0, 1, 2, 1]
