"""Decode, crop and resize the images of a source once, and keep them as one uint8 array."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from red_herring.data.images import UnreadableImage, to_square
from red_herring.data.sources.base import Source
from red_herring.files import StudyError, replacing

log = logging.getLogger(__name__)


def prepare(
    source: Source,
    images: Sequence[str],
    size: int,
    max_unreadable: float,
    images_path: Path,
    masks_path: Path,
    threads: int = 1,
) -> dict[str, str]:
    """Write `images_path`, uint8 [count, size, size], and `masks_path`, uint8 0/1 of that shape.

    Row i belongs to the i-th of `images`. A source without masks of its own gets a `masks_path` with no rows. The rows
    of unreadable images are zero; returned is image -> reason for each of them. Memory is bounded by a few images.
    Raises StudyError, and writes nothing, when more than the share `max_unreadable` is unreadable.
    """
    count = len(images)

    def decode(image: str) -> tuple[np.ndarray, np.ndarray | None] | UnreadableImage:
        try:
            pixels, mask = source.read(image)
        except UnreadableImage as error:
            return error
        levels = np.rint(to_square(pixels, size)).clip(0, 255).astype(np.uint8)
        return levels, None if mask is None else (to_square(mask.astype(np.float32), size) >= 0.5).astype(np.uint8)

    quarantine = {}
    with (
        replacing(images_path) as images_file,
        replacing(masks_path) as masks_file,
        ThreadPoolExecutor(threads) as pool,
    ):
        stored = _open(images_file, (count, size, size))
        masks = _open(masks_file, (count if source.has_masks else 0, size, size))
        names = iter(images)
        progress = tqdm(total=count, unit="image", disable=not sys.stderr.isatty())
        for row, (image, result) in enumerate(_in_order(pool, decode, names, ahead=8 * threads)):
            progress.update()
            if isinstance(result, UnreadableImage):
                quarantine[image] = str(result)
                log.warning("%s: %s", image, result)
                continue
            stored[row] = result[0]
            if source.has_masks and result[1] is not None:
                masks[row] = result[1]
        progress.close()
        if len(quarantine) > max_unreadable * count:
            examples = "; ".join(f"{image}: {reason}" for image, reason in list(quarantine.items())[:3])
            raise StudyError(
                f"{len(quarantine)} of {count} images cannot be used, more than max_unreadable = {max_unreadable} "
                f"allows ({examples}; the log names all)"
            )
        stored.flush()
        if source.has_masks:
            masks.flush()
    return quarantine


def _open(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    if shape[0] == 0:
        empty = np.zeros(shape, np.uint8)
        np.save(path, empty)
        return empty
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with open(path, "rb+") as file:  # ask for the space now: a full disk later would kill the process without a word
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return stored


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[str], Any], names: Iterator[str], ahead: int
) -> Iterator[tuple]:
    """(name, work(name)) in order, with at most `ahead` results waiting."""
    waiting = [(name, pool.submit(work, name)) for name in islice(names, ahead)]
    while waiting:
        name, future = waiting.pop(0)
        yield name, future.result()
        waiting.extend((name, pool.submit(work, name)) for name in islice(names, 1))
