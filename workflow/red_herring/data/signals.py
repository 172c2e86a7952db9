"""Planted signals: a tag, a stripe or a blur that goes along with one class in training, and where exactly it is.

After Adebayo et al. 2022, who released no code: re-implemented from the published definitions, with sizes of our own. A
signal is planted into images as they are stored, at the network's own resolution, and never written to disk. Whether an
image carries it depends on its name and the seed alone, and where on its ROI mask, not on the order or the company in
which it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from red_herring.runtime.files import StudyError

WHITE = 255
RISE = round(0.4 * WHITE)
"""What a stripe adds to the levels below it."""

MARGIN = 1 / 28
"""Of a tag or stripe from the border, in image sides: 1 pixel of 28, 8 of 224."""

BAND = 0.02
"""Width of a stripe in image sides, but at least one pixel."""

SIGMA = 0.02
"""Of the blur in image sides, but at least one pixel: 2 pixels for each 100."""

CLEARANCE = 1 / 14
"""How far around the mask there is no blur, in image sides."""

TAG_AREA = 0.01
"""Of a tag where a task has another signal: what it is where a task does not say."""

BLURRED_AT_ONCE = 64

CARRYING = ("train", "valid")
"""The splits whose images carry a task's signal; test sets are clean."""


class Planted(NamedTuple):
    """levels: uint8 [n, height, width]; truth: bool of that shape, the pixels of the signal."""

    levels: np.ndarray
    truth: np.ndarray


def aligned(signal: Mapping[str, Any]) -> int:
    """The label of the class that carries the signal."""
    return 1 if signal["of"] == "positives" else 0


def of_kind(signal: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Another kind of signal on the same class; a tag of TAG_AREA where the signal is none."""
    return {"area": TAG_AREA, **signal, "kind": kind}


def names_of(table: pd.DataFrame) -> list[str]:
    """What an image is called by among those of all sources."""
    return [f"{source}/{image}" for source, image in zip(table["source"], table["image"], strict=True)]


def carriers(table: pd.DataFrame, signal: Mapping[str, Any], seed: int) -> np.ndarray:
    """Which rows of a split carry the signal, bool [n]: of the aligned class of training and of validation each the
    `share`, rounded. An image that carries it at one share carries it at every larger one.

    table: all images of a split with source, image, label and split.
    """
    draws = (np.random.default_rng([seed, *f"carriers {name}".encode()]) for name in names_of(table))
    place = np.array([draw.random() for draw in draws])
    found = np.zeros(len(table), bool)
    for split in CARRYING:
        rows = np.flatnonzero((table["split"] == split).to_numpy() & (table["label"] == aligned(signal)).to_numpy())
        count = int(np.floor(signal["share"] * len(rows) + 0.5))
        found[rows[np.argsort(place[rows], kind="stable")[:count]]] = True
    return found


def plant(levels: np.ndarray, masks: np.ndarray, names: Sequence[str], signal: Mapping[str, Any]) -> Planted:
    """All of these images with the signal, wherever it may be: outside the ROI mask.

    levels: uint8 [n, height, width]; masks: bool of that shape; names: as `names_of`. signal: kind, and of a tag its
    area as a share of the image. StudyError names an image without room for a tag, or without a mask where its
    background is to be blurred.

    tag: a white square in the upper left corner, or as near to it as the mask allows, as a hospital's is where it is on
    all images. stripe: a band near the left and the right border, lighter by RISE. blur: of the background, a Gaussian
    of which the mask is no part, so that nothing of what is inside is smeared over it; half_blur: the same of the left
    half alone.
    """
    return _PLANT[signal["kind"]](levels, masks, names, signal)


def _tag(levels: np.ndarray, masks: np.ndarray, names: Sequence[str], signal: Mapping[str, Any]) -> Planted:
    side, margin = tag_side(levels.shape[1:], signal["area"]), _pixels(MARGIN, levels.shape)
    truth = np.zeros(levels.shape, bool)
    for inside, out, name in zip(masks, truth, names, strict=True):
        row, column = _free_place(inside, side, margin, name)
        out[row : row + side, column : column + side] = True
    return Planted(np.where(truth, np.uint8(WHITE), levels), truth)


def tag_side(shape: tuple[int, ...], area: float) -> int:
    """Pixels a side of a tag on an image of height and width `shape`, of the area that is nearest to that asked for."""
    return max(1, round(float(np.sqrt(area * shape[0] * shape[1]))))


def _free_place(inside: np.ndarray, side: int, margin: int, name: str) -> tuple[int, int]:
    """The first row and column of a square without a pixel inside the mask, as near to the upper left as can be."""
    height, width = inside.shape
    rows, columns = (np.arange(margin, length - margin - side + 1) for length in (height, width))
    summed = np.pad(inside.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    top, left = rows[:, None], columns[None, :]
    within = summed[top + side, left + side] - summed[top, left + side] - summed[top + side, left] + summed[top, left]
    if within.size == 0 or within.min() > 0:
        raise StudyError(
            f"{name}: has no room for a tag of {side} x {side} pixels outside its ROI mask; make signal.area smaller"
        )
    row, column = np.unravel_index(np.where(within > 0, height + width, top + left).argmin(), within.shape)
    return int(rows[row]), int(columns[column])


def _stripe(levels: np.ndarray, masks: np.ndarray, names: Sequence[str], signal: Mapping[str, Any]) -> Planted:
    width = levels.shape[2]
    margin, band = _pixels(MARGIN, levels.shape), max(1, round(BAND * width))
    truth = np.zeros(levels.shape, bool)
    truth[:, :, margin : margin + band] = truth[:, :, width - margin - band : width - margin] = True
    truth &= ~masks
    risen = np.minimum(levels.astype(np.uint16) + RISE, WHITE).astype(np.uint8)
    return Planted(np.where(truth, risen, levels), truth)


def _blur(levels: np.ndarray, masks: np.ndarray, names: Sequence[str], signal: Mapping[str, Any]) -> Planted:
    without = np.flatnonzero(~masks.any(axis=(1, 2)))
    if len(without):
        raise StudyError(
            f"{names[without[0]]}: has no ROI mask, so that there is no background to blur; give the task a mask that "
            "every image has, such as an ellipse, or take another signal"
        )
    sigma, blurred, truth = max(1.0, SIGMA * levels.shape[2]), levels.copy(), np.empty(levels.shape, bool)
    for start in range(0, len(levels), BLURRED_AT_ONCE):
        some = slice(start, start + BLURRED_AT_ONCE)
        weights = (~masks[some]).astype(np.float32)
        smooth = ndimage.gaussian_filter(levels[some] * weights, (0, sigma, sigma))
        share = ndimage.gaussian_filter(weights, (0, sigma, sigma))
        truth[some] = [_clear_of(inside, _pixels(CLEARANCE, levels.shape)) for inside in masks[some]]
        found = np.rint(np.divide(smooth, share, out=np.zeros_like(smooth), where=share > 0))
        blurred[some] = np.where(truth[some], found.clip(0, WHITE).astype(np.uint8), levels[some])
    return Planted(blurred, truth)


def _half_blur(levels: np.ndarray, masks: np.ndarray, names: Sequence[str], signal: Mapping[str, Any]) -> Planted:
    whole = _blur(levels, masks, names, signal)
    truth = whole.truth.copy()
    truth[:, :, levels.shape[2] // 2 :] = False
    return Planted(np.where(truth, whole.levels, levels), truth)


def _clear_of(inside: np.ndarray, distance: int) -> np.ndarray:
    """The pixels that are further from the mask than so many pixels."""
    return np.asarray(ndimage.distance_transform_edt(~inside) > distance)


def _pixels(share: float, shape: tuple[int, ...]) -> int:
    """A length in image sides as pixels, at least one."""
    return max(1, round(share * shape[2]))


_Plant = Callable[[np.ndarray, np.ndarray, Sequence[str], Mapping[str, Any]], Planted]

_PLANT: dict[str, _Plant] = {"tag": _tag, "stripe": _stripe, "blur": _blur, "half_blur": _half_blur}
