"""Read mask files: what is inside, where a file says so without doubt.

A mask has two levels, black outside and one other inside; edges between them may be soft. All else is refused with the
levels or colours found: which of several labels is the region, and which an area to ignore, no rule can know.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps
from PIL.ImageFile import ImageFile

from red_herring.data.images import SIXTEEN_BIT, is_deep_colour, open_image, reasons
from red_herring.data.picture import UnreadableImage, bits_used

ASPECT_TOLERANCE = 0.01
"""How much the aspect of a mask may differ from that of its image: what rounding to whole pixels explains."""

HALF = 127
"""The highest grey level that is outside in a mask of 0 to 255."""

FEW = 16
"""Up to so many levels or colours are taken to be exact; where there are more, compression or scaling made them."""

NOISE = 16
"""How much the levels of one area differ after compression with losses."""

MIDDLE = (32, 223)
"""Between these levels compression brings nothing about in a mask of two levels but at edges."""

PEAKS = 2
"""Levels in that middle near which most of its pixels lie where there are areas of other levels; at soft edges, between
which the levels are spread evenly, they hold about a third."""

SEVERAL_COLOURS = 64
"""How far from the median colour of the inside a channel is not explained by compression."""

MANY_COLOURED = 0.001
"""Share of the inside that may be so far from its median colour."""

PACKING = np.array([1 << 16, 1 << 8, 1])
"""Red, green and blue to one number."""

LOSSY = ("JPEG", "MPO", "JPEG2000", "WEBP")
SHOWN = 8
ADVICE = "expected 0 and 255, or 0 and 1, or black and one colour; save a mask of the region alone"


def read_mask(file: str | Path | BinaryIO, shape: tuple[int, int], level: int | None = None) -> np.ndarray:
    """A mask file as bool [height, width] of `shape`, that of its image.

    Inside is what is brighter than half, or 1 in a mask of 0 and 1, or coloured on black, or opaque where opacity
    varies and all that is opaque has one colour. Where those who made the masks say which of several `level`s is the
    region, that alone is inside. A mask of another size is scaled, by the nearest pixel, if its aspect
    is the image's.
    Raises UnreadableImage when it cannot be read, has more than two levels, or its aspect differs.
    """
    with reasons("there is no such mask file", "its mask cannot be decoded"):
        try:
            with open_image(file) as image:
                inside = _inside(image) if level is None else np.asarray(image.convert("L")) == level
        except UnreadableImage as error:
            raise UnreadableImage(f"its mask {error}") from error
    (height, width), (wanted_height, wanted_width) = inside.shape, shape
    if abs(height * wanted_width / (width * wanted_height) - 1) > ASPECT_TOLERANCE:
        raise UnreadableImage(
            f"its mask has {height} x {width} pixels, which do not fit its {wanted_height} x {wanted_width}"
        )
    resized = Image.fromarray(inside).resize((wanted_width, wanted_height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def _inside(opened: ImageFile) -> np.ndarray:
    if is_deep_colour(opened):
        raise UnreadableImage("is 16-bit colour, of which not all can be read; save it as 8-bit grey")
    exact = opened.format not in LOSSY
    image = ImageOps.exif_transpose(opened)
    if image.mode in ("1", "L", "F", *SIXTEEN_BIT):
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
        return _by_level(_of_byte(values), exact)
    pixels = np.asarray(image.convert("RGBA"))
    colours, alpha = pixels[..., :3], pixels[..., 3]
    if alpha.min() == alpha.max():
        return _by_colour(colours, exact)
    opaque = _by_level(_stretched(alpha), exact)
    if (np.ptp(colours[alpha == alpha.max()], axis=0) <= NOISE).all():
        return opaque
    return _by_colour(np.where(opaque[..., None], colours, 0), exact)


def _of_byte(values: np.ndarray) -> NDArray[np.uint8]:
    """Levels of any type as uint8: 0 and 1 become 0 and 255, the bits used of more than eight become eight."""
    lowest, highest = values.min(), values.max()
    if not (lowest >= 0 and highest <= 65535):  # nor where one is not a number
        raise UnreadableImage(f"has levels from {lowest:g} to {highest:g}, {ADVICE}")
    white = 1 if highest <= 1 else 2 ** bits_used(int(highest)) - 1
    return _scaled(values, white).clip(0, 255).astype(np.uint8)


def _stretched(levels: np.ndarray) -> NDArray[np.uint8]:
    return _scaled(levels, levels.max()).astype(np.uint8)


def _scaled(values: np.ndarray, white: float) -> NDArray[np.floating]:
    """Whole numbers, 255 for the value that is white."""
    return np.asarray(np.rint(values * (255 / white)))


def _by_level(levels: NDArray[np.uint8], exact: bool) -> NDArray[np.bool]:
    """What is brighter than half, of uint8 [height, width], if it is a mask of two levels."""
    found = np.flatnonzero(np.bincount(levels.ravel(), minlength=256))
    lowest, highest = found[0], found[-1]
    empty = highest == 0
    if (not empty and highest <= HALF) or (lowest > HALF and len(found) > 1):
        raise UnreadableImage(f"has only the levels {_listed(found)}, {ADVICE}")
    between = _areas_between(levels, found, exact)
    if len(between):
        raise UnreadableImage(f"has areas of the levels {_listed({lowest, *between, highest})}, {ADVICE}")
    return levels > HALF


def _areas_between(levels: np.ndarray, found: np.ndarray, exact: bool) -> np.ndarray:
    """The levels between the lowest and the highest that fill areas, as labels do and soft edges do not.

    Few and exact levels: any that fills a square of 3 x 3 pixels. Else a level in the middle of the range, if most
    pixels of that middle lie in such squares and near one level or two, or in squares of one exact level each: where
    edges are wide, their pixels are of all levels.
    """
    if len(found) < 3:
        return found[:0]
    spread = _spread(levels)
    if exact and len(found) <= FEW:
        return np.setdiff1d(levels[spread == 0], found[[0, -1]])
    middle = (levels > MIDDLE[0]) & (levels < MIDDLE[1])
    half = max(1, middle.sum() / 2)
    counts = np.bincount(levels[middle & (spread <= NOISE)], minlength=256)
    peaks: list[int] = []
    held = 0
    for _ in range(PEAKS):
        near = np.convolve(counts, np.ones(2 * NOISE + 1, int), "same")
        peak = int(near.argmax())
        peaks.append(peak)
        held += near[peak]
        counts[max(0, peak - NOISE) : peak + NOISE + 1] = 0
        if held >= half:
            return np.array(sorted(peaks))
    flat = np.bincount(levels[middle & (spread == 0)], minlength=256)
    return np.flatnonzero(flat) if flat.sum() >= half else found[:0]


def _spread(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Highest less lowest level in the 3 x 3 pixels around each, uint8."""
    image = Image.fromarray(levels)
    highest, lowest = image.filter(ImageFilter.MaxFilter(3)), image.filter(ImageFilter.MinFilter(3))
    return np.asarray(highest) - np.asarray(lowest, np.uint8)


def _by_colour(colours: np.ndarray, exact: bool) -> np.ndarray:
    """What is of the one colour on black, or bright where there is no colour, of uint8 [height, width, 3]."""
    if np.ptp(colours, axis=2).max() <= NOISE:
        return _by_level(_of_byte(np.asarray(Image.fromarray(colours).convert("L"))), exact)
    packed = colours @ PACKING
    found, places = np.unique(packed, return_inverse=True)
    if exact and len(found) <= FEW:
        spread = _spread(places.reshape(packed.shape).astype(np.uint8))
        areas = np.unique(packed[spread == 0]) if len(found) > 2 else found
        if len(areas) != 2 or areas[0] != 0:
            raise UnreadableImage(f"has the colours {_named(areas if len(areas) > 1 else found)}, {ADVICE}")
    values = _stretched(colours.max(axis=2))
    bright = values > HALF
    if bright.all():
        raise UnreadableImage(f"is in colour and has no black, {ADVICE}")
    plain = colours[bright & (_spread(values) <= NOISE)]
    if len(plain):
        typical = np.median(plain, axis=0)
        other = (np.abs(plain - typical) > SEVERAL_COLOURS).any(axis=1)
        if other.mean() > MANY_COLOURED:
            shown = [
                colour.round().astype(int) @ [1 << 16, 1 << 8, 1] for colour in (typical, plain[other].mean(axis=0))
            ]
            raise UnreadableImage(f"has several colours, such as {_named(shown)}, {ADVICE}")
    return _by_level(values, exact)


def _listed(levels: Iterable[int]) -> str:
    return _shortened([f"{level}" for level in sorted(levels)])


def _named(colours: Iterable[int]) -> str:
    return _shortened([f"#{colour:06x}" for colour in colours])


def _shortened(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} others" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
