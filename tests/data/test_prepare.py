"""Images decoded once into one array per source."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.data.picture import to_square
from red_herring.data.prepare import prepare
from red_herring.data.sources import open_source
from red_herring.data.sources.folder import Source
from red_herring.runtime.files import StudyError

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


def split_by_scanner(tmp_path, pictures):
    """A folder source of (name, group, uint8 or uint16 pixels), each of a patient of its own."""
    rows = []
    for name, group, pixels in pictures:
        Image.fromarray(pixels).save(tmp_path / name)
        rows.append({"file": name, "label": "ill", "view": group, "patient": name})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    return Source(str(tmp_path), str(tmp_path / "table.csv"), COLUMNS)


def noise(count, highest=255):
    """uint8 [count, 12, 12]; one pixel of all is `highest`."""
    levels = np.random.default_rng(0).integers(0, highest, (count, 12, 12)).astype(np.uint8)
    levels[0, 0, 0] = highest
    return levels


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("processes", [1, 2])
def test_the_bits_in_use_of_16_are_those_of_all_files_of_a_format(tmp_path, bits, processes, caplog):
    """The same pictures with 8 bits in one group, and with some of 16 in the other, are stored alike."""
    levels = noise(40)
    white = 2**bits - 1
    deep = np.rint(levels[20:] * (white / 255)).astype(np.uint16)
    deep[0, 0, 0] = white
    pictures = [(f"a{n}.png", "A", pixels) for n, pixels in enumerate(levels[:20])]
    source = split_by_scanner(tmp_path, [*pictures, *((f"b{n}.png", "B", pixels) for n, pixels in enumerate(deep))])
    with caplog.at_level("INFO"):
        done = prepared(source, tmp_path, size=12, processes=processes)
    stored = np.load(tmp_path / "i.npy")
    levels[20, 0, 0] = 255
    assert np.abs(stored.astype(int) - levels).max() <= (1 if bits == 10 else 0)
    np.testing.assert_array_equal(done.histogram, np.bincount(stored.ravel(), minlength=256))
    assert done.formats == {
        "PNG, 16-bit": {"images": 20, "highest": white, "white": white},
        "PNG, 8-bit": {"images": 20, "highest": 255, "white": 255},
    }
    assert done.table["white"].tolist() == [255] * 20 + [white] * 20
    assert (f"so {bits} bits are in use" in caplog.text) == (bits < 16)
    assert "intensity alone" not in caplog.text
    assert "the kind of file alone tells group A from B" in caplog.text


def test_a_dark_image_stays_dark_beside_others_of_its_format(tmp_path):
    """What a scale of each image's own would undo."""
    dark, bright = np.full((12, 12), 100, np.uint16), np.full((12, 12), 4095, np.uint16)
    prepared(split_by_scanner(tmp_path, [("a.png", "A", dark), ("b.png", "A", bright)]), tmp_path, size=12)
    assert np.load(tmp_path / "i.npy").reshape(2, -1).max(1).tolist() == [6, 255]


def test_a_file_that_vanishes_before_it_is_read_again_is_set_aside_whole(tmp_path, monkeypatch):
    pixels = np.full((12, 12), 4095, np.uint16)
    source = split_by_scanner(tmp_path, [("a.png", "A", pixels), ("b.png", "A", pixels // 2)])
    read = source.read
    calls = []

    def once(image):
        calls.append(image)
        if calls.count("b.png") == 2:
            (tmp_path / "b.png").unlink()
        return read(image)

    monkeypatch.setattr(source, "read", once)
    done = prepared(source, tmp_path, max_unreadable=0.5)
    assert done.quarantine.to_numpy().tolist() == [["b.png", "there is no such file"]]
    assert np.load(tmp_path / "i.npy").reshape(2, -1).max(1).tolist() == [255, 0]
    assert done.table["height"].tolist() == [12, 0]


def test_a_source_of_which_nothing_can_be_read_has_a_table_of_reasons(folder, tmp_path):
    for file in (tmp_path / "images").iterdir():
        file.write_bytes(b"")
    done = prepared(folder, tmp_path, max_unreadable=1)
    assert len(done.quarantine) == 10
    assert done.formats == {}
    assert done.histogram.sum() == 0


def test_pictures_that_differ_in_16_bits_only_are_not_the_same(tmp_path):
    """Divided by 257 both would be black."""
    one, two = np.full((12, 12), 16, np.uint16), np.full((12, 12), 255, np.uint16)
    assert prepared(split_by_scanner(tmp_path, [("a.png", "A", one), ("b.png", "A", two)]), tmp_path).quarantine.empty


def test_8_bits_and_full_16_bits_are_stored_as_ever(tmp_path):
    """By the formula of old, to the byte: levels as they are, or divided by 257, then resized and rounded."""
    eight = np.random.default_rng(1).integers(0, 256, (31, 45)).astype(np.uint8)
    sixteen = np.random.default_rng(2).integers(0, 65536, (45, 31)).astype(np.uint16)
    sixteen[22, 15] = 65535
    prepared(split_by_scanner(tmp_path, [("a.png", "A", eight), ("b.png", "A", sixteen)]), tmp_path, size=20)
    expected = [eight.astype(np.float32), sixteen.astype(np.float32) / 257]
    expected = [np.rint(to_square(pixels, 20)).clip(0, 255).astype(np.uint8) for pixels in expected]
    np.testing.assert_array_equal(np.load(tmp_path / "i.npy"), expected)


def test_a_group_that_intensity_tells_apart_is_named(tmp_path, caplog):
    levels = noise(24, 200)
    levels[12:] //= 4
    groups = ["A"] * 12 + ["B"] * 12
    prepared(split_by_scanner(tmp_path, [(f"{n}.png", groups[n], levels[n]) for n in range(24)]), tmp_path)
    assert "intensity alone tells group A from B: the mean level of an image has an AUC of 1.00" in caplog.text


def test_empty_and_full_masks_are_counted(tmp_path, caplog):
    rows = []
    for name, inside in {"empty": np.s_[:0], "full": np.s_[:], "half": np.s_[:6], "beyond": np.s_[:, :2]}.items():
        Image.fromarray(np.full((12, 30), len(rows), np.uint8)).save(tmp_path / f"{name}.png")
        mask = np.zeros((12, 30), bool)
        mask[inside] = True
        Image.fromarray(mask).save(tmp_path / f"{name}_mask.png")
        rows.append({"file": f"{name}.png", "label": "a", "view": "b", "patient": name, "mask": f"{name}_mask.png"})
    Image.fromarray(np.full((12, 30), 9, np.uint8)).save(tmp_path / "none.png")
    rows.append({"file": "none.png", "label": "a", "view": "b", "patient": "none", "mask": ""})
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    done = prepared(Source(str(tmp_path), str(tmp_path / "table.csv"), COLUMNS | {"mask": "mask"}), tmp_path)
    assert done.table["inside"].tolist()[:4] == [0, 1, 0.5, 0]
    assert np.isnan(done.table["inside"][4])
    assert "masks with nothing inside, as they are stored: 2, such as that of empty.png" in caplog.text
    assert "masks with everything inside, so that they guide nothing, as they are stored: 1" in caplog.text
