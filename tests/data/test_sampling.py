"""The order of an epoch."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from red_herring.data.sampling import draw_order
from red_herring.study.catalogue import SAMPLING


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_shuffled_is_a_permutation_as_it_has_always_been():
    order = draw_order("shuffled", torch.zeros(20, dtype=torch.int64), seeded(3))
    assert torch.equal(order, torch.randperm(20, generator=seeded(3)))


@given(cells=st.lists(st.integers(0, 3), min_size=1, max_size=60), seed=st.integers(0, 100))
def test_cells_that_exist_are_equally_often_and_their_images_too(cells, seed):
    cells = torch.tensor(cells)
    order = draw_order("groups", cells, seeded(seed))
    assert len(order) == len(cells), "an epoch is as long as before"
    shown = [int((cells[order] == cell).sum()) for cell in cells.unique()]
    assert max(shown) - min(shown) <= 1
    for cell in cells.unique():
        times = torch.bincount(order, minlength=len(cells))[cells == cell]
        assert times.max() - times.min() <= 1


def test_with_a_ratio_of_one_the_two_cells_that_exist_are_equally_often_and_the_others_never():
    cells = torch.tensor([0] * 15 + [3] * 5)
    shown = cells[draw_order("groups", cells, seeded())]
    assert [int((shown == cell).sum()) for cell in range(4)] == [10, 0, 0, 10]


def test_an_order_is_the_generators_and_epochs_differ():
    cells = torch.arange(40) // 7 % 4
    one, again, other = (draw_order("groups", cells, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_over_epochs_every_image_of_a_large_cell_is_seen_and_cells_are_mixed():
    cells = torch.tensor([0] * 36 + [1, 2, 3, 3])
    orders = [draw_order("groups", cells, seeded(seed)) for seed in range(20)]
    assert set(torch.cat(orders).tolist()) == set(range(40))
    halves = [int((cells[order[:20]] == 0).sum()) for order in orders]
    # Hypergeometric: 10 of 40 places, 20 of them in the first half: mean 5, standard deviation 1.4 an epoch.
    assert sum(halves) / 20 == pytest.approx(5, abs=1.5)
    assert len(set(halves)) > 1


def test_places_that_are_left_over_go_to_any_cell():
    cells = torch.tensor([0, 1, 2])[torch.arange(10) % 3]
    extra = {int(torch.bincount(cells[draw_order("groups", cells, seeded(seed))]).argmax()) for seed in range(30)}
    assert extra == {0, 1, 2}


def test_the_catalogue_offers_what_there_is():
    cells = torch.tensor([0] * 30 + [1] * 2)
    shown = {name: int((cells[draw_order(name, cells, seeded())] == 1).sum()) for name in SAMPLING["sampling"]}
    assert shown == {"shuffled": 2, "groups": 16}
