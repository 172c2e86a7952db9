"""The contact sheet of masks: which images it shows, and what each column makes of their masks."""

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from red_herring.data.masks import BITS
from red_herring.report.figures import masks as sheet
from red_herring.study.settings import results_settings

PLAIN = {"negatives": "empty", "blur_sigma": 0.0, "control": "none", "budget": 1.0}
TASK = {
    "finding": "ill", "control": "well", "ratio": 0.75, "nuisance": "site", "groups": ["A", "B"],
    "mask": {"kind": "source"}, "guidance": PLAIN,
}  # fmt: skip
ELLIPSE = TASK | {"mask": {"kind": "ellipse", "semi_axis": 0.3}}
SIZE = 10


def split_of(cells, split="train"):
    rows = [
        {"source": "s", "image": f"{row}.png", "row": row, "patient": str(row), "label": label, "nuisance": nuisance, "split": split}
        for row, (label, nuisance) in enumerate(cells)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def squares(*has):
    """A mask per flag: a square of 9 pixels, at another place for each, or nothing."""
    masks = np.zeros((len(has), SIZE, SIZE), np.uint8)
    for number, there in enumerate(has):
        masks[number, 1 + number % 6 : 4 + number % 6, 2:5] = there
    return masks


def write(tmp_path, split, masks):
    """The files that the figure takes."""
    csv, images = tmp_path / "splits/t/seed=7.csv", tmp_path / "data/s/images.npy"
    csv.parent.mkdir(parents=True)
    images.parent.mkdir(parents=True)
    split.to_csv(csv, index=False)
    np.save(images, np.full((len(split), SIZE, SIZE), 100, np.uint8))
    np.save(images.with_name("masks.npy"), masks)
    return [csv, images]


def variants(has, labels, task=TASK):
    return sheet.variants(squares(*has).astype(bool), np.array(labels), task, seed=7)


def column(found, word):
    (name,) = [name for name in found if word in name]
    return found[name]


def shown(axes):
    """What a panel says, in words if it does so."""
    return axes.texts[0].get_text() if axes.texts else "mask" if len(axes.images) == 2 else "image"


def test_the_sample_has_positives_with_a_mask_first_and_the_groups_take_turns():
    split = split_of([(1, 0), (1, 0), (1, 1), (1, 1), (0, 0), (0, 0), (0, 1)])
    split.loc[7] = split.loc[0].to_dict() | {"row": 7, "split": "test"}
    sample = sheet.choose_sample(split, {"s": squares(0, 1, 0, 1, 0, 0, 0, 1)}, TASK["mask"])
    assert sample["row"].tolist() == [1, 3, 0, 2, 4, 6, 5]


def test_with_one_group_in_training_both_positives_are_from_it():
    split = split_of([(1, 1), (1, 1), (0, 0), (0, 0)])
    sample = sheet.choose_sample(split, {"s": squares(0, 1, 0, 0)}, TASK["mask"])
    assert sample["row"].tolist() == [1, 0, 2, 3]


def test_the_sample_is_bounded():
    split = split_of([(label, group) for label in (0, 1) for group in (0, 1) for _ in range(50)])
    sample = sheet.choose_sample(split, {}, ELLIPSE["mask"])
    assert sample.groupby(["label", "nuisance"]).size().tolist() == [16, 16, 16, 16]


def test_own_masks_are_those_of_the_rows_and_nothing_where_the_source_has_none():
    split = split_of([(1, 0), (1, 1), (0, 0)]).iloc[[2, 0]].reset_index(drop=True)
    stored = squares(1, 1, 1)
    own = sheet.own_masks(split, {"s": stored}, TASK["mask"], (SIZE, SIZE))
    np.testing.assert_array_equal(own, stored[[2, 0]].astype(bool))
    assert not sheet.own_masks(split, {"s": stored[:0]}, TASK["mask"], (SIZE, SIZE)).any()


HEART = TASK | {"mask": {"kind": "anatomy", "structures": ["Heart", "Aorta"]}}


def test_masks_of_anatomy_are_any_of_its_structures_and_come_first():
    split = split_of([(1, 0), (1, 0), (0, 0), (0, 0)])
    stored = np.stack(
        [squares(0, 1, 0, 1)[row].astype(np.uint16) * BITS[name] for row, name in enumerate(4 * ["Aorta"])]
    )
    stored[0] = BITS["Spine"]
    sample = sheet.choose_sample(split, {"s": stored}, HEART["mask"])
    assert sample["row"].tolist() == [1, 0, 3, 2]
    own = sheet.own_masks(sample, {"s": stored}, HEART["mask"], (SIZE, SIZE))
    np.testing.assert_array_equal(own, squares(0, 1, 0, 1)[[1, 0, 3, 2]].astype(bool))
    found = sheet.variants(own, np.array([1, 1, 0, 0]), HEART, seed=7)
    assert all(masks is not None for masks in found.values())


def test_the_sheet_of_a_task_with_anatomy_beside_one_with_boxes(tmp_path):
    split = split_of([(1, 0), (1, 1), (0, 0), (0, 1)])
    files = write(tmp_path, split, squares(1, 1, 0, 0))
    np.save(files[1].with_name("anatomy.npy"), squares(0, 1, 1, 1).astype(np.uint16) * BITS["Heart"])
    (tmp_path / "splits/u").mkdir()
    files += [tmp_path / "splits/u/seed=7.csv", files[1].with_name("anatomy.npy"), files[1].with_name("masks.npy")]
    split.to_csv(files[2], index=False)
    figure = sheet.draw(files, {"tasks": {"t": TASK, "u": HEART}, "methods": []})
    grid = np.array(figure.axes).reshape(2, 4, 9)
    assert [shown(row[1]) for row in grid[0]] == ["mask", "mask", "no mask", "no mask"]
    assert [shown(row[1]) for row in grid[1]] == ["no mask", "mask", "mask", "mask"]
    titles = [block.get_suptitle() for block in figure.subfigs]
    assert "masks from the source;" in titles[0]
    assert "masks of anatomy, Heart, Aorta;" in titles[1]


def test_every_column_changes_one_thing():
    has, labels = (1, 1, 0, 0), (1, 1, 0, 0)
    found, own = variants(has, labels), squares(*has).astype(bool)
    np.testing.assert_array_equal(column(found, "own"), own)
    np.testing.assert_array_equal(column(found, "study"), own)
    np.testing.assert_array_equal(column(found, "inverted"), ~own & own.any(axis=(1, 2), keepdims=True))
    np.testing.assert_array_equal(column(found, "other"), own[[1, 0, 2, 3]])
    matched = column(found, "matched")
    np.testing.assert_array_equal(matched[:2], own[:2])
    assert all(any((mask == positive).all() for positive in own[:2]) for mask in matched[2:])
    random = column(found, "random")
    assert random.sum(axis=(1, 2)).tolist() == [9, 9, 0, 0]
    # 2 % of 10 pixels: the kernel ends at int(4 * 0.2 + 0.5) = 1 pixel, so 3 x 3 becomes 5 x 5.
    assert column(found, "dilated").sum(axis=(1, 2)).tolist() == [25, 25, 0, 0]
    assert column(found, "budget").all(axis=(1, 2)).sum() == 2


def test_the_study_is_what_its_guidance_says():
    task = TASK | {"guidance": PLAIN | {"negatives": "skip", "blur_sigma": 0.25}}
    study = column(variants((1, 0, 0), (1, 1, 0), task), "study")
    assert study.sum(axis=(1, 2)).tolist() == [25, 100, 100]


@pytest.mark.parametrize(
    ("has", "labels", "dashes"),
    [
        ((1, 1, 1), (1, 1, 0), {"matched"}),  # no negative is without
        ((1, 0, 0), (1, 1, 0), {"other"}),  # there is only one
        ((0, 0, 1, 1, 0), (1, 1, 0, 0, 0), {"matched"}),  # no positive has one
        ((0, 0, 0), (1, 1, 0), {"study", "dilated", "matched", "random", "other", "inverted", "budget"}),
    ],
)
def test_what_cannot_apply_is_left_out(has, labels, dashes):
    found = variants(has, labels)
    assert {word for name, masks in found.items() if masks is None for word in dashes if word in name} == dashes
    assert sum(masks is None for masks in found.values()) == len(dashes)


def test_one_ellipse_for_all_is_neither_matched_nor_exchanged():
    own = sheet.own_masks(split_of([(1, 0), (0, 1)]), {}, ELLIPSE["mask"], (SIZE, SIZE))
    found = sheet.variants(own, np.array([1, 0]), ELLIPSE, seed=7)
    assert [name for name, masks in found.items() if masks is None] == [sheet.MATCHED, sheet.OTHER]
    np.testing.assert_array_equal(column(found, "inverted"), ~own & own.any(axis=(1, 2), keepdims=True))


def test_the_sheet_in_words(tmp_path):
    task = TASK | {"guidance": PLAIN | {"negatives": "skip"}}
    files = write(tmp_path, split_of([(1, 0), (1, 1), (0, 0), (0, 1), (0, 1)]), squares(1, 0, 0, 0, 0))
    figure = sheet.draw(files, {"tasks": {"t": task}, "methods": []})
    grid = np.array(figure.axes).reshape(4, 9)
    assert grid[0, 1].get_title() == "own ROI mask"
    assert [row[0].get_ylabel() for row in grid] == ["ill\nA", "ill\nB", "well\nA", "well\nB"]
    assert [shown(axes) for axes in grid[0, :3]] == ["image", "mask", "mask"]
    assert [shown(axes) for axes in grid[1, 1:4]] == ["no mask", "no guidance", "no guidance"]
    assert [shown(axes) for axes in grid[2, 1:6]] == ["no mask", "no guidance", "all outside", "mask", "all outside"]
    assert {shown(axes) for axes in grid[:, 6]} == {"–"}, "there is no other mask"
    heading = figure.subfigs[0].get_suptitle()
    assert heading.startswith("t: masks from the source; in this study negatives skip")


def test_the_sheet_without_any_mask_and_with_an_ellipse(tmp_path):
    files = write(tmp_path, split_of([(1, 0), (0, 1)]), squares()[:0])
    grid = np.array(sheet.draw(files, {"tasks": {"t": TASK}, "methods": []}).axes).reshape(2, 9)
    assert {shown(axes) for axes in grid[:, 1]} == {"no mask"}
    assert {shown(axes) for axes in grid[:, 2:].flat} == {"–"}
    figure = sheet.draw(files, {"tasks": {"t": ELLIPSE}, "methods": []})
    assert [shown(axes) for axes in figure.axes[:5]] == ["image", "mask", "mask", "mask", "–"]


@pytest.mark.parametrize(("given", "shown"), [(None, 0.0), (1.5, 1.5), ([0.0, 2.0], 1.0)])
def test_a_blur_that_is_searched_is_shown_at_the_middle_of_its_range(given, shown):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["tasks"]["vpc"]["mask"] |= {} if given is None else {"blur_sigma": given}
    assert results_settings(config)["tasks"]["vpc"]["guidance"] == PLAIN | {"blur_sigma": shown}
