"""Planted signals: where they are, how large, on whom, and that nothing but name and seed decides."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data import masks as roi
from red_herring.data.dataset import Dataset, with_carriers
from red_herring.data.signals import carriers, plant
from red_herring.runtime.files import StudyError
from scipy import ndimage

KINDS = ["tag", "stripe", "blur", "half_blur"]


def signal(kind, area=0.02, share=1.0, of="positives"):
    return {"kind": kind, "share": share, "of": of} | ({"area": area} if kind == "tag" else {})


def noise(n=6, size=28, high=150):
    return np.random.default_rng(0).integers(50, high, (n, size, size), dtype=np.uint8)


def crosses_like(n=6, size=28):
    """A cross a mask, somewhere."""
    random, masks = np.random.default_rng(1), np.zeros((n, size, size), bool)
    for mask, row, column in zip(masks, *random.integers(4, size - 4, (2, n)), strict=True):
        mask[row, column - 4 : column + 5] = mask[row - 4 : row + 5, column] = True
    return masks


def names(n=6):
    return [f"s/{number}" for number in range(n)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_is_its_truth_which_is_outside_the_mask_and_nothing_else_changes(kind):
    levels, masks = noise(), crosses_like()
    planted, truth = plant(levels, masks, names(), signal(kind))
    assert planted.dtype == np.uint8
    assert truth.any(axis=(1, 2)).all()
    assert not (truth & masks).any()
    np.testing.assert_array_equal(planted[~truth], levels[~truth])
    assert (planted != levels)[truth].mean() > 0.8


@pytest.mark.parametrize(("size", "area", "side"), [(28, 0.02, 4), (28, 0.01, 3), (224, 0.005, 16), (224, 0.01, 22)])
def test_a_tag_is_a_white_square_of_its_area_in_the_upper_left(size, area, side):
    planted, truth = plant(noise(40, size), np.zeros((40, size, size), bool), names(40), signal("tag", area))
    assert (truth.sum(axis=(1, 2)) == side**2).all()
    assert (planted[truth] == 255).all()
    margin = size // 28
    assert all(np.argwhere(one)[0].tolist() == [margin, margin] for one in truth), "8 pixels of 224 from the border"


def test_a_tag_stays_as_near_to_its_corner_as_the_mask_allows():
    masks = np.zeros((2, 28, 28), bool)
    masks[0, :10] = masks[0, 18:] = True
    masks[1, :, :20] = True
    _, truth = plant(noise(2), masks, names(2), signal("tag"))
    assert [np.argwhere(one)[0].tolist() for one in truth] == [[10, 1], [1, 20]]


def test_an_image_without_room_for_its_tag_is_named():
    with pytest.raises(StudyError, match=r"s/0: has no room for a tag of 4 x 4 pixels .* make signal.area smaller"):
        plant(noise(1), np.ones((1, 28, 28), bool), names(1), signal("tag"))


@pytest.mark.parametrize(
    ("size", "columns"), [(224, [8, 9, 10, 11, 212, 213, 214, 215]), (28, [1, 26])], ids=["224", "28"]
)
def test_stripes_are_two_bands_near_the_borders_lighter_than_what_they_are_on(size, columns):
    levels = noise(2, size)
    levels[0, 0, columns[0]] = 250
    planted, truth = plant(levels, np.zeros((2, size, size), bool), names(2), signal("stripe"))
    assert np.flatnonzero(truth[0].all(axis=0)).tolist() == columns
    assert truth.mean() == pytest.approx(len(columns) / size)
    assert planted[0, 0, columns[0]] == 255
    assert planted[1, 5, columns[0]] == levels[1, 5, columns[0]] + 102


def test_a_blur_is_a_gaussian_of_the_background_alone():
    """Against a loop over its weights, in float64."""
    levels, masks = noise(1), crosses_like(1)
    planted, truth = plant(levels, masks, names(1), signal("blur"))
    padded = np.pad(levels[0].astype(float), 4, mode="symmetric")
    outside = np.pad(~masks[0], 4, mode="symmetric").astype(float)
    offsets = np.arange(-4, 5)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / 2)
    for row, column in np.argwhere(truth[0])[::7]:
        weights = kernel * outside[row : row + 9, column : column + 9]
        value = (weights * padded[row : row + 9, column : column + 9]).sum() / weights.sum()
        assert planted[0, row, column] == pytest.approx(value, abs=0.51)


def test_a_blur_keeps_clear_of_the_mask_and_of_one_half():
    masks = crosses_like()
    (_, whole), (_, half) = (plant(noise(), masks, names(), signal(kind)) for kind in ("blur", "half_blur"))
    for mask, truth in zip(masks, whole, strict=True):
        away = np.array(
            [
                [np.hypot(*(np.argwhere(mask) - place).T).min() for place in row]
                for row in np.indices((28, 28)).transpose(1, 2, 0)
            ]
        )
        np.testing.assert_array_equal(truth, away > 2)
    np.testing.assert_array_equal(half[:, :, :14], whole[:, :, :14])
    assert not half[:, :, 14:].any()


def test_at_224_the_blur_is_of_two_pixels_for_each_hundred():
    image = np.full((1, 224, 224), 0, np.uint8)
    image[0, 20, 20] = 255
    levels = np.repeat(image, 2, axis=0)
    levels[1] = 255 - levels[1]
    mask = roi.ellipse(224, 0.3)[None].repeat(2, axis=0)
    planted, truth = plant(levels, mask, names(2), signal("blur"))
    wanted = ndimage.gaussian_filter(image[0].astype(float), 0.02 * 224)
    assert truth[:, 20, 20].all()
    assert planted[0, 20, 20] == round(wanted[20, 20])
    assert planted[1, 20, 20] == 255 - round(wanted[20, 20])


def test_what_has_no_mask_has_no_background():
    masks = crosses_like()
    masks[4] = False
    with pytest.raises(StudyError, match="s/4: has no ROI mask, so that there is no background to blur"):
        plant(noise(), masks, names(), signal("blur"))
    plant(noise(), masks, names(), signal("stripe"))


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_carries_the_same_signal_in_any_company_and_order(kind):
    levels, masks = noise(), crosses_like()
    planted, truth = plant(levels, masks, names(), signal(kind))
    order = np.array([4, 1, 5])
    again = plant(levels[order], masks[order], [names()[row] for row in order], signal(kind))
    np.testing.assert_array_equal(again.levels, planted[order])
    np.testing.assert_array_equal(again.truth, truth[order])


def a_split(n=200):
    random = np.random.default_rng(5)
    splits = random.permutation(np.repeat(["train", "valid", "test"], [n // 2, n // 4, n // 4]))
    table = {
        "source": "s",
        "image": [f"i{row}" for row in range(n)],
        "label": random.integers(0, 2, n),
        "split": splits,
    }
    return pd.DataFrame(table).assign(nuisance=0)


@pytest.mark.parametrize("of", ["positives", "negatives"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_a_share_of_the_aligned_class_of_training_and_of_validation_carries(share, of):
    table = a_split()
    carrying = table.assign(carries=carriers(table, signal("tag", share=share, of=of), 7))
    for split in ("train", "valid"):
        own = carrying[(carrying["split"] == split) & (carrying["label"] == (of == "positives"))]
        assert own["carries"].sum() == int(share * len(own) + 0.5)
    assert not carrying.query("split == 'test'")["carries"].any()
    assert not carrying[carrying["label"] != (of == "positives")]["carries"].any()


def test_who_carries_at_one_share_carries_at_a_larger_one_and_others_by_another_seed():
    table = a_split()
    few, more = (carriers(table, signal("tag", share=share), 7) for share in (0.2, 0.5))
    assert (few <= more).all()
    assert few.any()
    assert (few != carriers(table, signal("tag", share=0.2), 8)).any()
    shuffled = table.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(carriers(shuffled, signal("tag", share=0.2), 7), few[shuffled.index])


def test_a_data_set_is_shown_with_its_carriers():
    table = a_split().query("split == 'train'").reset_index(drop=True)
    data = Dataset(noise(len(table)), crosses_like(len(table)), table, (0.0, 1.0))
    tag = signal("tag", share=0.5)
    shown, carrying = with_carriers(data, tag, 7), carriers(table, tag, 7)
    whole, _ = data.planted(tag)
    np.testing.assert_array_equal(shown.levels[carrying], whole.levels[carrying])
    np.testing.assert_array_equal(shown.levels[~carrying], data.levels[~carrying])
    assert with_carriers(data, None, 7) is data
    assert with_carriers(data, signal("tag", share=0.0), 7) is data
