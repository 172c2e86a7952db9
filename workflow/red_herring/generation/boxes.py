"""Boxes as tensors [k, 4]: top, left, bottom, right in pixels, bottom and right exclusive, float32 or int64."""

from __future__ import annotations

import torch
from torch import Tensor


def area(boxes: Tensor) -> Tensor:
    """Of each box, in square pixels: [k, 4] -> [k]."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def centres(boxes: Tensor) -> Tensor:
    """Row and column of the middle of each box, in pixels: [k, 4] -> [k, 2]."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def sides(boxes: Tensor) -> Tensor:
    """Height and width of each box, in pixels: [k, 4] -> [k, 2]."""
    return boxes[:, 2:] - boxes[:, :2]


def intersection(a: Tensor, b: Tensor) -> Tensor:
    """Square pixels that each pair of boxes shares: [n, 4], [m, 4] -> [n, m]."""
    starts = torch.maximum(a[:, None, :2], b[None, :, :2])
    ends = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    return (ends - starts).clamp(min=0).prod(dim=2)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of each pair of boxes: [n, 4], [m, 4] -> [n, m], 0 to 1."""
    shared = intersection(a, b)
    return shared / (area(a)[:, None] + area(b)[None] - shared)


def mask_of(boxes: Tensor, side: int) -> Tensor:
    """The pixels whose middle is in each box by itself: [k, 4] -> bool [k, 1, side, side]. Of whole pixels it is
    exactly those from top and left up to bottom and right, without these.
    """
    middles = torch.arange(side, device=boxes.device) + 0.5
    rows = (boxes[:, 0, None] <= middles) & (middles < boxes[:, 2, None])
    columns = (boxes[:, 1, None] <= middles) & (middles < boxes[:, 3, None])
    return (rows[:, :, None] & columns[:, None, :]).unsqueeze(1)


def clip(boxes: Tensor, side: int) -> Tensor:
    """The part of each box that is within an image: [k, 4] -> [k, 4]."""
    return boxes.clamp(0, side)


def without_duplicates(boxes: Tensor, most: float) -> Tensor:
    """Rows of the boxes that are kept, int64: in their order, each that overlaps none kept before by more than `most`,
    an IoU (greedy non-maximum suppression). boxes: [k, 4], the best first.
    """
    overlaps, kept = iou(boxes, boxes) > most, list[int]()
    for row in range(len(boxes)):
        if not overlaps[row, kept].any():
            kept.append(row)
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)
