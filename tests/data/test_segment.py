"""Segmenting the prepared images of a source."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.data import segment as module
from red_herring.data.masks import BITS, inside
from red_herring.data.segment import segment, shares_inside
from red_herring.networks.pspnet import Segmenter
from red_herring.runtime.hardware import pick
from red_herring.study.anatomy import STRUCTURES
from support.made_segmenter import fitted, made_weights


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 5, 5)).repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def network(images):
    return Segmenter(fitted(made_weights(), images, empty=0.3)).eval()


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "PART", 3)


USABLE = np.array([True, True, False, True, True, True, True])


def by_hand(network, images):
    """Structure -> bool [n, side, side], one image at a time."""
    with torch.no_grad():
        logits = torch.cat([network(torch.from_numpy(image).float()[None, None] / 255) for image in images])
    side = images.shape[-1]
    probability = torch.sigmoid(logits)
    scaled = torch.nn.functional.interpolate(probability, size=(side, side), mode="bilinear", antialias=True)
    return {name: (scaled[:, number] >= 0.5).numpy() for number, name in enumerate(STRUCTURES)}


def test_each_bit_is_a_structure_and_images_set_aside_have_none(images, network, tmp_path, small_parts):
    stored = np.load(segment(images, USABLE, network, pick("cpu", "float32"), tmp_path / "resume", "a"))
    assert (stored.dtype, stored.shape) == (np.uint16, images.shape)
    assert not stored[2].any()
    for name, expected in by_hand(network, images).items():
        found = inside(stored, {"kind": "anatomy", "structures": [name]})
        np.testing.assert_array_equal(found[USABLE], expected[USABLE])
        assert found.dtype == bool
    assert inside(stored, {"kind": "anatomy", "structures": ["Heart"]}).any(axis=(1, 2)).sum() in range(3, 7)


def test_several_structures_are_their_union():
    stored = np.array([[[BITS["Heart"], BITS["Aorta"]], [BITS["Heart"] | BITS["Spine"], 0]]], np.uint16)
    for structures, expected in [
        (["Heart"], [1, 0, 1, 0]), (["Aorta", "Spine"], [0, 1, 1, 0]), (["Spine"], [0, 0, 1, 0]), (["Weasand"], [0] * 4)
    ]:  # fmt: skip
        assert inside(stored, {"kind": "anatomy", "structures": structures}).ravel().tolist() == expected


@pytest.mark.parametrize("fingerprint", ["a", "b"])
def test_what_was_segmented_before_a_kill_is_not_done_again(images, network, tmp_path, small_parts, fingerprint):
    """Unless it was made of something else."""
    passed, hardware = [], pick("cpu", "float32")

    class Killed(BaseException):
        pass

    def counting(_, given):
        passed.append(len(given[0]))
        if len(passed) == 3:
            raise Killed

    handle = network.register_forward_pre_hook(counting)
    try:
        with pytest.raises(Killed):
            segment(images, np.ones(7, bool), network, hardware, tmp_path / "resume", "a")
        assert passed == [2, 1, 2]
        file = segment(images, np.ones(7, bool), network, hardware, tmp_path / "resume", fingerprint)
        assert passed[3:] == ([2, 1, 1] if fingerprint == "a" else [2, 1, 2, 1, 1])
    finally:
        handle.remove()
    for name, expected in by_hand(network, images).items():
        np.testing.assert_array_equal(np.load(file) & BITS[name] > 0, expected)


def test_a_source_without_images_has_no_anatomy(network, tmp_path):
    nothing = np.zeros((0, 20, 20), np.uint8)
    file = segment(nothing, np.zeros(0, bool), network, pick("cpu", "float32"), tmp_path / "resume", "a")
    assert np.load(file).shape == (0, 20, 20)
    assert list(shares_inside(np.load(file), pd.Series([], dtype=str)).columns) == ["image", *STRUCTURES]


def test_shares_are_of_each_structure():
    stored = np.zeros((2, 2, 2), np.uint16)
    stored[1] = [[BITS["Heart"], BITS["Heart"] | BITS["Spine"]], [0, BITS["Spine"]]]
    table = shares_inside(stored, pd.Series(["a", "b"]))
    assert table["image"].tolist() == ["a", "b"]
    assert table["Heart"].tolist() == [0, 0.5]
    assert table[["Spine", "Aorta"]].to_numpy().tolist() == [[0, 0], [0.5, 0]]
