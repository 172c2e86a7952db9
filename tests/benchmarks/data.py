"""How well preparing images uses the cores, and what preparing them once saves. Run it with `make bench`.

Both are ratios of times taken in turn on the same machine, the best of several, as other work can only add to a time.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from red_herring.data.images import to_square
from red_herring.data.prepare import prepare
from red_herring.data.sources.folder import Source

SIZE = 224
BATCH = 16


def best(repeats: int, *work: Callable[[], object]) -> list[float]:
    """The shortest time of each piece of work in seconds, all of them taken in turn."""
    times = [[] for _ in work]
    for _ in range(repeats):
        for piece, taken in zip(work, times, strict=True):
            start = time.perf_counter()
            piece()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def folder_source(images: Path, table: Path) -> Source:
    files = sorted(path.name for path in images.iterdir())
    pd.DataFrame({"file": files, "label": "", "group": "", "patient": "one"}).to_csv(table, index=False)
    return Source(str(images), str(table), {"file": "file", "label": "label", "group": "group", "patient": "patient"})


def main(images: Path, processes: int, rounds: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = folder_source(images, folder / "table.csv")
        files = pd.read_csv(folder / "table.csv")["file"].tolist()
        index = pd.DataFrame({"image": files * rounds, "patient": "one"})

        def preparing(workers: int) -> Callable[[], object]:
            return lambda: prepare(source, index, SIZE, 0, folder / "images.npy", folder / "masks.npy", workers)

        one, many = best(repeats, preparing(1), preparing(processes))
        print(f"{platform.processor() or platform.machine()}, {len(files)} files of {images.name}, to {SIZE} pixels")
        print(f"prepare {len(index)} images, 1 process      {one:8.2f} s")
        print(f"prepare {len(index)} images, {processes} processes    {many:8.2f} s")
        print(f"parallel efficiency                   {one / many / processes:8.1%}")

        order = np.random.default_rng(0).permutation(len(files))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

        def decoding() -> None:
            for rows in batches:
                np.stack([np.rint(to_square(source.read(files[row])[0], SIZE)).astype(np.uint8) for row in rows])

        def reading() -> None:
            stored = np.load(folder / "images.npy", mmap_mode="r")
            for rows in batches:
                stored[rows]

        decoded, read = best(repeats, decoding, reading)
        print(f"an epoch of {len(files)} images, decoded    {decoded:8.3f} s")
        print(f"the same from the prepared array      {read:8.3f} s")
        print(f"times faster                          {decoded / read:8.0f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("images", type=Path, help="folder of image files, none of them broken")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--rounds", type=int, default=4, help="how often the files are prepared in one go")
    arguments.add_argument("--repeats", type=int, default=5)
    main(**vars(arguments.parse_args()))
