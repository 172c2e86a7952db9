"""Experiments from a split: each image with the boxes of its mask, positives without one left out, nothing else read."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.generation.study_data import detection_data, images_of, levels_of, loaded, training_data
from red_herring.runtime.files import StudyError, write_json

SIDE = 12
MASK = {"kind": "source"}
SPLITS = ("train", "valid", "test", "test_balanced")


def drawn(folder, source="a", pixel_range=(0.0, 1.0)):
    """A prepared source of five positives and five negatives of each split, in an order of its own; of each split the
    first positive has two boxes that are apart, the second two that touch along a side, the last no mask.
    """
    random, rows = np.random.default_rng(0), []
    images = random.integers(0, 256, (40, SIDE, SIDE), dtype=np.uint8)
    masks = np.zeros_like(images)
    for row, place in enumerate(random.permutation(40)):
        (split, number) = divmod(place, 10)
        if number < 4:
            masks[row, 1:4, 2:6] = 1
        if number < 2:
            masks[row, (6 if number == 0 else 4) : 9, 5:8] = 1
        rows.append((place, source, f"i{place}", row, f"p/{place}", int(number < 5), place % 2, SPLITS[split]))
    folder = folder / source
    folder.mkdir()
    np.save(folder / "images.npy", images)
    np.save(folder / "masks.npy", masks)
    write_json(folder / "source.json", {"size": SIDE, "pixel_range": list(pixel_range)})
    columns = ["place", "source", "image", "row", "patient", "label", "nuisance", "split"]
    return folder, pd.DataFrame(rows, columns=columns).sort_values("place", ignore_index=True).drop(columns="place")


def test_positives_have_the_boxes_of_their_masks_and_negatives_none(tmp_path):
    folder, split = drawn(tmp_path)
    data = detection_data(split, [folder], MASK)
    apart, touching = [[1, 2, 4, 6], [6, 5, 9, 8]], [[1, 2, 9, 8]]
    boxes = [apart, touching, [[1, 2, 4, 6]], [[1, 2, 4, 6]]]
    assert [own.tolist() for own in data.real.examples.boxes] == boxes
    assert [own.tolist() for own in data.free.examples.boxes] == [[]] * 5
    for own, first in ((data.valid, 10), (data.test, 20)):
        assert [found.tolist() for found in own.examples.boxes] == boxes + [[]] * 5
        places = [first + number for number in (0, 1, 2, 3, 5, 6, 7, 8, 9)]
        assert own.names == [f"i{place}" for place in places]
        assert own.patients == [f"p/{place}" for place in places]
    assert {own.dtype for own in data.test.examples.boxes} == {torch.int64}


def test_without_test_images_all_else_is_the_same(tmp_path):
    folder, split = drawn(tmp_path)
    whole, found = detection_data(split, [folder], MASK), training_data(split, [folder], MASK)
    for one, other in zip((whole.real, whole.free, whole.valid), (found.real, found.free, found.valid), strict=True):
        assert torch.equal(one.examples.images, other.examples.images)
        assert all(map(torch.equal, one.examples.boxes, other.examples.boxes))
        assert (one.patients, one.names) == (other.patients, other.names)
    assert not hasattr(found, "test")


def test_images_are_what_is_stored_from_minus_one_to_one_whatever_the_pixel_range(tmp_path):
    folder, split = drawn(tmp_path, pixel_range=(-1024.0, 1024.0))
    data = detection_data(split, [folder], MASK)
    stored = np.load(folder / "images.npy")
    rows = split.set_index("image")["row"]
    for own in (data.real, data.free, data.valid, data.test):
        assert own.examples.images.dtype == torch.float32
        assert own.examples.images.shape[1:] == (1, SIDE, SIDE)
        expected = stored[rows[own.names]].astype(np.float64) / 127.5 - 1
        np.testing.assert_allclose(own.examples.images[:, 0].double().numpy(), expected, atol=1e-6)


def test_levels_come_back_exactly():
    levels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    images = images_of(levels)
    assert (images.min(), images.max()) == (-1, 1)
    assert np.array_equal(levels_of(images), levels.numpy())


def test_a_positive_without_a_mask_is_left_out_and_the_log_says_so(tmp_path, caplog):
    folder, split = drawn(tmp_path)
    with caplog.at_level(logging.WARNING):
        detection_data(split, [folder], MASK)
    assert caplog.messages == [f"left out: 1 positives without a mask, such as i{place}" for place in (4, 14, 24)]


def test_a_negative_with_a_mask_is_refused(tmp_path):
    folder, split = drawn(tmp_path)
    masks = np.load(folder / "masks.npy")
    masks[split.set_index("image").loc["i27", "row"], 3, 3] = 1
    np.save(folder / "masks.npy", masks)
    with pytest.raises(StudyError, match=r"i27: is a negative and has a mask, as have 0 others, .* fix its label"):
        detection_data(split, [folder], MASK)


def test_a_mask_that_is_not_the_sources_own_is_refused(tmp_path):
    folder, split = drawn(tmp_path)
    with pytest.raises(StudyError, match=r"mask.kind: is ellipse, .* set it to source"):
        detection_data(split, [folder], {"kind": "ellipse", "semi_axis": 0.4})


def test_names_tell_images_of_two_sources_apart(tmp_path):
    (first, split), (second, other) = drawn(tmp_path), drawn(tmp_path, "b")
    other["patient"] += "b"
    data = detection_data(pd.concat([split, other], ignore_index=True), [first, second], MASK)
    assert data.free.names == [f"{source}/i{place}" for source in "ab" for place in range(5, 10)]


@pytest.mark.parametrize(("kept", "name"), [("valid", "validation"), ("test", "test")])
def test_a_patient_of_training_who_is_tested_is_refused(tmp_path, kept, name):
    folder, split = drawn(tmp_path)
    split.loc[split.index[split["split"] == kept][6], "patient"] = "p/3"
    with pytest.raises(StudyError, match=f"such as p/3, have training and {name} images"):
        detection_data(split, [folder], MASK)


def test_only_the_splits_that_are_asked_for_are_read(tmp_path):
    folder, split = drawn(tmp_path)
    (before,) = loaded(split, [folder], MASK, "train")
    for name in ("images", "masks"):
        stored = np.load(folder / f"{name}.npy")
        stored[split.loc[split["split"] != "train", "row"]] = 1
        np.save(folder / f"{name}.npy", stored)
    (after,) = loaded(split, [folder], MASK, "train")
    assert torch.equal(before.levels, after.levels)
    assert torch.equal(before.masks, after.masks)
    assert after.table["split"].unique().tolist() == ["train"]
