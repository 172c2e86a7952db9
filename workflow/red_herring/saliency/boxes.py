"""How well a mask, 0 to 1, agrees with boxes: the measures of weakly supervised localisation.

As in Phang, Park and Geras 2020, but for their boxes, which lack the last row and column. A box is its first row and
column and those after the last ones. Components are of pixels that touch along a side.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from red_herring.saliency.localisation import average_precision
from red_herring.statistics.boxes import area, iou

OVERLAP = 0.5
"""Of a predicted with a true box, IoU: above it the box is found."""

LEAST_AREA = 0.05
"""Share of the image below which a box is none the better for being smaller (Dabkowski and Gal 2017)."""


def predicted_box(mask: np.ndarray) -> np.ndarray:
    """int64 [4]: the box of the largest component above the mean of the mask, [height, width]; of equal ones the first.
    The whole image for a constant mask, which is nowhere above its mean.
    """
    labels, _ = ndimage.label(mask > mask.mean(dtype=np.float64))
    sizes = np.bincount(labels.ravel())[1:]
    if len(sizes) == 0:
        return np.array([0, 0, *mask.shape])
    return _bounds(ndimage.find_objects(labels)[sizes.argmax()])


def true_boxes(mask: np.ndarray) -> np.ndarray:
    """int64 [k, 4]: a box for each component of an ROI mask, bool [height, width]."""
    found = ndimage.find_objects(ndimage.label(mask)[0])
    return np.array([_bounds(slices) for slices in found], np.int64).reshape(-1, 4)


def _bounds(slices: tuple[slice, slice]) -> np.ndarray:
    rows, columns = slices
    return np.array([rows.start, columns.start, rows.stop, columns.stop])


def filled(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """bool [k, height, width]: each box by itself."""
    found = np.zeros((len(boxes), *shape), bool)
    for image, (top, left, bottom, right) in zip(found, boxes, strict=True):
        image[top:bottom, left:right] = True
    return found


def box_iou(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with each of k boxes, [k]."""
    return np.asarray(iou(box[None], boxes)[0])


def localisation_error(box: np.ndarray, boxes: np.ndarray) -> float:
    """0 where the predicted box overlaps any of the true ones by more than OVERLAP, else 1."""
    return float(box_iou(box, boxes).max() <= OVERLAP)


def f1(mask: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Of a mask, 0 to 1, with each of k boxes, [k]: the harmonic mean of precision, sum(m g) / sum(m), and recall,
    sum(m g) / |g|, which is 2 sum(m g) / (sum(m) + |g|); 0 for a mask of zeros.
    """
    values = mask.astype(np.float64)
    inside = (filled(boxes, mask.shape) * values).sum(axis=(1, 2))
    return np.asarray(2 * inside / (values.sum() + area(boxes)))


def saliency_metric(boxes: np.ndarray, pixels: int, logarithms: np.ndarray) -> np.ndarray:
    """log max(area share, LEAST_AREA) - log p, [n]; lower is better (Dabkowski and Gal 2017).

    boxes: the predicted ones, [n, 4], of images of so many pixels; logarithms: log p of the true label, of the images
    that `crops` makes of them.
    """
    return np.asarray(np.log(np.maximum(area(boxes) / pixels, LEAST_AREA)) - logarithms)


def crops(images: Tensor, boxes: np.ndarray) -> Tensor:
    """What is in the box of each image, bilinearly resized to the whole: like the images, [n, 1, height, width]."""
    parts = [
        F.interpolate(image[None, :, top:bottom, left:right], images.shape[-2:], mode="bilinear", align_corners=False)
        for image, (top, left, bottom, right) in zip(images, boxes, strict=True)
    ]
    return torch.cat(parts)


def pixel_average_precision(masks: np.ndarray, truth: np.ndarray) -> float:
    """Of the pixels of all images together, every value a threshold (Choe et al. 2020): sum over these of
    (recall_l - recall_l-1) precision_l. NaN where no pixel is true. masks: [n, height, width], truth: bool like them.
    """
    inside = -np.sort(-masks[truth])
    if len(inside) == 0:
        return float("nan")
    return float(average_precision(masks.size - np.searchsorted(np.sort(masks, axis=None), inside, side="left")))
