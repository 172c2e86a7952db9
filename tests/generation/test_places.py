"""Where objects may go."""

import torch
from red_herring.generation.boxes import sides
from red_herring.generation.places import plausible_boxes

REAL = torch.tensor([[2, 3, 7, 9], [20, 18, 28, 28]])


def drawn(count, seed=0, real=REAL):
    return plausible_boxes(real, count, 28, torch.Generator().manual_seed(seed))


def test_plausible_boxes_have_the_sizes_of_real_ones_and_are_within_the_image():
    boxes = drawn(200)
    assert boxes.dtype == torch.int64
    assert {tuple(size) for size in sides(boxes).tolist()} == {(5, 6), (8, 10)}
    assert boxes.min() >= 0
    assert boxes.max() <= 28
    assert len(boxes.unique(dim=0)) > 100


def test_of_one_real_box_it_is_that_box():
    assert torch.equal(drawn(3, real=REAL[:1]), REAL[:1].expand(3, 4))


def test_draws_hang_on_the_random_numbers_only():
    assert torch.equal(drawn(9), drawn(9))
    assert not torch.equal(drawn(9), drawn(9, seed=1))
