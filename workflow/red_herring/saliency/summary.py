"""What is kept of the maps of a run: their mean, and some of them as pictures."""

from __future__ import annotations

import numpy as np

from red_herring.data.dataset import Dataset


def drawn(data: Dataset, count: int, seed: int) -> np.ndarray:
    """Rows of at most `count` images, in the order in which `seed` draws them; more images go on where fewer end."""
    return np.random.default_rng(seed).permutation(len(data))[:count]


def mean_maps(maps: np.ndarray, data: Dataset, rows: np.ndarray) -> np.ndarray:
    """The mean map, mean image (0 to 1) and mean mask of these rows, float32 [3, height, width]. maps: [n, height,
    width], of all images of `data` in its order.
    """
    levels, masks = data.levels.numpy()[rows], data.masks.numpy()[rows]
    return np.stack([maps[rows].mean(0), levels.mean(0) / 255, masks.mean(0)]).astype(np.float32)


def as_levels(maps: np.ndarray) -> np.ndarray:
    """Non-negative maps [n, height, width] as uint8, each scaled so that its largest value is 255; one without any
    stays 0.
    """
    largest = maps.max(axis=(1, 2), keepdims=True)
    scaled = np.divide(maps, largest, out=np.zeros(maps.shape), where=largest > 0)
    return np.asarray(np.rint(255 * scaled), np.uint8)


def block_means(values: np.ndarray, side: int) -> np.ndarray:
    """Images or maps [n, height, width] made smaller, as the means of square blocks, until none has a longer side than
    so many pixels; at the right and the lower border a block is what is left of one. Smaller ones stay as they are.
    """
    block = -(-max(values.shape[1:]) // side)
    starts = [np.arange(0, length, block) for length in values.shape[1:]]
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), starts[0], axis=1), starts[1], axis=2)
    rows, columns = (np.diff(edges, append=length) for edges, length in zip(starts, values.shape[1:], strict=True))
    means: np.ndarray = sums / np.outer(rows, columns)
    return means
