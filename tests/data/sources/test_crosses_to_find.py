"""Crosses on noise: boxes to the pixel, bars that make no cross, pictures that depend on seed and name only."""

import numpy as np
import pytest
from red_herring.data.prepare import prepare
from red_herring.data.sources import crosses, crosses_to_find, open_source
from red_herring.data.sources.crosses_to_find import ARMS, CONTRASTS, FINDINGS, SIZE
from red_herring.saliency.boxes import filled, true_boxes
from scipy import ndimage


def made(box="none", images_per_cell=25, seed=3):
    return open_source("crosses_to_find", {"images_per_cell": images_per_cell, "seed": seed, "box": box})


@pytest.fixture
def without_noise(monkeypatch):
    monkeypatch.setattr(crosses_to_find, "_noise", lambda random: np.zeros((SIZE, SIZE)))


def pictures(source):
    """Of each image its row of the index, its pixels from -1 to 1 and its mask."""
    for image in source.index().itertuples():
        picture, mask = source.read(image.image)
        yield image, picture.grey() / 127.5 - 1, mask


def shapes(pixels):
    """The box of each shape of a picture without noise, and its pixels."""
    labels, count = ndimage.label(pixels > 1e-6, np.ones((3, 3)))
    return [
        ([rows.start, columns.start, rows.stop, columns.stop], labels[rows, columns] == number)
        for number, (rows, columns) in zip(range(1, count + 1), ndimage.find_objects(labels), strict=True)
    ]


def test_the_index_holds_every_cell():
    index = made().index()
    cells = index.groupby(["findings", "group"]).size()
    assert cells.to_dict() == {(finding, side): 25 for finding in FINDINGS for side in ("left", "right")}
    assert index["image"].is_unique
    assert (index["patient"] == index["image"]).all()


@pytest.mark.usefixtures("without_noise")
@pytest.mark.parametrize("box", ["none", "side"])
def test_boxes_are_exact_and_only_the_cross_has_two_strokes(box):
    sides, bars = set(), set()
    for image, pixels, mask in pictures(made(box)):
        nuisance = crosses.draw_box(image.group) if box == "side" else np.zeros_like(mask)
        assert np.allclose(pixels[nuisance > 0], 0.8)
        found = shapes(np.where(nuisance, 0, pixels))
        two = [own for own, inside in found if min(inside.shape) > 1]
        assert two == true_boxes(mask).tolist()
        assert len(two) == (image.findings == "cross")
        bars.add(len(found) - len(two))
        if two:
            top, left, bottom, right = two[0]
            assert np.array_equal(mask, filled(np.array(two), mask.shape)[0])
            assert bottom - top == right - left
            inside = next(inside for own, inside in found if own == two[0])
            assert inside.sum() == 2 * (bottom - top) - 1
            assert inside[(bottom - top) // 2].all()
            assert inside[:, (bottom - top) // 2].all()
            sides.add(bottom - top)
        strokes = pixels[(pixels > 1e-6) & (nuisance == 0)]
        assert np.all((strokes > CONTRASTS[0] - 1e-6) & (strokes < CONTRASTS[1] + 1e-6))
    assert sides == {2 * arm + 1 for arm in range(ARMS[0], ARMS[1] + 1)}
    assert bars == {0, 1, 2}


@pytest.mark.usefixtures("without_noise")
def test_neither_boxes_of_crosses_nor_bars_touch_the_box_on_either_side():
    around = ndimage.binary_dilation(crosses.draw_box("left") | crosses.draw_box("right"), np.ones((3, 3)))
    for image, pixels, mask in pictures(made("side", 60)):
        drawn = (pixels > 1e-6) & (crosses.draw_box(image.group) == 0)
        assert not (around & (drawn | (mask > 0))).any()
    touched = [(around & (mask > 0)).any() for _, _, mask in pictures(made("none", 60))]
    assert any(touched), "without a box they may be there"


def test_the_nuisance_is_where_the_box_is_drawn():
    assert made().nuisance(28) == {}
    for size in (28, 56):
        known = made("side").nuisance(size)
        assert known == open_source("crosses", {"images_per_cell": 4, "seed": 0}).nuisance(size)
        assert known.keys() == {"left", "right"}


def test_pictures_depend_on_seed_and_name_only():
    name = made().index()["image"][7]
    first = made().read(name)[0].grey()
    np.testing.assert_array_equal(made(images_per_cell=50).read(name)[0].grey(), first)
    for other in (made(seed=4).read(name), made().read(made().index()["image"][8])):
        assert not np.array_equal(other[0].grey(), first)
    grey = np.stack([made().read(image)[0].grey() for image in made().index()["image"]])
    assert 0 <= grey.min() < 60 < 195 < grey.max() <= 255
    assert len(np.unique(grey.reshape(len(grey), -1), axis=0)) == len(grey)


@pytest.mark.parametrize("box", ["none", "side"])
def test_boxes_stay_exact_to_the_pixel_when_they_are_prepared(tmp_path, box):
    source = made(box, 10)
    index = source.index()
    prepare(source, index, SIZE, 0.0, tmp_path / "images.npy", tmp_path / "masks.npy")
    images, masks = np.load(tmp_path / "images.npy"), np.load(tmp_path / "masks.npy")
    for row, (_, pixels, mask) in enumerate(pictures(source)):
        np.testing.assert_array_equal(masks[row], mask)
        np.testing.assert_allclose(images[row] / 127.5 - 1, pixels, atol=1 / 255 + 1e-6)
    assert [len(true_boxes(mask)) for mask in masks] == (index["findings"] == "cross").astype(int).tolist()
