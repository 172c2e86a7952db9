"""Arrays on disk that are filled bit by bit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike


def allocate(path: Path, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> None:
    """An NPY file of zeros, to be opened with mmap_mode "r+"; OSError where there is no space for it."""
    if shape[0] == 0:
        np.save(path, np.zeros(shape, dtype))
        return
    np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()
    with open(path, "rb+") as file:  # ask for the space now: a full disk later would kill the process without a word
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
