"""The synthetic images."""

import hashlib

import numpy as np
import pytest
from red_herring.data.sources import crosses, open_source
from scipy import ndimage
from sklearn.metrics import roc_auc_score


@pytest.fixture(scope="module")
def source():
    return open_source("crosses", {"images_per_cell": 100, "seed": 0})


def test_the_index_holds_every_cell(source):
    cells = source.index().groupby(["findings", "group"]).size()
    assert cells.to_dict() == {(finding, side): 100 for finding in crosses.COUNTS for side in crosses.SIDES}
    assert source.index()["image"].is_unique


def test_images_depend_on_nothing_but_seed_and_name(source):
    again = open_source("crosses", {"images_per_cell": 100, "seed": 0})
    other = open_source("crosses", {"images_per_cell": 100, "seed": 1})
    name = source.index()["image"][7]
    np.testing.assert_array_equal(source.read(name)[0].grey(), again.read(name)[0].grey())
    assert not np.array_equal(source.read(name)[0].grey(), other.read(name)[0].grey())


def test_the_box_is_where_its_group_says_and_never_in_the_mask(source):
    for _, image in source.index().groupby(["findings", "group"]).head(20).iterrows():
        picture, mask = source.read(image["image"])
        pixels = picture.grey()
        columns = slice(0, 3) if image["group"] == "left" else slice(25, 28)
        assert (pixels[21:23, columns] == 255).all()
        # What is white and outside the mask is the box: 6 pixels, less those where a cross lies over it.
        outside = (pixels > 0) & ~mask.astype(bool)
        assert outside.sum() == 6 - mask[21:23, columns].sum()
        assert set(np.unique(pixels)) == {0, 255}


def test_no_picture_is_drawn_twice():
    """Not even of one cross, of which there are 22 * 22 with short arms and 20 * 20 with long ones."""
    source = open_source("crosses", {"images_per_cell": crosses.MOST, "seed": 0})
    pictures = [source.read(image)[0].levels.tobytes() for image in source.index()["image"]]
    assert len(set(pictures)) == len(pictures) == 4 * 800
    one = source.index().query("findings == 'one cross' and group == 'left'")["image"]
    arms = [source.read(image)[1].sum() for image in one]
    assert np.unique(arms, return_counts=True)[1].tolist() == [400, 400]


def test_crosses_have_the_geometry_of_the_paper(source):
    centres = []
    for image in source.index().query("findings == 'one cross'")["image"]:
        mask = source.read(image)[1]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        arm = (len(rows) - 1) // 2
        assert arm in (3, 4)
        assert len(rows) == len(columns) == 2 * arm + 1
        assert mask.sum() == 4 * arm + 1
        centres.append((rows[arm], columns[arm]))
        assert mask[rows[arm]].sum() == mask[:, columns[arm]].sum() == 2 * arm + 1
    centres = np.array(centres)
    assert centres.min() == 3
    assert centres.max() == 24


def test_two_crosses_never_share_a_row_or_column_centre(source):
    plus = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    apart = 0
    for image in source.index().query("findings == 'two crosses'")["image"]:
        centres = np.argwhere(ndimage.convolve(source.read(image)[1], plus, mode="constant") == 5)
        if len(centres) == 2:  # where arms touch there are more; enough pairs stand apart
            apart += 1
            assert centres[0, 0] != centres[1, 0]
            assert centres[0, 1] != centres[1, 1]
    assert apart > 30


def test_pictures_without_the_option_are_those_that_were_always_drawn(source):
    """By the digest of what was drawn before there was one."""
    digest = hashlib.sha256()
    for image in source.index()["image"]:
        picture, mask = source.read(image)
        digest.update(picture.grey().astype(np.uint8).tobytes() + mask.tobytes())
    assert digest.hexdigest() == "bd7627010a8b73419cfe31afee76219e9877e574e631e92698c9d8c5a4a6ba49"
    said, image = (
        open_source("crosses", {"images_per_cell": 100, "seed": 0, "equalise": "none"}),
        source.index()["image"][3],
    )
    np.testing.assert_array_equal(said.read(image)[0].grey(), source.read(image)[0].grey())


@pytest.fixture(scope="module")
def equal():
    """Pictures uint8 [3200, 28, 28], their masks, and their rows of the index, with equal numbers of white pixels."""
    source = open_source("crosses", {"images_per_cell": crosses.MOST, "seed": 3, "equalise": "pixels"})
    index = source.index()
    pictures, masks = zip(*map(source.read, index["image"]), strict=True)
    return np.stack([picture.grey().astype(np.uint8) for picture in pictures]), np.stack(masks), index


def test_no_count_of_equal_pictures_says_anything_of_the_class(equal):
    """Neither the mask's area nor the histogram, which shuffling keeps, and with it sum, mean and variance."""
    pictures, masks, index = equal
    label = (index["findings"] == "one cross").to_numpy()
    histograms = np.apply_along_axis(np.bincount, 1, pictures.reshape(len(pictures), -1), minlength=256)
    assert (histograms == histograms[0]).all()
    assert histograms[0, [0, 255]].tolist() == [28 * 28 - 36, 36]
    assert (masks.sum(axis=(1, 2)) == 30).all()
    for score in ((pictures > 0).sum(axis=(1, 2)), masks.sum(axis=(1, 2))):
        assert roc_auc_score(label, score) == 0.5


def test_equal_pictures_have_one_or_two_crosses_and_the_box(equal):
    """Found anew in the pixels: shapes that nothing touches, one of 13 and one of 17, of two bars of 7 or 9 each."""
    pictures, masks, index = equal
    for picture, mask, finding, side in zip(pictures, masks, index["findings"], index["group"], strict=True):
        assert np.array_equal(picture > 0, (mask > 0) | (crosses.draw_box(side) > 0))
        assert not (ndimage.binary_dilation(mask, np.ones((3, 3))) & ((picture > 0) & (mask == 0))).any()
        parts, found = ndimage.label(mask, np.ones((3, 3)))
        boxes = ndimage.find_objects(parts)
        assert found == 2
        assert sorted(part.stop - part.start for box in boxes for part in box) == [7, 7, 9, 9]
        middles = 0
        for number, box in enumerate(boxes, 1):
            shape = parts[box] == number
            arm = len(shape) // 2
            assert shape.sum() == 4 * arm + 1
            assert shape.all(axis=0).sum() == shape.all(axis=1).sum() == 1
            middles += shape.all(axis=0)[arm] and shape.all(axis=1)[arm]
            ends = [shape.all(axis=axis)[[0, -1]].any() for axis in (0, 1)]
            assert ends in ([False, False], [True, True])
        assert middles == crosses.COUNTS[finding]


def test_no_equal_picture_is_drawn_twice(equal):
    assert len({picture.tobytes() for picture in equal[0]}) == 4 * crosses.MOST
    assert len(crosses.centres_apart()) == 75344


def test_every_corner_is_drawn_as_often_and_squares_do_not_depend_on_the_class(equal):
    _, masks, index = equal
    one = (index["findings"] == "one cross").to_numpy()
    shapes = [crosses.equal_shapes(1, number, (3, 1, 0)) for number in range(16)]
    corners = [(arm, where) for pair in shapes for arm, _, _, where in pair if where != crosses.MIDDLES]
    assert sorted(corners) == sorted(2 * [(arm, end) for arm in crosses.ARMS for end in crosses.ENDS])
    spans = [np.ptp(np.argwhere(mask), axis=0).sum() for mask in masks]  # of the smallest frame around both squares
    assert abs(roc_auc_score(one, spans) - 0.5) < 3 * np.sqrt(1 / 12 * 2 / 1600)


def noisy(noise, seed=0, **more):
    return open_source("crosses", {"images_per_cell": 100, "seed": seed, "noise": noise, **more})


@pytest.mark.parametrize("equalise", ["none", "pixels"])
def test_noise_is_gaussian_on_the_background_and_nowhere_else(equalise):
    source, plain = noisy(0.1, equalise=equalise), noisy(0, equalise=equalise)
    background = []
    for image in source.index()["image"][::10]:
        (picture, mask), (black, same) = source.read(image), plain.read(image)
        drawn, levels = black.grey() > 0, picture.grey() / 255
        np.testing.assert_array_equal(mask, same)
        np.testing.assert_allclose(levels[drawn], 0.9, atol=1e-6)
        background.append(levels[~drawn])
    values = np.concatenate(background)
    assert values.min() >= 0
    assert values.max() <= 1
    # About 30,000 pixels, of which one in 700 is clipped: three standard errors of the mean and of the deviation.
    assert values.mean() == pytest.approx(0.3, abs=3 * 0.1 / np.sqrt(len(values)) + 1e-4)
    assert values.std() == pytest.approx(0.1, abs=3 * 0.1 / np.sqrt(2 * len(values)) + 5e-4)
    assert (np.abs((values - 0.3) / 0.1) < 1).mean() == pytest.approx(0.683, abs=0.01)


def test_noise_depends_on_nothing_but_seed_and_name():
    one, two = noisy(0.1).index()["image"][[3, 4]]
    first = noisy(0.1).read(one)[0].grey()
    np.testing.assert_array_equal(noisy(0.1).read(one)[0].grey(), first)
    background = (noisy(0).read(one)[0].grey() == 0) & (noisy(0).read(two)[0].grey() == 0)
    for other in (noisy(0.1).read(two), noisy(0.1, seed=1).read(one)):
        levels = other[0].grey()
        assert abs(np.corrcoef(first[background], levels[background])[0, 1]) < 0.2
    weaker = noisy(0.05).read(one)[0].grey()
    shown = background & (first > 0) & (first < 255)
    np.testing.assert_allclose(2 * (weaker[shown] / 255 - 0.3), first[shown] / 255 - 0.3, atol=1e-5)


def test_without_noise_pictures_are_black_and_white_as_ever():
    """The digest of those that were drawn before there was the option."""
    for source in (noisy(0), open_source("crosses", {"images_per_cell": 100, "seed": 0})):
        pictures = [source.read(image)[0].levels for image in source.index()["image"][::40]]
        assert pictures[0].dtype == np.float64
        assert hashlib.sha256(np.stack(pictures).tobytes()).hexdigest()[:16] == "80453c4bb4a89fa7"


def test_noise_that_clips_is_still_within_the_range():
    levels = noisy(1.0).read(noisy(1.0).index()["image"][0])[0].grey()
    assert (levels.min(), levels.max()) == (0, 255)


@pytest.mark.parametrize("noise", [0, 0.1])
def test_without_a_box_pictures_are_the_same_elsewhere(noise):
    """Where the box would be there is background."""
    with_box, without = noisy(noise), noisy(noise, box="none")
    assert with_box.index().equals(without.index())
    for image in with_box.index()["image"][::40]:
        (first, mask), (second, again) = with_box.read(image), without.read(image)
        box = crosses.draw_box(image.split("-")[1]).astype(bool) & (mask == 0)
        np.testing.assert_array_equal(mask, again)
        np.testing.assert_array_equal(first.levels[~box], second.levels[~box])
        assert (first.levels[box] > second.levels[box]).all()
