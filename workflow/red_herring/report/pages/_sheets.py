"""Sheets of the interactive page: the images of a run with their masks and maps, as tiles of one PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from red_herring.report.collect import Run, answer_file, maps_file
from red_herring.runtime.files import StudyError

LARGEST = 56
"""Pixels a side; larger maps are reduced, as a study has hundreds of runs and the page holds them all."""

FEW, SMALL = 2, 28
"""Images of a run that the page has maps of by randomised networks, and their pixels a side. With ten blocks and ten
attributions these are 0.2 MB a run, in place of ten times as much.
"""


def sheet(layers: np.ndarray, largest: int) -> dict[str, Any]:
    """A PNG with a row of tiles per example, and the height and width of a tile as stored and as shown. layers: as
    `reduce`.
    """
    shown = reduce(layers, largest)
    png = base64.b64encode(to_png(shown)).decode()
    return {"stored": list(layers.shape[2:]), "shown": list(shown.shape[2:]), "png": png}


def randomised(maps: Path, run: Run, blocks: Sequence[str], attributions: Sequence[str]) -> dict[str, Any] | None:
    """The sheet of a run's maps after each block, block by block all attributions that have them, whose names are
    beside it with the number of images; None when they are not stored.

    maps: the folder of localisation. StudyError when they do not fit its examples.
    """
    file = answer_file(maps.parent, "weight_randomisation", run, ".safetensors")
    if not file.is_file():
        return None
    with safe_open(maps_file(maps, run), "np") as arrays:
        image, mask = (arrays.get_tensor(name) for name in ("example_image", "example_mask"))
    with safe_open(file, "np") as arrays:
        given = set(arrays.keys())
        named = [name for name in attributions if blocks and {_name(block, name) for block in blocks} <= given]
        found = [arrays.get_tensor(_name(block, name)) for block in blocks for name in named]
    if not found:
        return None
    if any(own.shape != image.shape or own.dtype != np.uint8 for own in found):
        raise StudyError(f"{file}: its examples are not those of localisation; make its maps again")
    layers = np.stack([image, mask, *found], axis=1)[:FEW]
    return {**sheet(layers, SMALL), "images": len(layers), "blocks": list(blocks), "attributions": named}


def _name(block: str, attribution: str) -> str:
    return f"explorer/{block}/{attribution}"


def reduce(levels: np.ndarray, most: int) -> np.ndarray:
    """Examples with at most so many pixels a side, uint8 [examples, layers, h, w]: image, mask, then maps.

    Each pixel of an image or map is the mean of a block, and the largest of a map is 255 again. A mask is where most of
    a block is, or any of it when no block is mostly inside. Blocks over the edge are filled with the pixels at it.
    """
    height, width = levels.shape[2:]
    side = -(-max(height, width) // most)
    if side == 1:
        return levels
    padded = np.pad(levels, [(0, 0), (0, 0), (0, -height % side), (0, -width % side)], mode="edge")
    rows, columns = padded.shape[2] // side, padded.shape[3] // side
    means = padded.reshape(*levels.shape[:2], rows, side, columns, side).mean(axis=(3, 5))
    inside = means[:, 1] >= 0.5
    inside |= (means[:, 1] > 0) & ~inside.any(axis=(1, 2), keepdims=True)
    largest = means[:, 2:].max(axis=(2, 3), keepdims=True)
    scaled = means[:, 2:] * (255 / np.where(largest > 0, largest, 1))
    return np.concatenate([means[:, :1].round(), inside[:, None], scaled.round()], axis=1).astype(np.uint8)


def to_png(levels: np.ndarray) -> bytes:
    """A grey PNG with a row of tiles per example: levels, uint8 [examples, layers, h, w]."""
    examples, layers, height, width = levels.shape
    tiles = levels.transpose(0, 2, 1, 3).reshape(examples * height, layers * width)
    content = io.BytesIO()
    Image.fromarray(tiles).save(content, "PNG", optimize=True)
    return content.getvalue()


def rounded(value: float, digits: int = 3) -> float | None:
    """To so many digits; None where undefined."""
    return None if np.isnan(value) else float(f"{value:.{digits}g}")
