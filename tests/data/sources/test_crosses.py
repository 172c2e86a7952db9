"""The synthetic images."""

import numpy as np
import pytest
from red_herring.data.sources import crosses, open_source
from scipy import ndimage


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
