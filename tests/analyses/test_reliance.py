"""What a classifier owes to the outside of the ROI mask, of classifiers of which it is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import reliance
from red_herring.data.dataset import Dataset
from support.given import Given
from torch import nn

SIZE = 8
INSIDE = np.zeros((SIZE, SIZE), bool)
INSIDE[2:6, 2:6] = True


class Sees(nn.Module):
    """y1 is the mean of the pixels of one region, y0 is 0."""

    def __init__(self, region):
        super().__init__()
        self.register_buffer("region", torch.from_numpy(region))

    def forward(self, x):
        y1 = x[:, 0, self.region].mean(dim=1)
        return torch.stack([torch.zeros_like(y1), y1], dim=1)


def pool(cells, masks=INSIDE, extra="test_balanced"):
    """Images whose inside says the label (200 or 50) and whose outside the group (220 or 20), with noise.

    cells: (label, nuisance) -> how many in the shifted test set, how many in another one.
    """
    random, rows, levels = np.random.default_rng(0), [], []
    for (label, nuisance), numbers in cells.items():
        for split, number in zip(("test", extra), numbers, strict=True):
            for _ in range(number):
                image = np.where(INSIDE, 200 if label else 50, 220 if nuisance else 20) + random.integers(
                    -9, 10, (SIZE, SIZE)
                )
                levels.append(image)
                rows.append(
                    {"split": split, "source": "s", "image": f"{len(rows)}", "label": label, "nuisance": nuisance}
                )
    return Dataset(np.array(levels, np.uint8), masks, pd.DataFrame(rows), (0.0, 1.0))


SHIFTED = {(0, 0): (10, 2), (1, 1): (10, 2), (0, 1): (3, 3), (1, 0): (3, 3)}


def found(region, cells=SHIFTED, **how):
    analysed = reliance.analyse(Given(Sees(region), pool(cells, **how)), {})
    return analysed.table.iloc[0], analysed.per_image


def test_who_sees_the_inside_only_relies_on_nothing():
    row, images = found(INSIDE)
    assert (row["images"], row["undefined"]) == (26, 0)
    assert row[["change_other", "change_same", "reliance", "relative_reliance"]].tolist() == [0, 0, 0, 0]
    assert row[["auc", "auc_other", "auc_same", "auc_blanked", "auc_shuffled"]].tolist() == [1] * 5
    assert (images["other"] == images["logit"]).all()


def test_who_sees_the_outside_only_turns_with_it():
    row, _ = found(~INSIDE)
    assert row["reliance"] == pytest.approx(200 / 255, abs=0.02)
    assert row["change_other"] == pytest.approx(200 / 255, abs=0.02)
    assert row["change_same"] < 0.05
    assert row["class_effect"] == pytest.approx(0, abs=0.02)
    assert row["relative_reliance"] == pytest.approx(row["reliance"] / (row["reliance"] + row["class_effect"]))
    assert row["relative_reliance"] > 0.97
    assert row["auc_other"] == pytest.approx(1 - row["auc_same"], abs=0.05), (
        "the other group's outside turns the ranking"
    )
    assert row["auc_blanked"] == 0.5


def test_who_sees_both_relies_on_the_outside_by_its_part_of_the_answer():
    row, _ = found(np.ones((SIZE, SIZE), bool))
    within, outside = 150 * INSIDE.mean(), 200 * (~INSIDE).mean()
    assert row["class_effect"] == pytest.approx(within / 255, abs=0.02)
    assert row["relative_reliance"] == pytest.approx(outside / (outside + within), abs=0.03)


def test_the_class_effect_is_that_within_groups_however_they_go_together():
    data = pool({(0, 0): (20, 1), (1, 1): (20, 1), (0, 1): (0, 1), (1, 0): (0, 1)})
    logits = np.where(data.table["nuisance"] == 1, 9.0, 0.0) + 2.0 * data.labels.numpy()
    assert reliance._class_effect(data, logits) == pytest.approx(2)
    one = pool({(0, 0): (3, 0), (1, 1): (3, 0)})
    assert np.isnan(reliance._class_effect(one, np.arange(6.0)))


def test_an_outside_is_of_the_right_group_and_of_the_same_class():
    _, images = found(~INSIDE)
    table = pool(SHIFTED).table.set_index("image")
    for arm, sign in (("other", -1), ("same", 1)):
        donors = table.loc[images[f"{arm}_image"]]
        assert donors["label"].tolist() == images["label"].tolist()
        assert ((2 * donors["nuisance"].to_numpy() - 1) * (2 * images["nuisance"] - 1) == sign).all()
    assert (images["same_image"] != images["image"]).all()
    assert not images["image"].isin(table.index[table["split"] != "test"]).any(), (
        "only the shifted test set is asked about"
    )


def test_an_image_without_anyone_to_exchange_with_is_counted():
    row, images = found(~INSIDE, {(0, 0): (4, 0), (1, 1): (4, 0), (0, 1): (1, 0)})
    assert (row["images"], row["undefined"]) == (4, 5)
    assert set(zip(images["label"], images["nuisance"], strict=True)) == {(0, 0)}
    assert np.isnan(float(row["auc"] or np.nan)), "one class has no AUC"


def test_a_study_in_which_nothing_can_be_exchanged_has_no_numbers():
    row, images = found(~INSIDE, {(0, 0): (4, 0), (1, 1): (4, 0)})
    assert (row["images"], row["undefined"], len(images)) == (0, 8, 0)
    assert pd.isna(row[["auc", "auc_other", "change_other", "reliance", "relative_reliance"]]).all()


def test_negatives_without_a_mask_get_that_of_a_positive_and_positives_are_left_out():
    whole = pool(SHIFTED)
    masks = np.broadcast_to(INSIDE, whole.levels.shape).copy()
    label = whole.table["label"].to_numpy()
    masks[label == 0] = False
    masks[np.flatnonzero(label == 1)[:2]] = False
    row, images = found(INSIDE, masks=masks)
    assert (row["images"], row["undefined"]) == (24, 2)
    assert row["change_other"] == 0
    assert (images["label"] == 0).sum() == 13


def test_no_finding_comes_along_with_the_outside():
    data = pool(SHIFTED)
    masks = np.broadcast_to(INSIDE, data.levels.shape).copy()
    masks[5:13] = np.roll(INSIDE, 2, axis=1)
    data = Dataset(data.levels.numpy(), masks, data.table, (0.0, 1.0))
    rows = np.arange(4)
    donors = {"other": np.array([5, 6, 7, 8]), "same": np.array([13, 14, 15, 16])}
    variants = reliance._variants(data, masks[rows], rows, donors, seed=3)
    theirs, levels = np.roll(INSIDE, 2, axis=1), data.levels.numpy()
    for name, variant in variants.items():
        assert (variant[:, theirs] == levels[rows][:, theirs]).all(), name
    rest = ~(INSIDE | theirs)
    assert (variants["other"][:, rest] == levels[5:9][:, rest]).all()
    assert (variants["same"][:, rest] == levels[13:17][:, rest]).all()


def test_masks_of_another_size_in_one_group_are_no_reliance():
    """Images say nothing of their group, whose masks are small in one and large in the other."""
    random, shape = np.random.default_rng(0), (16, 16)
    rows = [
        {"split": "test", "source": "s", "image": f"{i}", "label": i % 2, "nuisance": i // 2 % 2} for i in range(400)
    ]
    masks = np.zeros((400, *shape), bool)
    for mask, row in zip(masks, rows, strict=True):
        half = 6 if row["nuisance"] else 2
        mask[8 - half : 8 + half, 8 - half : 8 + half] = True
    levels = random.integers(0, 256, (400, 1, 1)) * np.ones(shape)  # each image its own grey
    data = Dataset(levels.astype(np.uint8), masks, pd.DataFrame(rows), (0.0, 1.0))
    model = Sees(np.ones(shape, bool))
    spread = levels.std() / 255
    found = [reliance.analyse(Given(model, data, seed), {}).table["reliance"][0] / spread for seed in range(5)]
    assert abs(np.mean(found)) < 0.02  # 0.05 to 0.09 where each outside had a region of its own


def test_it_is_the_same_again_and_another_with_another_seed():
    data, model = pool(SHIFTED), Sees(~INSIDE)
    one, again, other = (reliance.analyse(Given(model, data, seed), {}).per_image for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert (one["same_image"] != other["same_image"]).any()


def test_what_is_inside_stays_in_every_variant():
    data = pool(SHIFTED)
    rows, masks = np.arange(4), np.broadcast_to(INSIDE, (4, SIZE, SIZE)).copy()
    donors = {"other": np.array([5, 6, 7, 8]), "same": np.array([9, 10, 11, 12])}
    levels = data.levels.numpy()
    variants = reliance._variants(data, masks, rows, donors, seed=3)
    for name, variant in variants.items():
        assert (variant[masks] == levels[rows][masks]).all(), name
    np.testing.assert_array_equal(variants["other"][~masks], levels[donors["other"]][~masks])
    for before, after in zip(levels[rows], variants["shuffled"], strict=True):
        assert sorted(before[~INSIDE]) == sorted(after[~INSIDE])
        assert (before[~INSIDE] != after[~INSIDE]).any()
    assert len(np.unique(variants["blanked"][~masks])) == 1
