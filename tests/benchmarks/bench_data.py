"""How well preparing images uses the cores, and what preparing them once saves.

RED_HERRING_IMAGES names the folder of the images, of which it takes those of nih_chestxray14. Without it images are made,
so that this runs anywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.measuring import side_by_side
from conftest import REAL_IMAGES
from PIL import Image
from red_herring.data.picture import to_square
from red_herring.data.prepare import prepare
from red_herring.data.sources.folder import Source
from scipy.ndimage import gaussian_filter

SIZE = 224
BATCH = 16
PROCESSES = 2
TIMES = 4
"""How often the files are prepared in one go."""

MADE, MADE_SIZE = 200, 256


def made_images(folder: Path) -> Path:
    """Smooth noise, which as PNG files takes about as much as X-rays."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(MADE):
        noise = gaussian_filter(random.normal(size=(MADE_SIZE, MADE_SIZE)), 4)
        levels = (noise - noise.min()) / np.ptp(noise) * 255
        Image.fromarray(levels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> tuple[str, Source, list[str]]:
    """What to call the images, a source of them, and their names."""
    scratch = tmp_path_factory.mktemp("images")
    given = REAL_IMAGES / "nih_chestxray14" / "images"
    there = given.is_dir()
    folder = given if there else made_images(scratch / "made")
    files = sorted(path.name for path in folder.iterdir())
    table = pd.DataFrame({"file": files, "label": "", "group": "", "patient": "one"})
    table.to_csv(scratch / "table.csv", index=False)
    columns = {name: name for name in table}
    called = f"{len(files)} {'of NIH' if there else 'made'}"
    return called, Source(str(folder), str(scratch / "table.csv"), columns), files


def test_preparing(benchmark, images, tmp_path):
    called, source, files = images
    index = pd.DataFrame({"image": files * TIMES, "patient": "one"})

    def preparing(processes: int):
        return lambda: prepare(source, index, SIZE, 0, tmp_path / "images.npy", tmp_path / "masks.npy", processes)

    one, many = "1 process", f"{PROCESSES} processes"
    row = side_by_side(
        benchmark, f"Preparing images, to {SIZE} pixels", {"images": f"{called}, {TIMES} times"},
        {one: preparing(1), many: preparing(PROCESSES)},
    )  # fmt: skip
    efficiency = min(row["seconds"][one]) / min(row["seconds"][many]) / PROCESSES
    row["more"]["parallel efficiency"] = f"{efficiency:.0%}"


def test_epoch(benchmark, images, tmp_path):
    called, source, files = images
    prepare(
        source,
        pd.DataFrame({"image": files, "patient": "one"}),
        SIZE,
        0,
        tmp_path / "images.npy",
        tmp_path / "masks.npy",
    )
    order = np.random.default_rng(0).permutation(len(files))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

    def decoding() -> None:
        for rows in batches:
            np.stack([np.rint(to_square(source.read(files[row])[0].grey(), SIZE)).astype(np.uint8) for row in rows])

    def reading() -> None:
        stored = np.load(tmp_path / "images.npy", mmap_mode="r")
        for rows in batches:
            stored[rows]

    side_by_side(
        benchmark, f"Reading an epoch of images of {SIZE} pixels", {"images": called},
        {"decoded from files": decoding, "from the prepared array": reading},
    )  # fmt: skip
