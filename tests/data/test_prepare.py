"""Images decoded once into one array per source."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.data.sources.folder import Source

COLUMNS = {"file": "file", "label": "label", "group": "view", "patient": "patient"}


@pytest.fixture
def folder(tmp_path):
    """A folder source of ten images whose level is ten times their number; some may be spoilt."""
    (tmp_path / "images").mkdir()
    for number in range(10):
        Image.new("L", (12 + number, 12), 10 * number).save(tmp_path / "images" / f"{number}.png")
    rows = [{"file": f"{n}.png", "label": "ill", "view": "PA", "patient": n} for n in range(10)]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    return Source(str(tmp_path / "images"), str(tmp_path / "table.csv"), COLUMNS)


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_are_in_the_order_of_the_index(folder, tmp_path, threads):
    names = folder.index()["image"]
    quarantine = prepare(folder, names, 8, 0, tmp_path / "i.npy", tmp_path / "m.npy", threads)
    stored = np.load(tmp_path / "i.npy", mmap_mode="r")
    assert quarantine == {}
    assert (stored.dtype, stored.shape) == (np.uint8, (10, 8, 8))
    np.testing.assert_array_equal(stored.reshape(10, -1).max(1), 10 * np.arange(10))
    np.testing.assert_array_equal(stored.reshape(10, -1).min(1), 10 * np.arange(10))
    assert np.load(tmp_path / "m.npy").shape == (0, 8, 8)


def test_the_unreadable_are_named_and_the_others_kept(folder, tmp_path):
    (tmp_path / "images" / "3.png").write_bytes(b"")
    (tmp_path / "images" / "7.png").unlink()
    quarantine = prepare(folder, folder.index()["image"], 8, 0.2, tmp_path / "i.npy", tmp_path / "m.npy")
    assert set(quarantine) == {"3.png", "7.png"}
    assert "empty" in quarantine["3.png"]
    assert "no such file" in quarantine["7.png"]
    assert np.load(tmp_path / "i.npy")[8].max() == 80


def test_crosses_are_stored_as_they_are(tmp_path):
    source = open_source("crosses", {"images_per_cell": 4, "seed": 0})
    names = source.index()["image"]
    prepare(source, names, 28, 0, tmp_path / "i.npy", tmp_path / "m.npy")
    pixels, mask = source.read(names[5])
    np.testing.assert_array_equal(np.load(tmp_path / "i.npy")[5], pixels)
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy")[5], mask)
