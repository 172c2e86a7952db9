"""Decode image files of any kind to grey levels; crop and resize them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from red_herring.files import StudyError

ASPECT_TOLERANCE = 0.01
"""How much the aspect of a mask may differ from that of its image: what rounding to whole pixels explains."""

HALF = 127
"""The highest grey level that is outside in a mask of 0 to 255."""

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class UnreadableImage(StudyError):
    """One image that cannot be used; the text says why."""


def read_grey(path: str | Path) -> np.ndarray:
    """An image file as grey levels, float32 [height, width] in [0, 255].

    Colour and palette are turned into luminance, an alpha channel is ignored, 16-bit values are divided by 257. DICOM
    has the suffix .dcm: its range is that of the bits stored, and MONOCHROME1, where the highest is black, is inverted.
    Raises UnreadableImage for a missing, empty, truncated or otherwise unreadable file.
    """
    try:
        if os.path.getsize(path) == 0:
            raise UnreadableImage("the file is empty")
        return _read_dicom(path) if str(path).lower().endswith(".dcm") else _read_picture(path)
    except FileNotFoundError as error:
        raise UnreadableImage("there is no such file") from error
    except UnreadableImage:
        raise
    except Exception as error:  # broken files bring up errors of every kind in the libraries
        raise UnreadableImage(f"cannot be decoded: {error}") from error


def _read_picture(file: str | Path | BinaryIO) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata and palettes: the pixels are what counts
        with Image.open(file) as image:
            if image.mode in SIXTEEN_BIT:
                return np.asarray(image, dtype=np.float32) / 257
            if image.mode == "F":
                raise UnreadableImage("32-bit floating point pixels have no known range")
            return np.asarray(image.convert("L"), dtype=np.float32)


def _read_dicom(path: str | Path) -> np.ndarray:
    import pydicom  # only where there is DICOM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = pydicom.dcmread(path)
        pixels, photometric, bits = content.pixel_array, content.PhotometricInterpretation, content.BitsStored
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or pixels.ndim != 2 or content.PixelRepresentation != 0:
        raise UnreadableImage(
            f"is DICOM of shape {pixels.shape}, {photometric}, {pixels.dtype}; expected one grey image, unsigned"
        )
    grey = pixels.astype(np.float32) * (255 / (2**bits - 1))
    return 255 - grey if photometric == "MONOCHROME1" else grey


def read_mask(file: str | Path | BinaryIO, shape: tuple[int, int]) -> np.ndarray:
    """A mask file as bool [height, width] of `shape`, that of its image: what is brighter than half is inside, or what
    is 1 in a mask of 0 and 1.

    A mask of another size is scaled, by the nearest pixel, if its aspect is the image's.
    Raises UnreadableImage when it cannot be read or its aspect differs.
    """
    try:
        levels = _read_picture(file)
    except FileNotFoundError as error:
        raise UnreadableImage("there is no such mask file") from error
    except Exception as error:
        raise UnreadableImage(f"its mask cannot be decoded: {error}") from error
    if 1 < levels.max() <= HALF:
        raise UnreadableImage(f"its mask has levels up to {levels.max():g}, expected 0 and 255, or 0 and 1")
    inside = levels > (0 if levels.max() <= 1 else HALF)
    (height, width), (wanted_height, wanted_width) = inside.shape, shape
    if abs(height * wanted_width / (width * wanted_height) - 1) > ASPECT_TOLERANCE:
        raise UnreadableImage(
            f"its mask has {height} x {width} pixels, which do not fit its {wanted_height} x {wanted_width}"
        )
    resized = Image.fromarray(inside).resize((wanted_width, wanted_height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def to_square(pixels: np.ndarray, size: int) -> np.ndarray:
    """Crop the centre square and resize it with anti-aliasing: float32 [height, width] -> [size, size].

    The crop is torchxrayvision's XRayCenterCrop.
    """
    height, width = pixels.shape
    side = min(height, width)
    top, left = height // 2 - side // 2, width // 2 - side // 2
    square = pixels[top : top + side, left : left + side]
    if side == size:
        return square
    resized = Image.fromarray(np.ascontiguousarray(square, dtype=np.float32)).resize(
        (size, size), Image.Resampling.BILINEAR
    )
    return np.asarray(resized)
