"""Read DICOM files as pictures: what a viewer shows of them, or their stored values where no window says that."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread, uid
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_windowing
from pydicom.pixels.utils import pixel_array

from red_herring.data.picture import Picture, UnreadableImage

Stored = NDArray[np.integer]
"""Pixels as a file has them."""

Values = NDArray[np.integer | np.floating]
"""Pixels in the units of a window or of a lookup table."""

DECODERS = {
    uid.JPEGBaseline8Bit: ("pillow", "pillow"),
    uid.JPEGExtended12Bit: ("pillow", "pillow"),
    uid.JPEGLossless: ("gdcm", "python-gdcm"),
    uid.JPEGLosslessSV1: ("gdcm", "python-gdcm"),
    uid.JPEGLSLossless: ("gdcm", "python-gdcm"),
    uid.JPEGLSNearLossless: ("gdcm", "python-gdcm"),
    uid.JPEG2000Lossless: ("pylibjpeg", "pylibjpeg-openjpeg"),
    uid.JPEG2000: ("pylibjpeg", "pylibjpeg-openjpeg"),
    uid.HTJ2KLossless: ("pylibjpeg", "pylibjpeg-openjpeg"),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg", "pylibjpeg-openjpeg"),
    uid.HTJ2K: ("pylibjpeg", "pylibjpeg-openjpeg"),
    uid.RLELossless: ("pydicom", "pydicom"),
}
"""Transfer syntax -> pydicom's name of what decodes it, and the package that holds it: always the same one, so that
the pixels do not depend on what else is installed."""

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
"""What pydicom turns into RGB."""


def read_dicom(path: str | Path) -> Picture:
    """A DICOM file as a picture.

    Grey, with a VOI lookup table or else a window: what the first of them makes of the (rescaled) values, as viewers
    and the exporters of NIH's and PadChest's PNGs do; the white of such a file is known. Without: the stored values, of
    which `white` is what the bits stored can hold; a rescale would shift black and white alike. MONOCHROME1 is
    inverted, padding is black. Colour of 8 bits becomes luminance.
    Raises UnreadableImage, or what pydicom raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        content = dcmread(path, force=True)
        _check(content)
        photometric = content.PhotometricInterpretation
        pixels = pixel_array(
            content, decoding_plugin=_decoder(content), correct_unused_bits=content.PixelRepresentation == 1
        )
        if photometric in COLOUR:
            grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32)
            return Picture(grey, "DICOM, 8-bit colour", highest=int(grey.max()))
        return _read_grey(content, pixels)


def _check(content: Dataset) -> None:
    """UnreadableImage unless there is one image whose pixels are grey integers, or colour of 8 bits."""
    if "PixelData" not in content:
        raise UnreadableImage(f"is DICOM without an image{_object(content)}")
    needed = ("PhotometricInterpretation", "BitsAllocated", "BitsStored", "PixelRepresentation", "Rows", "Columns")
    absent = [name for name in needed if content.get(name) is None]
    if absent:
        raise UnreadableImage(f"is DICOM without {absent[0]}, so that its pixels cannot be known")
    frames, photometric, bits = (
        int(content.get("NumberOfFrames") or 1),
        content.PhotometricInterpretation,
        content.BitsAllocated,
    )
    if frames > 1:
        raise UnreadableImage(f"is DICOM of {frames} frames; expected one image, so save each in a file of its own")
    if not ((photometric in GREY and bits <= 16) or (photometric in COLOUR and bits == 8)):
        raise UnreadableImage(
            f"is DICOM in {photometric} of {bits} bits; expected MONOCHROME1 or 2 of up to 16 bits, or RGB of 8"
        )


def _object(content: Dataset) -> str:
    name = uid.UID(content.get("SOPClassUID") or "").name
    return f" ({name})" if name else ""


def _decoder(content: Dataset) -> str:
    """pydicom's name of what decodes these pixels, empty where nothing is compressed."""
    if "TransferSyntaxUID" not in content.file_meta:  # a file without preamble or without its group 2
        implicit, little = content.original_encoding
        content.file_meta.TransferSyntaxUID = (
            uid.ImplicitVRLittleEndian
            if implicit
            else uid.ExplicitVRLittleEndian
            if little
            else uid.ExplicitVRBigEndian
        )
    syntax = content.file_meta.TransferSyntaxUID
    if not syntax.is_compressed or syntax == uid.DeflatedExplicitVRLittleEndian:
        return ""
    said = f"is DICOM compressed as {syntax.name} ({syntax})"
    deep = syntax == uid.JPEGExtended12Bit and content.BitsStored > 8
    if syntax not in DECODERS or deep:
        raise UnreadableImage(f"{said}, which no package reads that may be used here; save it uncompressed")
    decoder, package = DECODERS[syntax]
    if decoder not in get_decoder(syntax).available_plugins:
        raise UnreadableImage(f"{said}, which needs the Python package {package}; install it or save it uncompressed")
    return decoder


def _read_grey(content: Dataset, pixels: Stored) -> Picture:
    padding = _padding(content, pixels)
    stored = pixels[~padding] if padding is not None and not padding.all() else pixels
    lowest, highest = int(stored.min()), int(stored.max())
    inverted = content.PhotometricInterpretation == "MONOCHROME1"
    window = _window(content)
    if window:
        levels = _windowed(content, _rescaled(content, pixels), window)
        return Picture(levels, f"DICOM, {window}", 255, highest, inverted, padding)
    if _items(content, "ModalityLUTSequence"):
        levels = _looked_up(content.ModalityLUTSequence[0], pixels, content)
        return Picture(levels, "DICOM, modality lookup table", 255, highest, inverted, padding)
    if lowest < 0:
        raise UnreadableImage(
            f"is DICOM with values from {lowest} to {highest} and no window that says which are black and white; "
            "export it with one"
        )
    bits = content.BitsStored - content.PixelRepresentation  # one is the sign
    white = 2**bits - 1
    if highest > white:
        pixels = _without_overlays(content, pixels, white)
        highest = int(pixels.max() if padding is None else pixels[~padding].max())
    inverted ^= float(content.get("RescaleSlope") or 1) < 0
    levels = pixels.astype(np.float32) * (255 / white)
    return Picture(levels, f"DICOM, {bits}-bit", white, highest, inverted, padding)


def _padding(content: Dataset, pixels: Stored) -> NDArray[np.bool] | None:
    """Which pixels fill up the rectangle only, bool of the image's shape; None for none."""
    value = content.get("PixelPaddingValue")
    if value is None:
        return None
    limit = content.get("PixelPaddingRangeLimit")
    # Their type may be that of unsigned values where the pixels are signed, and the other way round.
    ends = np.array([value, value if limit is None else limit], np.int64).astype(pixels.dtype)
    padding = (pixels >= ends.min()) & (pixels <= ends.max())
    return padding if padding.any() else None


def _items(content: Dataset, sequence: str) -> bool:
    """Whether a sequence of lookup tables has a first one with data."""
    items = content.get(sequence)
    return bool(items) and None not in (items[0].get("LUTDescriptor"), items[0].get("LUTData"))


def _window(content: Dataset) -> str:
    """Which of its kind says what is black and white; empty for none."""
    if _items(content, "VOILUTSequence"):
        return "VOI lookup table"
    return "window" if None not in (content.get("WindowCenter"), content.get("WindowWidth")) else ""


def _rescaled(content: Dataset, pixels: Stored) -> Values:
    """The values in the units of the window."""
    if _items(content, "ModalityLUTSequence"):
        table, _ = _lookup_table(content.ModalityLUTSequence[0], content)
        return table[_places(content.ModalityLUTSequence[0], pixels, content)]
    slope, intercept = content.get("RescaleSlope"), content.get("RescaleIntercept")
    return pixels if None in (slope, intercept) else pixels * float(slope) + float(intercept)


def _windowed(content: Dataset, values: Values, window: str) -> NDArray[np.float32]:
    """Levels of 0 to 255, float32."""
    if window != "window":
        return _looked_up(content.VOILUTSequence[0], np.rint(values), content)
    with np.errstate(over="ignore"):  # of a sigmoid's far ends
        black, white = apply_windowing(np.array([-np.inf, np.inf]), content)
        shown = apply_windowing(values, content)
    return np.asarray((shown - black) * (255 / (white - black)), np.float32)


def _looked_up(item: Dataset, values: Values, content: Dataset) -> NDArray[np.float32]:
    """Levels of 0 to 255, float32, of values in a lookup table; white is the highest that their bits can hold."""
    table, white = _lookup_table(item, content)
    return (table * np.float32(255 / white))[_places(item, values, content)]


def _lookup_table(item: Dataset, content: Dataset) -> tuple[NDArray[np.int64], int]:
    """The entries, and the value that is white. The bits that the descriptor names are not what many tables use."""
    data = item.LUTData
    if isinstance(data, bytes):
        order = "<" if content.original_encoding[1] else ">"
        data = np.frombuffer(data, "u1" if len(data) < 2 * (item.LUTDescriptor[0] or 2**16) else f"{order}u2")
    table = np.asarray(data, dtype=np.int64)
    return table, 2 ** max(8, int(table.max()).bit_length()) - 1


def _places(item: Dataset, values: Values, content: Dataset) -> NDArray[np.int64]:
    """Where in a lookup table values are; those beyond its ends are at its ends."""
    entries, first = item.LUTDescriptor[0] or 2**16, item.LUTDescriptor[1]
    if first >= 2**15 and values.min() < 0:  # a signed number in the type of unsigned ones
        first -= 2**16
    return np.asarray(np.clip(values.astype(np.int64) - first, 0, entries - 1))


def _without_overlays(content: Dataset, pixels: Stored, white: int) -> Stored:
    """The pixels without the graphics that old files keep in the bits above; UnreadableImage for other values there."""
    positions = (content.get((group, 0x0102)) for group in range(0x6000, 0x6020, 2))
    graphics = any(position is not None and position.value > 0 for position in positions)
    if not graphics:
        raise UnreadableImage(
            f"is DICOM that says its values end at {white} and has values to {int(pixels.max())}; fix BitsStored"
        )
    return pixels & white
