"""What an image file holds, before and after its values are scaled to grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from red_herring.runtime.files import StudyError

BITS = (8, 10, 12, 14, 16)
"""How many bits the detectors and archives of radiographs use of the 16 that a file stores."""


class UnreadableImage(StudyError):
    """One image that cannot be used; the text says why, in one line."""


@dataclass(frozen=True)
class Picture:
    """An image as its file has it.

    levels: float32 [height, width], 0 for the stored value 0 and 255 for `white`, the highest that a file of this
    format may store. format: what the files have in common whose values mean the same, such as "PNG, 16-bit".
    highest: the highest value stored. inverted: the highest is black. padding: bool [height, width], the pixels that
    are none of the image, None for none.
    """

    levels: np.ndarray
    format: str
    white: int = 255
    highest: int = 255
    inverted: bool = False
    padding: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.levels.shape

    def grey(self, white: int | None = None) -> np.ndarray:
        """Grey levels, float32 [height, width], 0 is black and 255 the stored value `white`, or the format's own."""
        grey = self.levels if white in (None, self.white) else self.levels * np.float32(self.white / white)
        if self.inverted:
            grey = 255 - grey
        return grey if self.padding is None else np.where(self.padding, np.float32(0), grey)


def bits_used(highest: int) -> int:
    """The fewest of BITS that hold a value; 2 to that power too, as some programs scale by it.

    >>> [bits_used(highest) for highest in (1, 255, 1000, 4096, 4097, 65535)]
    [8, 8, 10, 12, 14, 16]
    """
    return next(bits for bits in BITS if highest <= 2**bits)


def one_line(error: Exception) -> str:
    """What an error says, without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


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
