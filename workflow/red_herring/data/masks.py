"""ROI masks: which pixels of an image lie inside the region of interest, and which of them training is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from red_herring.runtime.files import StudyError
from red_herring.study.anatomy import STRUCTURES

STORED = {"source": "masks.npy", "anatomy": "anatomy.npy"}
"""Kind of mask -> the file of a prepared source that has it, rows as those of its images."""

BITS = {structure: np.uint16(1 << number) for number, structure in enumerate(STRUCTURES)}
"""The bit that says in anatomy.npy, uint16, whether a pixel is in a structure."""

BLOB = 1 / 16
"""Standard deviation of the blur that makes random masks, in image sides: blobs of the size of a finding, not noise."""


def ellipse(size: int, semi_axis: float) -> np.ndarray:
    """A filled circle centred on the image, bool [size, size], radius `semi_axis` * size.

    The released code uses size / 2.5, that is 0.4: half of the image (pi * 0.4^2 = 0.503).
    """
    offsets = np.arange(size) - (size - 1) / 2
    return offsets[:, None] ** 2 + offsets[None, :] ** 2 <= (semi_axis * size) ** 2


def inside(stored: np.ndarray, mask: Mapping[str, Any]) -> np.ndarray:
    """Rows of the file STORED for a task's mask as bool: in the source's own mask, or in any of the `structures`."""
    if mask["kind"] == "anatomy":
        return np.asarray(stored & np.bitwise_or.reduce([BITS[name] for name in mask["structures"]]) > 0)
    return stored.astype(bool)


def dilate(masks: np.ndarray, sigma: float) -> np.ndarray:
    """Blur masks, 0/1 [n, height, width], with a Gaussian of `sigma` pixels; all above 0 is inside. Paper, section 4.

    The kernel ends at 4 sigma, so a mask grows by int(4 sigma + 0.5) pixels along rows and columns; sigma 0 changes
    nothing.
    """
    if sigma == 0:
        return masks.astype(bool, copy=False)
    if _one_for_all(masks):
        return np.broadcast_to(dilate(masks[:1].copy(), sigma), masks.shape)
    dilated = np.empty(masks.shape, bool)
    for mask, out in zip(masks, dilated, strict=True):  # one by one: as floats all of them might not fit into memory
        out[:] = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="constant") > 0
    return dilated


def guide(masks: np.ndarray, labels: np.ndarray, guidance: Mapping[str, Any], seed: int) -> np.ndarray:
    """The masks that training is shown, bool [n, height, width]: of one image all pixels are inside when it has no say.

    An image whose pixels are all inside has nothing outside to shuffle or to penalise, so no mask term touches it. That
    is how images without guidance are marked: positives without a mask of their own, and those beyond the budget.

    masks: bool of that shape, nothing inside where an image has none. labels: int [n]. guidance:
      negatives, what those without a mask get: `empty`, all is outside (the paper, where only positives have boxes);
        `matched`, the mask of a positive drawn at random; `skip`, no guidance;
      blur_sigma, pixels: dilates the masks, see `dilate`;
      control, what replaces the masks then: `none`; `random`, blobs of the same area; `other`, the mask of another
        image; `inverted`; all of these leave a mask with nothing inside as it is;
      budget in [0, 1], the share of the masks that is kept; a larger one keeps those of a smaller.
    Every choice is drawn with `seed` by itself, so that changing one leaves the others. Raises StudyError when there is
    no mask to match, or no other one.
    """
    guided = np.asarray(masks.any(axis=(1, 2)))
    negatives = (labels == 0) & ~guided
    if guidance["negatives"] == "matched" and negatives.any():
        masks = _match(masks, negatives, np.flatnonzero((labels == 1) & guided), _random(seed, "negatives"))
    if guidance["negatives"] != "skip":
        guided = guided | negatives
    masks = dilate(masks, guidance["blur_sigma"])
    if guidance["control"] == "inverted":
        masks = ~masks & masks.any(axis=(1, 2), keepdims=True)
    elif guidance["control"] == "random":
        masks = _random_masks(masks, _random(seed, "random"))
    elif guidance["control"] == "other":
        masks = _others(masks, _random(seed, "other"))
    order = _random(seed, "budget").permutation(len(masks))  # of all, so that it does not depend on who is guided
    order = order[guided[order]]
    kept = np.zeros(len(masks), bool)
    kept[order[: int(np.floor(guidance["budget"] * len(order) + 0.5))]] = True
    if kept.all():
        return masks
    masks = masks.copy()
    masks[~kept] = True
    return masks


def _random(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, *purpose.encode()])


def _one_for_all(masks: np.ndarray) -> bool:
    """Whether all images share one mask in memory."""
    return len(masks) > 1 and masks.strides[0] == 0


def _match(masks: np.ndarray, negatives: np.ndarray, positives: np.ndarray, random: np.random.Generator) -> np.ndarray:
    if len(positives) == 0:
        raise StudyError("mask.negatives: is matched, but no positive training image has a mask to match")
    masks = masks.copy()
    masks[negatives] = masks[random.choice(positives, int(negatives.sum()))]
    return masks


def _random_masks(masks: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Blobs with exactly as many pixels as each mask: the highest of blurred noise."""
    height, width = masks.shape[1:]
    blobs = np.zeros(masks.shape, bool)
    for mask, blob in zip(masks, blobs, strict=True):
        noise = ndimage.gaussian_filter(random.standard_normal((height, width)), BLOB * width, mode="wrap")
        blob.flat[np.argsort(noise, axis=None)[height * width - int(mask.sum()) :]] = True
    return blobs


def _others(masks: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every mask moved to the next image of a random round of those that have one, so that none stays."""
    own = random.permutation(np.flatnonzero(masks.any(axis=(1, 2))))
    if len(own) < 2:
        raise StudyError("mask.control: is other, but fewer than two training images have a mask")
    moved = masks.copy()
    moved[own] = masks[np.roll(own, 1)]
    return moved
