"""Which pixels the nuisance of an image is in, where that is known, and the images without it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from red_herring.data.splits import WORDS
from red_herring.runtime.files import read_json
from red_herring.runtime.frames import read_frame


def nuisance_pixels(table: pd.DataFrame, folders: Collection[Path]) -> np.ndarray | None:
    """bool [n, size, size], all False of an image of whose group nothing is known; None where that is so of all.

    table: rows of a split, with source and row; folders: those of the prepared sources. An image's group is that in the
    source, which neither a task nor its labels change.
    """
    size: int = read_json(next(iter(folders)) / "source.json")["size"]
    found = np.zeros((len(table), size, size), bool)
    for folder in folders:
        known = read_json(folder / "source.json").get("nuisance", {})
        rows = np.flatnonzero(table["source"] == folder.name)
        groups = read_frame(folder / "index.csv", WORDS)["group"].to_numpy()[table["row"].to_numpy()[rows]]
        for group, (top, left, bottom, right) in known.items():
            found[rows[groups == group], top:bottom, left:right] = True
    return found if found.any() else None


def removed(levels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The images with the median of the pixels around in the place of these; one that is all nuisance stays.

    levels: uint8, pixels: bool, both [n, height, width]. Around are the neighbours along rows, columns and diagonals.
    """
    found = levels.copy()
    for image, own in zip(found, pixels, strict=True):
        around = ndimage.binary_dilation(own, np.ones((3, 3), bool)) & ~own
        if around.any():
            image[own] = np.uint8(np.median(image[around]))
    return found
