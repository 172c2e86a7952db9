"""Copy-paste: crops of real objects blended into object-free images.

Poisson blending (Pérez et al. 2003): inside the box the pasted image has the gradients of the crop, and at the box's
edge it meets the image that it is pasted into.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import spsolve
from torch import Tensor

from red_herring.generation.boxes import mask_of
from red_herring.generation.examples import Examples
from red_herring.generation.places import centred, plausible_centres

BESIDE = ((-1, 0), (1, 0), (0, -1), (0, 1))
"""The four pixels that touch a pixel along a side, rows and columns from it."""

RING = 2
"""Pixels around a box by whose mean grey level crop and place are compared."""


def pasted(free: Tensor, real: Examples, random: torch.Generator) -> Examples:
    """A real object in each object-free image, with its box, int64 [1, 4].

    free: float32 [n, 1, side, side], -1 to 1. real: images of that size whose boxes are of whole pixels, at least one.
    random: on the CPU. The place is drawn from where real boxes are; of all real objects that one is pasted around
    whose box the grey level is nearest to that around the same box there (of equal ones the first).
    """
    boxes = torch.cat(real.boxes)
    owners = torch.repeat_interleave(torch.tensor([len(own) for own in real.boxes]))
    levels = around(real.images[owners, 0], boxes)
    made, places = [], []
    for image, middle in zip(free[:, 0], plausible_centres(boxes, len(free), random), strict=True):
        candidates = centred(boxes, middle, image.shape[-1])
        which = int((around(image, candidates) - levels).abs().argmin())
        made.append(blend(image, candidates[which], real.images[owners[which], 0], boxes[which]))
        places.append(candidates[which : which + 1])
    return Examples(torch.stack(made).unsqueeze(1), places)


def around(images: Tensor, boxes: Tensor) -> Tensor:
    """The mean of the pixels at most RING beside each box, [k, 4], and not in it, float32 [k]; images: -1 to 1, one of
    each box, [k, side, side], or one for all, [side, side].
    """
    side = images.shape[-1]
    ring = mask_of(boxes + torch.tensor([-RING, -RING, RING, RING]), side) & ~mask_of(boxes, side)
    totals: Tensor = torch.where(ring[:, 0], images.double(), 0).sum(dim=(1, 2))
    return (totals / ring[:, 0].sum(dim=(1, 2))).float()


def blend(image: Tensor, place: Tensor, source: Tensor, box: Tensor) -> Tensor:
    """`image` with what `source` has in `box` at `place`, a box of the same size; only pixels in it differ.

    image, source: float32 [side, side], -1 to 1, which the result is clipped to. place, box: int64 [4]. For each pixel
    p in the box, with its neighbours q within the image, sum_q (f_p - f_q) = sum_q (g_p - g_q). f is the result and
    outside the box `image`; g is the source, and where it ends, g_p - g_q is 0. ValueError if sizes differ, or the box
    is the whole image, which leaves the grey level open.
    """
    if not torch.equal(place[2:] - place[:2], box[2:] - box[:2]):
        raise ValueError(f"place {place.tolist()} and box {box.tolist()} differ in size")
    result, inside = image.clone(), mask_of(place[None], image.shape[-1])[0, 0]
    if inside.all():
        raise ValueError("a box that is the whole image has no edge to meet it at")
    shift = (box - place)[:2].numpy()
    matrix, wanted = _equations(image.double().numpy(), source.double().numpy(), inside.numpy(), shift)
    result[inside] = torch.from_numpy(spsolve(matrix.tocsc(), wanted)).float().clamp(-1, 1)
    return result


def _equations(
    image: np.ndarray, source: np.ndarray, inside: np.ndarray, shift: np.ndarray
) -> tuple[coo_array, np.ndarray]:
    """The matrix and right side of the equations of `blend`, one row per pixel of the box in reading order. inside:
    bool like the image, the place; shift: rows and columns from a pixel of the image to that of the source.
    """
    pixels = np.argwhere(inside)
    number = np.full(inside.shape, -1)
    number[inside] = np.arange(len(pixels))
    diagonal, wanted = np.zeros(len(pixels)), np.zeros(len(pixels))
    entries = []
    for step in BESIDE:
        beside = pixels + step
        exists = _within(image, beside)
        columns = np.where(exists, number[tuple((beside * exists[:, None]).T)], -1)
        given = exists & (columns < 0)
        diagonal += exists
        wanted += exists * _differences(source, pixels + shift, step)
        wanted[given] += image[tuple(beside[given].T)]
        entries.append(np.stack([np.flatnonzero(columns >= 0), columns[columns >= 0]]))
    off = np.concatenate(entries, axis=1)
    matrix = coo_array((np.full(off.shape[1], -1.0), tuple(off)), shape=(len(pixels), len(pixels)))
    return matrix + diags_array(diagonal), wanted


def _within(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Which pixels, [k, 2], an image has, bool [k]."""
    found: np.ndarray = np.all((pixels >= 0) & (pixels < image.shape), axis=1)
    return found


def _differences(source: np.ndarray, pixels: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """Each pixel of the source, [k, 2], less the one a step beside it, [k]; 0 where there is none."""
    known = _within(source, pixels + step)
    own, beside = pixels[known], pixels[known] + step
    found = np.zeros(len(pixels))
    found[known] = source[tuple(own.T)] - source[tuple(beside.T)]
    return found
