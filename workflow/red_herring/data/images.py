"""Decode image files of any kind to grey levels; crop and resize them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from red_herring.files import StudyError

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


class UnreadableImage(StudyError):
    """One image that cannot be used; the text says why."""


def read_grey(path: str | Path) -> np.ndarray:
    """An image file as grey levels, float32 [height, width] in [0, 255].

    Colour and palette are turned into luminance, an alpha channel is ignored, 16-bit values are divided by 257.
    Raises UnreadableImage for a missing, empty, truncated or otherwise unreadable file.
    """
    try:
        if os.path.getsize(path) == 0:
            raise UnreadableImage("the file is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata and palettes: the pixels are what counts
            with Image.open(path) as image:
                if image.mode in SIXTEEN_BIT:
                    grey = np.asarray(image, dtype=np.float32) / 257
                elif image.mode == "F":
                    raise UnreadableImage("32-bit floating point pixels have no known range")
                else:
                    grey = np.asarray(image.convert("L"), dtype=np.float32)
    except FileNotFoundError as error:
        raise UnreadableImage("there is no such file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"cannot be decoded: {error}") from error
    return grey


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
