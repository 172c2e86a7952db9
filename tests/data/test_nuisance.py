"""The pixels of the nuisance are those that the source draws."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data.exchange import exchanged
from red_herring.data.nuisance import nuisance_pixels, removed
from red_herring.data.sources import crosses
from red_herring.runtime.files import write_json
from support.prepared_crosses import prepared_crosses


@pytest.mark.parametrize("settings", [{}, {"equalise": "pixels", "noise": 0.1}])
def test_the_pixels_are_those_of_the_box_whatever_is_the_label(tmp_path, settings):
    table = prepared_crosses(tmp_path / "s", **settings)
    images, masks = (np.load(tmp_path / "s" / f"{name}.npy") for name in ("images", "masks"))
    for rows in (table, exchanged(table)):
        found = nuisance_pixels(rows, [tmp_path / "s"])
        for own, name, row in zip(found, rows["image"], rows["row"], strict=True):
            np.testing.assert_array_equal(own, crosses.draw_box(name.split("-")[1]) > 0)
            if not settings:
                np.testing.assert_array_equal(own | (masks[row] > 0), images[row] > 0)


def test_without_a_box_there_are_none(tmp_path):
    assert nuisance_pixels(prepared_crosses(tmp_path / "s", box="none"), [tmp_path / "s"]) is None


def test_of_two_sources_one_may_have_a_box(tmp_path):
    table = pd.concat(
        [prepared_crosses(tmp_path / "with"), prepared_crosses(tmp_path / "without", box="none")], ignore_index=True
    )
    found = nuisance_pixels(table, [tmp_path / "with", tmp_path / "without"])
    assert (found.sum(axis=(1, 2)) == np.where(table["source"] == "with", 6, 0)).all()


def test_what_was_prepared_before_says_nothing(tmp_path):
    table = prepared_crosses(tmp_path / "s")
    write_json(tmp_path / "s" / "source.json", {"size": 28})
    assert nuisance_pixels(table, [tmp_path / "s"]) is None


@pytest.mark.parametrize("size", [14, 56, 60])
def test_at_another_size_they_are_those_that_the_box_touches(tmp_path, size):
    table = prepared_crosses(tmp_path / "s", size)
    found = nuisance_pixels(table, [tmp_path / "s"])
    if size == 56:
        assert (found.sum(axis=(1, 2)) == 24).all()
    images = np.load(tmp_path / "s" / "images.npy")[table["row"]]
    masks = np.load(tmp_path / "s" / "masks.npy")[table["row"]]
    assert images[found & (masks == 0)].mean() > 3 * images[~found & (masks == 0)].mean()


def test_removed_is_what_is_around():
    levels = np.full((2, 6, 6), 40, np.uint8)
    pixels = np.zeros(levels.shape, bool)
    pixels[0, 2:4, :3] = True
    levels[pixels] = 255
    levels[0, 4, 3] = 90  # one pixel of a stroke nearby
    found = removed(levels, pixels)
    assert (found[0][pixels[0]] == 40).all()
    np.testing.assert_array_equal(found[~pixels], levels[~pixels])
    everything = np.ones((1, 6, 6), bool)
    np.testing.assert_array_equal(removed(levels[:1], everything), levels[:1])
