"""Images decoded once into one array per source."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.picture import to_square
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.data.sources.folder import Source
from red_herring.files import StudyError

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


def prepared(source, folder, size=8, max_unreadable=0.0, processes=1):
    return prepare(source, source.index(), size, max_unreadable, folder / "i.npy", folder / "m.npy", processes)


@pytest.mark.parametrize("processes", [1, 3])
def test_rows_are_in_the_order_of_the_index(folder, tmp_path, processes):
    done = prepared(folder, tmp_path, processes=processes)
    stored = np.load(tmp_path / "i.npy", mmap_mode="r")
    assert done.quarantine.empty
    assert (stored.dtype, stored.shape) == (np.uint8, (10, 8, 8))
    np.testing.assert_array_equal(stored.reshape(10, -1).max(1), 10 * np.arange(10))
    np.testing.assert_array_equal(stored.reshape(10, -1).min(1), 10 * np.arange(10))
    assert np.load(tmp_path / "m.npy").shape == (0, 8, 8)
    assert done.table["width"].tolist() == list(range(12, 22))
    assert set(done.table["height"]) == {12}
    np.testing.assert_array_equal(done.histogram, np.bincount(stored.ravel(), minlength=256))


def test_the_unreadable_are_named_and_the_others_kept(folder, tmp_path):
    (tmp_path / "images" / "3.png").write_bytes(b"")
    (tmp_path / "images" / "7.png").unlink()
    quarantine = prepared(folder, tmp_path, max_unreadable=0.2, processes=2).quarantine.set_index("image")["reason"]
    assert set(quarantine.index) == {"3.png", "7.png"}
    assert "empty" in quarantine["3.png"]
    assert "no such file" in quarantine["7.png"]
    assert np.load(tmp_path / "i.npy")[8].max() == 80


def test_one_picture_of_two_patients_is_kept_once(folder, tmp_path):
    """The same picture must not train under one name and test under another; twice in one patient it does no harm."""
    for copy in ("5.png", "8.png"):
        (tmp_path / "images" / copy).write_bytes((tmp_path / "images" / "2.png").read_bytes())
    folder.csvpath = tmp_path / "same.csv"
    table = pd.read_csv(tmp_path / "table.csv")
    table.assign(patient=table["patient"].replace(5, 2)).to_csv(folder.csvpath, index=False)
    done = prepared(folder, tmp_path, max_unreadable=0.1)
    assert done.quarantine.to_numpy().tolist() == [["8.png", "the same picture as 2.png, of another patient"]]
    stored = np.load(tmp_path / "i.npy")
    assert stored[5].max() == 20
    assert stored[8].max() == 0
    assert done.histogram.sum() == 9 * 64
    with pytest.raises(StudyError, match=r"1 of 10 images cannot be used.*8\.png: the same picture as 2\.png"):
        prepared(folder, tmp_path)


def test_images_in_place_are_only_read(folder, tmp_path):
    images = tmp_path / "images"

    def state():
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in images.iterdir()}

    before = state()
    images.chmod(0o555)
    prepared(folder, tmp_path, processes=2)
    images.chmod(0o755)
    assert state() == before


def test_masks_take_the_geometry_of_their_images(tmp_path):
    """A tall and a wide image with a bright square: after crop and scaling the mask is still where the square is."""
    rows = []
    for name, (height, width) in {"tall": (90, 40), "wide": (40, 100), "even": (64, 64)}.items():
        pixels, mask = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        part = np.s_[height // 2 - 8 : height // 2 + 8, width // 2 - 4 : width // 2 + 8]
        pixels[part], mask[part] = 100 + height, 255
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        Image.fromarray(mask).save(tmp_path / f"{name}_mask.png")
        rows.append({"file": f"{name}.png", "label": "a", "view": "b", "patient": name, "mask": f"{name}_mask.png"})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    source = Source(str(tmp_path), str(tmp_path / "table.csv"), COLUMNS | {"mask": "mask"})
    prepared(source, tmp_path, size=32)
    images, masks = np.load(tmp_path / "i.npy"), np.load(tmp_path / "m.npy")
    for image, mask in zip(images, masks, strict=True):
        np.testing.assert_array_equal(mask, image > image.max() / 2)
    assert (masks.sum(axis=(1, 2)) > 40).all()


def test_crosses_are_stored_as_they_are(tmp_path):
    source = open_source("crosses", {"images_per_cell": 4, "seed": 0})
    prepared(source, tmp_path, size=28)
    picture, mask = source.read(source.index()["image"][5])
    np.testing.assert_array_equal(np.load(tmp_path / "i.npy")[5], picture.grey())
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy")[5], mask)


def test_real_images_are_the_same_from_one_process_or_two(real_images, tmp_path):
    table = real_images / "nih_chestxray14" / "Data_Entry_2017_v2020.csv"
    columns = {"file": "Image Index", "label": "Finding Labels", "group": "View Position", "patient": "Patient ID"}
    source = Source(str(real_images / "nih_chestxray14" / "images"), str(table), columns)
    arrays = []
    for processes in (1, 2):
        index = source.index().head(60)
        prepare(source, index, 64, 0, tmp_path / "i.npy", tmp_path / "m.npy", processes)
        arrays.append(np.load(tmp_path / "i.npy"))
    np.testing.assert_array_equal(*arrays)
    pixels = source.read(index["image"].iloc[-1])[0].grey()
    np.testing.assert_array_equal(arrays[0][-1], np.rint(to_square(pixels, 64)))
