"""Inserting findings: which backgrounds, what is changed in them, and where."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.generation.generator import Generator
from red_herring.generation.insertion import AT_ONCE, backgrounds, by_generator, by_pasting, inserted, mean_change
from red_herring.generation.study_data import images_of, levels_of
from red_herring.runtime.files import StudyError
from red_herring.saliency.boxes import filled, true_boxes
from support.to_detect import FREE, REAL


def table(**cells):
    """Rows of a split with so many of each label and nuisance, `l1n0=3` for label 1 and nuisance 0, mixed up."""
    rows = [(int(cell[1]), int(cell[3])) for cell, count in cells.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=["label", "nuisance"]).sample(frac=1, random_state=1, ignore_index=True)


def test_each_group_gets_as_many_positives_as_it_lacks():
    train = table(l0n0=9, l1n0=2, l0n1=3, l1n1=8)
    rows = backgrounds(train, 1)
    chosen = train.iloc[rows]
    assert chosen.groupby(["label", "nuisance"]).size().to_dict() == {(0, 0): 7}
    assert all(a < b for a, b in pairwise(rows)), "none twice"
    assert np.array_equal(backgrounds(train, 1), rows)
    assert not np.array_equal(backgrounds(train, 2), rows)
    both = table(l0n0=5, l1n0=4, l0n1=3, l1n1=1)
    assert both.iloc[backgrounds(both, 1)].groupby(["label", "nuisance"]).size().to_dict() == {(0, 0): 1, (0, 1): 2}


def test_a_group_that_has_no_positive_gets_one_in_each_of_its_negatives():
    train = table(l0n0=6, l1n1=6)
    assert np.array_equal(backgrounds(train, 3), np.flatnonzero(train["label"] == 0))


def test_where_no_group_lacks_positives_there_is_nothing_to_insert():
    with pytest.raises(StudyError, match="no nuisance group has more negatives than positives"):
        backgrounds(table(l0n0=4, l1n0=4, l0n1=2, l1n1=3), 1)


def generator():
    """One that changes much."""
    made = Generator(28, 2)
    torch.nn.init.constant_(made.last.bias, 2.0)
    return made.requires_grad_(False)


CPU = torch.device("cpu")
WAYS = {"pasting": by_pasting(REAL.examples), "generator": by_generator(generator(), REAL.examples, CPU)}


@pytest.mark.parametrize("way", WAYS)
def test_only_pixels_of_the_box_differ_and_the_mask_is_the_box(way):
    free = images_of(torch.from_numpy(levels_of(FREE.examples.images)))
    before = levels_of(free)
    made = inserted(free, WAYS[way], 4)
    assert made.levels.dtype == made.masks.dtype == np.uint8
    assert np.array_equal(made.levels[made.masks == 0], before[made.masks == 0])
    sizes = {tuple(box[2:] - box[:2]) for own in REAL.examples.boxes for box in own.numpy()}
    for mask, after, own in zip(made.masks, made.levels, before, strict=True):
        (box,) = boxes = true_boxes(mask)
        assert np.array_equal(mask, filled(boxes, mask.shape)[0])
        assert tuple(box[2:] - box[:2]) in sizes
        assert (after != own).any()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_made_depends_on_the_seed_and_nothing_else(way):
    free = FREE.examples.images
    first = inserted(free, WAYS[way], 4)
    torch.rand(3)
    assert all(np.array_equal(a, b) for a, b in zip(inserted(free, WAYS[way], 4), first, strict=True))
    assert not np.array_equal(inserted(free, WAYS[way], 5).masks, first.masks)


def test_more_images_than_a_generator_is_given_at_once_keep_their_order():
    free = torch.linspace(-0.5, 0.5, AT_ONCE + 3).view(-1, 1, 1, 1).expand(-1, 1, 28, 28).contiguous()
    made = inserted(free, WAYS["generator"], 4)
    assert np.array_equal(made.levels[made.masks == 0], levels_of(free)[made.masks == 0])


def test_change_is_the_mean_difference_of_levels_in_some_pixels():
    before, found = np.full((2, 3, 3), 250, np.uint8), np.full((2, 3, 3), 250, np.uint8)
    found[0, 0, 0], found[1, 2, 2] = 0, 255
    pixels = np.zeros(found.shape, bool)
    assert mean_change(found, before, pixels) is None
    pixels[:, 0], pixels[1, 2] = True, True
    assert mean_change(found, before, pixels) == (250 + 5) / 9
