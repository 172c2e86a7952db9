"""What the figures of images are drawn from: the splits of the tasks, and the images and masks of the sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.splits import read_split
from red_herring.files import StudyError

CHUNK = 256
"""Images in memory at a time."""


def splits_of(files: Collection[Path]) -> dict[str, pd.DataFrame]:
    """Task -> its split, of the files .../splits/{task}/seed=*.csv."""
    return {path.parent.name: read_split(path) for path in files if path.suffix == ".csv"}


def seeds_of(files: Collection[Path]) -> dict[str, int]:
    """Task -> the seed of its split, of the same files."""
    return {path.parent.name: int(path.stem.removeprefix("seed=")) for path in files if path.suffix == ".csv"}


def images_of(files: Collection[Path], name: str = "images.npy") -> dict[str, np.ndarray]:
    """Source -> images, uint8 [n, size, size], of the files .../data/{source}/images.npy; or what `name` holds beside
    them. Nothing is read until it is asked for.
    """
    paths = [path.with_name(name) for path in files if path.suffix == ".npy"]
    return {path.parent.name: np.load(path, mmap_mode="r") for path in paths}


def shape_of(table: pd.DataFrame, images: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Height and width of the images of all sources in `table`; StudyError where they differ."""
    shapes = {source: images[source].shape[1:] for source in table["source"].unique()}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{source} {height}" for source, (height, _) in shapes.items())
        raise StudyError(f"the sources of a task have images of different sizes, {sizes}; give them one `size`")
    return next(iter(shapes.values()))


def chunks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """`rows` in order, at most CHUNK at a time."""
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
