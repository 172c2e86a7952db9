"""Decode, crop and resize the images of a source once, and keep them as one uint8 array."""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from red_herring.data.arrays import allocate
from red_herring.data.intensity import measures_of, warnings_of
from red_herring.data.picture import UnreadableImage, bits_used, to_square
from red_herring.data.sources.base import Source
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError, replacing

CHUNK = 16
"""Images that a process takes at a time: enough that handing them out costs nothing, few enough to share the end."""

COLUMNS = [
    "image", "height", "width", "format", "highest", "white", "mean", "low", "high", "dark", "top", "levels", "inside",
    "digest",
]  # fmt: skip
"""Of the table that says what decoding made of each image; then comes the reason."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """table: one row per image: image, height and width before cropping (0 where unreadable), format (of the file),
    highest (stored value), white (the stored value that is level 255), the measures of `intensity.measures_of`, inside
    (share of its stored mask, missing for none), digest of the stored picture in hexadecimal, reason
    (empty where it can be used).
    histogram: int64 [256], the pixels of each level over all stored images.
    """

    table: pd.DataFrame
    histogram: np.ndarray

    @property
    def quarantine(self) -> pd.DataFrame:
        """image and reason of those that cannot be used."""
        return self.table.loc[self.table["reason"] != "", ["image", "reason"]]

    @property
    def formats(self) -> dict[str, dict[str, int]]:
        """Format of file -> images, the highest stored value, and white, the value that is level 255."""
        usable = self.table[self.table["reason"] == ""]
        columns = {"images": ("image", "size"), "highest": ("highest", "max"), "white": ("white", "max")}
        found: dict[str, dict[str, int]] = usable.groupby("format").agg(**columns).astype(int).to_dict("index")
        return found


@dataclass(frozen=True)
class _Decoded:
    """What is to be said of an image that is stored; inside: the share of its mask, None where it has none."""

    row: int
    shape: tuple[int, int]
    format: str
    highest: int
    white: int
    measures: dict[str, float]
    inside: float | None
    digest: bytes


@dataclass(frozen=True)
class _Job:
    """What every process needs; it reaches them by fork, so that nothing of it is copied or loaded again.

    whites: format of file -> the stored value that is white, where it is not the highest that the format can store.
    """

    source: Source
    images: Sequence[str]
    size: int
    images_file: Path
    masks_file: Path
    whites: dict[str, int]


_job: _Job
_stored: np.ndarray
_masks: np.ndarray | None
"""What is open in a process that decodes, see `_start`."""


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

    Row i belongs to row i of `index`, which has the columns image, patient and group. A source without masks of its own
    gets a `masks_path` with no rows. The rows of images that cannot be used are zero: unreadable ones, and those whose
    picture came before under the name of another patient, as the same picture must not train and test. Each process
    writes its own rows, so memory is bounded by an image per process.

    Files of more than 8 bits are scaled by the bits that all files of their format in this source use, not by those of
    each, which would make a dark image bright. That is known only when all have been read, so where the bits used are
    fewer than the format has, they are read again.
    Raises StudyError, and writes nothing, when more than the share `max_unreadable` cannot be used.
    """
    images, count = index["image"].tolist(), len(index)
    decoded: dict[int, _Decoded] = {}
    reasons = [""] * count

    def set_aside(row: int, reason: str) -> None:
        reasons[row] = reason
        log.warning("%s: %s", images[row], reason)

    def decode(rows: Sequence[int], whites: dict[str, int]) -> None:
        job = _Job(source, images, size, images_file, masks_file, whites)
        progress = tqdm(total=len(rows), unit="image", disable=not sys.stderr.isatty())
        for result in _decode_all(job, rows, processes):
            progress.update()
            if isinstance(result, _Decoded):
                decoded[result.row] = result
            else:
                set_aside(*result)
                if decoded.pop(result[0], None):  # read once, but not again
                    _erase(result[0], images_file, masks_file)
        progress.close()

    with replacing(images_path) as images_file, replacing(masks_path) as masks_file:
        allocate(images_file, (count, size, size))
        allocate(masks_file, (count if source.has_masks else 0, size, size))
        decode(range(count), {})
        if whites := _whites(decoded.values()):
            decode([row for row, result in decoded.items() if result.format in whites], whites)
        for row, first in _of_another_patient(decoded, index["patient"].tolist()):
            set_aside(row, f"the same picture as {images[first]}, of another patient")
            _erase(row, images_file, masks_file)
        usable = [row for row in range(count) if not reasons[row]]
        prepared = Prepared(_table(images, decoded, reasons), _histogram(images_file, usable))
        _check_share(prepared.quarantine, count, max_unreadable)
    for sentence in (*warnings_of(index, prepared.table), *_of_masks(prepared.table)):
        log.warning("%s", sentence)
    return prepared


def _whites(decoded: Iterable[_Decoded]) -> dict[str, int]:
    """Format of file -> the stored value that is white, where fewer bits are used than it has; says so in the log."""
    highest: dict[str, int] = {}
    stored: dict[str, int] = {}
    for result in decoded:
        highest[result.format] = max(highest.get(result.format, 0), result.highest)
        stored[result.format] = result.white
    whites = {}
    for kind in sorted(kind for kind, white in stored.items() if white > 255):
        bits = bits_used(highest[kind])
        if 2**bits - 1 < stored[kind]:
            whites[kind] = 2**bits - 1
            log.info("%s: the highest value is %d, so %d bits are in use: reading again", kind, highest[kind], bits)
    return whites


def _table(images: Sequence[str], decoded: dict[int, _Decoded], reasons: list[str]) -> pd.DataFrame:
    rows = []
    for row, image in enumerate(images):
        one = decoded.get(row)
        if one is None:
            rows.append({"image": image, "height": 0, "width": 0, "format": "", "digest": ""})
            continue
        digest = one.digest.hex()
        numbers = {"highest": one.highest, "white": one.white, **one.measures, "inside": one.inside}
        height, width = one.shape
        rows.append(
            {"image": image, "height": height, "width": width, "format": one.format, "digest": digest} | numbers
        )
    table = pd.DataFrame(rows, columns=COLUMNS).assign(reason=reasons)
    return table.astype(dict.fromkeys(("highest", "white", "low", "high", "top", "levels"), "Int64"))


def _histogram(images_file: Path, rows: Sequence[int]) -> np.ndarray:
    """The pixels of each level in some rows."""
    stored = np.load(images_file, mmap_mode="r")
    return sum((np.bincount(stored[row].ravel(), minlength=256) for row in rows), np.zeros(256, np.int64))


def _of_masks(table: pd.DataFrame) -> Iterator[str]:
    usable = table[table["reason"] == ""]
    for share, words in ((0, "nothing inside"), (1, "everything inside, so that they guide nothing")):
        found = usable.loc[usable["inside"] == share, "image"]
        if len(found):
            yield f"masks with {words}, as they are stored: {len(found)}, such as that of {found.iloc[0]}"


def _decode_all(job: _Job, rows: Sequence[int], processes: int) -> Iterator[_Decoded | tuple[int, str]]:
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
        picture, mask = _job.source.read(image)
    except UnreadableImage as error:
        return row, str(error)
    except Exception as error:
        raise StudyError(f"{image}: reading it failed: {type(error).__name__}: {error}") from error
    white = _job.whites.get(picture.format, picture.white)
    levels = np.rint(to_square(picture.grey(white), _job.size)).clip(0, 255).astype(np.uint8)
    _stored[row] = levels
    inside = None
    if _masks is not None and mask is not None:
        _masks[row] = to_square(mask.astype(np.float32), _job.size) >= 0.5
        inside = float(_masks[row].mean())
    measures = measures_of(np.bincount(levels.ravel(), minlength=256))
    digest = hashlib.blake2b(levels.tobytes(), digest_size=16).digest()
    return _Decoded(row, picture.shape, picture.format, picture.highest, white, measures, inside, digest)


def _of_another_patient(decoded: dict[int, _Decoded], patients: Sequence[str]) -> list[tuple[int, int]]:
    """(row, first row of the same picture) of every picture that came before under another patient's name."""
    first: dict[bytes, int] = {}
    found = []
    for row in sorted(decoded):
        digest = decoded[row].digest
        if patients[first.setdefault(digest, row)] != patients[row]:
            found.append((row, first[digest]))
    return found


def _erase(row: int, images_file: Path, masks_file: Path) -> None:
    """Set the image and mask of a row to zero."""
    for file in (images_file, masks_file):
        array = np.load(file, mmap_mode="r+")
        array[row : row + 1] = 0  # there may be no masks


def _check_share(quarantine: pd.DataFrame, count: int, max_unreadable: float) -> None:
    if len(quarantine) > max_unreadable * count:
        examples = "; ".join(f"{row.image}: {row.reason}" for row in quarantine.head(3).itertuples())
        raise StudyError(
            f"{len(quarantine)} of {count} images cannot be used, more than max_unreadable = {max_unreadable} "
            f"allows ({examples}; the log names all)"
        )
