"""Read image files of any kind: pictures with Pillow, DICOM with pydicom; which of them a file is its content says."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from red_herring.data.picture import Picture, UnreadableImage, bits_used, one_line

SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")
WHITE_IS_ZERO = 0
"""TIFF's photometric interpretation in which the highest value is black; Pillow heeds it for 8 bits only."""

PHOTOMETRIC, SUBFILE = 262, 254
"""Tags of TIFF; bit 0 of the second marks a page as a smaller copy of another."""

DICOM_AT = 128
BARE_DICOM = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""How DICOM begins that has no preamble: with an element of group 2 or 8, of either byte order."""


def read_picture(path: str | Path) -> Picture:
    """An image file as it is; `Picture.grey` gives its levels.

    Colour and palette are turned into luminance, an alpha channel is ignored, EXIF's orientation is heeded.
    Raises UnreadableImage for a missing, empty, truncated or otherwise unreadable file, and for one that holds several
    images or values without a known range.
    """
    with reasons("there is no such file", "cannot be decoded"), open(path, "rb") as file:
        start = file.read(DICOM_AT + 4)
        if not start:
            raise UnreadableImage("the file is empty")
        if start[DICOM_AT:] == b"DICM":
            return _read_dicom(path)
        file.seek(0)
        try:
            with open_image(file) as image:
                return _read_image(image)
        except UnidentifiedImageError:
            if start.startswith(BARE_DICOM):
                return _read_dicom(path)
            raise UnreadableImage("cannot be decoded: it is neither a picture that Pillow knows nor DICOM") from None


def _read_dicom(path: str | Path) -> Picture:
    from red_herring.data.dicom import read_dicom  # pydicom only where there is DICOM

    return read_dicom(path)


@contextmanager
def reasons(missing: str, broken: str) -> Iterator[None]:
    """UnreadableImage in the place of any other error."""
    try:
        yield
    except FileNotFoundError as error:
        raise UnreadableImage(missing) from error
    except UnreadableImage:
        raise
    except Exception as error:  # broken files bring up errors of every kind in the libraries
        raise UnreadableImage(f"{broken}: {one_line(error)}") from error


@contextmanager
def open_image(file: str | Path | BinaryIO) -> Iterator[ImageFile]:
    """The one image of a file, opened with Pillow; UnreadableImage if there are more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd metadata and palettes: the pixels are what counts
        with Image.open(file) as image:
            frames = _frames(image)
            if frames > 1:
                raise UnreadableImage(f"holds {frames} images; expected one, so save each in a file of its own")
            yield image


def _frames(image: ImageFile) -> int:
    """Images in a file; smaller copies of the first, which TIFF marks and MPO has by its nature, are none."""
    frames = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
    if not isinstance(image, TiffImageFile) or frames == 1:
        return frames
    whole = 0
    for frame in range(frames):
        image.seek(frame)
        whole += not image.tag_v2.get(SUBFILE, 0) & 1
    image.seek(0)
    return whole


def _read_image(opened: ImageFile) -> Picture:
    name = "JPEG" if opened.format == "MPO" else opened.format
    inverted = isinstance(opened, TiffImageFile) and opened.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO
    high_bytes = is_deep_colour(opened)  # known only until the image is loaded
    image = ImageOps.exif_transpose(opened)
    if image.mode in SIXTEEN_BIT:
        values = np.asarray(image)
        lowest, highest = int(values.min()), int(values.max())
        if lowest < 0 or highest > 65535:
            raise UnreadableImage(f"has values from {lowest} to {highest}; expected at most 16 bits, 0 to 65535")
        return Picture(values.astype(np.float32) / 257, f"{name}, 16-bit", 65535, highest, inverted)
    if image.mode == "F":
        raise UnreadableImage("32-bit floating point pixels have no known range")
    _check_alpha(image)
    levels = np.asarray(image.convert("L"), dtype=np.float32)
    highest = int(levels.max())
    if high_bytes and bits_used(257 * highest) < 16:
        raise UnreadableImage(
            "is 16-bit colour that leaves its highest bits unused, and of 16 only the highest 8 can be read; "
            "save it as 16-bit grey"
        )
    bits = "1-bit" if image.mode == "1" else "16-bit colour" if high_bytes else "8-bit"
    return Picture(levels, f"{name}, {bits}", highest=highest)


def is_deep_colour(image: ImageFile) -> bool:
    """Whether an image that is not loaded has several channels of 16 bits, of which Pillow keeps the high bytes."""
    raw = image.tile[0].args if image.tile else ""
    return image.mode not in SIXTEEN_BIT and ";16" in str(raw)


def _check_alpha(image: Image.Image) -> None:
    if "A" not in image.getbands():
        return
    *colours, alpha = (np.ptp(np.asarray(image.getchannel(band))) for band in image.getbands())
    if alpha and not any(colours):
        raise UnreadableImage("its picture is in the alpha channel, all else is of one colour; save it as grey")
