"""The contact sheet of planted signals: which images it shows, what is planted into them, and what is marked."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data import signals as planting
from red_herring.report.figures import signals as sheet

SIZE = 28
TAG = {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.02}
STRIPE = {"kind": "stripe", "share": 0.5, "of": "negatives"}
BLUR = {"kind": "blur", "share": 1.0, "of": "positives"}


def task(signal, **changes):
    return {
        "finding": "ill",
        "control": "well",
        "groups": ["A", "B"],
        "mask": {"kind": "source"},
        "signal": signal,
    } | changes


@pytest.fixture
def made(tmp_path):
    """What the figure takes: per task a split of ten images, noise with a mask of 4 x 4 in the middle of each."""
    (tmp_path / "data/s").mkdir(parents=True)
    random = np.random.default_rng(0)
    masks = np.zeros((10, SIZE, SIZE), np.uint8)
    masks[:, 12:16, 12:16] = 1
    np.save(tmp_path / "data/s/images.npy", random.integers(50, 200, masks.shape, dtype=np.uint8))
    np.save(tmp_path / "data/s/masks.npy", masks)

    def files(*tasks, seed=3):
        rows = [
            {"source": "s", "image": f"{row}.png", "row": row, "patient": str(row), "label": row % 2, "nuisance": row // 2 % 2, "split": "train"}
            for row in range(10)
        ]  # fmt: skip
        for name in tasks:
            (tmp_path / "splits" / name).mkdir(parents=True)
            pd.DataFrame(rows).to_csv(tmp_path / f"splits/{name}/seed={seed}.csv", index=False)
        return [*(tmp_path / f"splits/{name}/seed={seed}.csv" for name in tasks), tmp_path / "data/s/images.npy"]

    return files


def draw(files, **tasks):
    return sheet.draw(files, {"tasks": tasks})


def grid(figure, columns, block=0):
    return np.array(figure.subfigs[block].axes).reshape(4, columns)


def shown(axes):
    return np.asarray(axes.images[0].get_array())


def edges(axes, colour):
    """The lines of that colour in a panel, each as ((x, y), (x, y))."""
    found = [lines for lines in axes.collections if tuple(lines.get_colors()[0][:3]) == pytest.approx(colour)]
    return {tuple(map(tuple, segment)) for lines in found for segment in lines.get_segments()}


def edges_of(inside):
    """Slowly: the sides of all pixels inside whose neighbour there is not."""
    found = set()
    for row, column in np.argwhere(inside):
        around = {
            (row - 1, column): ((column - 0.5, row - 0.5), (column + 0.5, row - 0.5)),
            (row + 1, column): ((column - 0.5, row + 0.5), (column + 0.5, row + 0.5)),
            (row, column - 1): ((column - 0.5, row - 0.5), (column - 0.5, row + 0.5)),
            (row, column + 1): ((column + 0.5, row - 0.5), (column + 0.5, row + 0.5)),
        }
        for (down, right), edge in around.items():
            there = 0 <= down < len(inside) and 0 <= right < inside.shape[1]
            if not (there and inside[down, right]):
                found.add(edge)
    return found


def test_each_image_is_planted_as_a_run_of_that_seed_would_see_it(made, tmp_path):
    axes = grid(draw(made("t", "u"), t=task(TAG), u=task(STRIPE)), 5)
    levels, masks = (np.load(tmp_path / f"data/s/{name}.npy") for name in ("images", "masks"))
    rows = [1, 3, 0, 2]  # positives first, both groups in turn
    names = [f"s/{row}.png" for row in rows]
    for row, image in enumerate(rows):
        np.testing.assert_array_equal(shown(axes[row, 0]), levels[image])
    for column, signal in ((1, TAG), (3, STRIPE)):
        planted = planting.plant(levels[rows], masks[rows].astype(bool), names, signal)
        for row in range(4):
            np.testing.assert_array_equal(shown(axes[row, column]), planted.levels[row])
            np.testing.assert_array_equal(shown(axes[row, column + 1]), planted.levels[row])
            tint = np.asarray(axes[row, column + 1].images[1].get_array())[:, :, 3] > 0
            np.testing.assert_array_equal(tint, planted.truth[row])
            assert edges(axes[row, column + 1], sheet.SIGNAL) == edges_of(planted.truth[row])
            assert edges(axes[row, column + 1], sheet.ROI) == edges_of(masks[rows[row]])
            assert not axes[row, column].collections, "that is how one would see it"


def test_titles_say_the_signal_and_its_area_and_rows_the_class_and_group(made):
    axes = grid(draw(made("t", "u"), t=task(TAG), u=task(BLUR)), 5)
    assert [own.get_title() for own in axes[0, :4]] == ["image", "Tag", "its pixels:\n2.0 %", "Blur"]
    clear = near_the_mask(planting.CLEARANCE * SIZE)
    assert axes[0, 4].get_title() == f"its pixels:\n{100 * (1 - clear / SIZE**2):.1f} %"
    assert [row[0].get_ylabel() for row in axes] == ["ill\nA", "ill\nB", "well\nA", "well\nB"]


def near_the_mask(distance):
    """Pixels within so many of a square of 4 x 4."""
    places = np.array([max(0, 12 - place, place - 15) for place in range(SIZE)])
    return (np.hypot(*np.meshgrid(places, places)) <= distance).sum()


def test_tasks_of_the_same_images_share_a_block_in_which_a_signal_is_shown_once(made):
    files = made("t", "half", "u")
    figure = draw(files, t=task(TAG), half=task(TAG | {"share": 0.5}), u=task(STRIPE))
    (block,) = figure.subfigs
    assert len(block.axes) == 4 * 5
    assert block.get_suptitle().replace("\n", " ") == (
        "t (100 % of positives), half (50 % of positives), u (50 % of negatives)"
    )


def test_tasks_of_other_masks_have_a_block_of_their_own(made):
    files = made("t", "u")
    figure = draw(files, t=task(TAG), u=task(TAG, mask={"kind": "ellipse", "semi_axis": 0.3}))
    assert [block.get_suptitle() for block in figure.subfigs] == ["t (100 % of positives)", "u (100 % of positives)"]
    assert len(edges(grid(figure, 3, block=1)[0, 2], sheet.ROI)) > 16


def test_many_signals_are_shown_four_at_a_time(made):
    tasks = {f"t{number}": task(TAG | {"area": 0.01 * number}) for number in range(1, 6)}
    figure = draw(made(*tasks), **tasks)
    assert [sum(axes.axison for axes in block.axes) for block in figure.subfigs] == [4 * 9, 4 * 3]


def test_where_a_signal_has_no_place_it_is_said(made, tmp_path):
    masks = np.load(tmp_path / "data/s/masks.npy")
    masks[::2] = 0
    np.save(tmp_path / "data/s/masks.npy", masks)
    axes = grid(draw(made("t"), t=task(BLUR)), 3)
    said = [[text.get_text() for text in row[1].texts] for row in axes]
    assert said == [[], [], ["cannot be\nplanted"], ["cannot be\nplanted"]], "negatives have no mask"
