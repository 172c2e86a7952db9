"""Decode, crop and resize the images of a source once, and keep them as one uint8 array."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from red_herring import interrupt
from red_herring.data.images import UnreadableImage, to_square
from red_herring.data.sources.base import Source
from red_herring.files import StudyError, replacing

CHUNK = 16
"""Images that a process takes at a time: enough that handing them out costs nothing, few enough to share the end."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """table: one row per image: image, height and width before cropping (0 where unreadable), digest of the stored
    picture in hexadecimal (empty where the same picture may come twice), reason (empty where it can be used).
    histogram: int64 [256], the pixels of each level over all stored images.
    """

    table: pd.DataFrame
    histogram: np.ndarray

    @property
    def quarantine(self) -> pd.DataFrame:
        """image and reason of those that cannot be used."""
        return self.table.loc[self.table["reason"] != "", ["image", "reason"]]


@dataclass(frozen=True)
class _Decoded:
    row: int
    shape: tuple[int, int]
    digest: bytes
    histogram: np.ndarray


@dataclass(frozen=True)
class _Job:
    """What every process needs; it reaches them by fork, so that nothing of it is copied or loaded again."""

    source: Source
    images: Sequence[str]
    size: int
    images_file: Path
    masks_file: Path


def prepare(
    source: Source,
    index: pd.DataFrame,
    size: int,
    max_unreadable: float,
    images_path: Path,
    masks_path: Path,
    processes: int = 1,
) -> Prepared:
    """Write `images_path`, uint8 [count, size, size], and `masks_path`, uint8 0/1 of that shape.

    Row i belongs to row i of `index`, which has the columns image and patient. A source without masks of its own gets a
    `masks_path` with no rows. The rows of images that cannot be used are zero: unreadable ones, and those whose picture
    came before under the name of another patient, as the same picture must not train and test. Each process writes its
    own rows, so memory is bounded by an image per process.
    Raises StudyError, and writes nothing, when more than the share `max_unreadable` cannot be used.
    """
    images, count = index["image"].tolist(), len(index)
    shapes, reasons = [(0, 0)] * count, [""] * count
    digests: list[bytes | None] = [None] * count
    histogram = np.zeros(256, np.int64)

    def set_aside(row: int, reason: str) -> None:
        reasons[row] = reason
        log.warning("%s: %s", images[row], reason)

    with replacing(images_path) as images_file, replacing(masks_path) as masks_file:
        _allocate(images_file, (count, size, size))
        _allocate(masks_file, (count if source.has_masks else 0, size, size))
        job = _Job(source, images, size, images_file, masks_file)
        progress = tqdm(total=count, unit="image", disable=not sys.stderr.isatty())
        for result in _decode_all(job, processes):
            progress.update()
            if isinstance(result, _Decoded):
                shapes[result.row], digests[result.row] = result.shape, result.digest
                histogram += result.histogram
            else:
                set_aside(*result)
        progress.close()
        if source.one_picture_one_patient:
            for row, first in _of_another_patient(digests, index["patient"].tolist()):
                set_aside(row, f"the same picture as {images[first]}, of another patient")
                histogram -= _erase(row, images_file, masks_file)
        heights, widths = zip(*shapes, strict=True)
        shown = [digest.hex() if digest and source.one_picture_one_patient else "" for digest in digests]
        columns = {"image": images, "height": heights, "width": widths, "digest": shown, "reason": reasons}
        table = pd.DataFrame(columns)
        prepared = Prepared(table, histogram)
        _check_share(prepared.quarantine, count, max_unreadable)
    return prepared


def _decode_all(job: _Job, processes: int) -> Iterator[_Decoded | tuple[int, str]]:
    rows = range(len(job.images))
    if processes == 1:
        _start(job)
        yield from map(_decode, rows)
        return
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(processes, context, initializer=_start_process, initargs=(job, os.getpid()))
    try:
        with interrupt.whole():  # a process that is half started would never be ended
            results = pool.map(_decode, rows, chunksize=CHUNK)
        yield from results
    except BrokenProcessPool as error:
        raise StudyError(
            "a process that decodes images was killed, perhaps for want of memory; run again with fewer threads"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)  # of what is left when this process is told to stop


def _start_process(job: _Job, parent: int) -> None:
    """End with the process that gives the work, also when that is killed, and not before it."""
    interrupt.end_with(parent)
    interrupt.deafen()  # they reach the other process too
    _start(job)


def _start(job: _Job) -> None:
    """Open the arrays in this process."""
    global _job, _stored, _masks
    _job = job
    _stored = np.load(job.images_file, mmap_mode="r+")
    _masks = np.load(job.masks_file, mmap_mode="r+") if job.source.has_masks else None


def _decode(row: int) -> _Decoded | tuple[int, str]:
    """Store the image of a row, and its mask; why, where it cannot be."""
    image = _job.images[row]
    try:
        pixels, mask = _job.source.read(image)
    except UnreadableImage as error:
        return row, str(error)
    except Exception as error:
        raise StudyError(f"{image}: reading it failed: {type(error).__name__}: {error}") from error
    levels = np.rint(to_square(pixels, _job.size)).clip(0, 255).astype(np.uint8)
    _stored[row] = levels
    if _masks is not None and mask is not None:
        _masks[row] = to_square(mask.astype(np.float32), _job.size) >= 0.5
    digest = hashlib.blake2b(levels.tobytes(), digest_size=16).digest()
    return _Decoded(row, pixels.shape, digest, np.bincount(levels.ravel(), minlength=256))


def _of_another_patient(digests: Sequence[bytes | None], patients: Sequence[str]) -> list[tuple[int, int]]:
    """(row, first row of the same picture) of every picture that came before under another patient's name."""
    first: dict[bytes, int] = {}
    found = []
    for row, digest in enumerate(digests):
        if digest is not None and patients[first.setdefault(digest, row)] != patients[row]:
            found.append((row, first[digest]))
    return found


def _erase(row: int, images_file: Path, masks_file: Path) -> np.ndarray:
    """Set the image and mask of a row to zero; returns the histogram that it had."""
    stored, masks = (np.load(file, mmap_mode="r+") for file in (images_file, masks_file))
    histogram = np.bincount(stored[row].ravel(), minlength=256)
    stored[row] = 0
    if len(masks):
        masks[row] = 0
    return histogram


def _check_share(quarantine: pd.DataFrame, count: int, max_unreadable: float) -> None:
    if len(quarantine) > max_unreadable * count:
        examples = "; ".join(f"{row.image}: {row.reason}" for row in quarantine.head(3).itertuples())
        raise StudyError(
            f"{len(quarantine)} of {count} images cannot be used, more than max_unreadable = {max_unreadable} "
            f"allows ({examples}; the log names all)"
        )


def _allocate(path: Path, shape: tuple[int, int, int]) -> None:
    if shape[0] == 0:
        np.save(path, np.zeros(shape, np.uint8))
        return
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    with open(path, "rb+") as file:  # ask for the space now: a full disk later would kill the process without a word
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
