"""The order of an epoch."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from red_herring.data.sampling import draw_examples, draw_order, in_rounds
from red_herring.runtime.files import StudyError
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


def test_copies_are_drawn_without_replacement_and_an_epoch_is_as_long():
    """Of 2 * 3 + 8 = 14 copies of 10 images 10 are drawn."""
    cells, repeats = torch.zeros(10, dtype=torch.int64), torch.tensor([3, 3] + [1] * 8)
    times = torch.stack(
        [draw_order("shuffled", cells, seeded(seed), repeats).bincount(minlength=10) for seed in range(300)]
    )
    assert set(times.sum(dim=1).tolist()) == {10}
    assert (times <= repeats).all()
    # Of each copy 10 / 14 = 0.714; the standard error over 300 epochs is below 0.05 for one image.
    torch.testing.assert_close(times.double().mean(dim=0), repeats.double() * 10 / 14, rtol=0, atol=0.2)


def test_one_copy_of_each_is_the_order_without_copies():
    cells = torch.arange(40) // 7 % 4
    for sampling in ("shuffled", "groups"):
        one = draw_order(sampling, cells, seeded(), torch.ones(40, dtype=torch.int64))
        assert torch.equal(one, draw_order(sampling, cells, seeded()))


def test_copies_count_within_their_cell_and_cells_stay_equal():
    cells, repeats = torch.tensor([0] * 6 + [3] * 6), torch.tensor([5] + [1] * 11)
    orders = [draw_order("groups", cells, seeded(seed), repeats) for seed in range(200)]
    assert all((cells[order] == 0).sum() == 6 for order in orders)
    times = torch.stack([order.bincount(minlength=12) for order in orders]).double().mean(dim=0)
    # Six places for 10 copies: 3 for the image that has five, 0.6 for the others of its cell; one each in the other.
    torch.testing.assert_close(times[:6], torch.tensor([3.0, *[0.6] * 5]).double(), rtol=0, atol=0.2)
    assert times[6:].tolist() == [1.0] * 6


LABELS = torch.arange(30) % 3 // 2
"""20 of label 0, 10 of label 1."""


def test_examples_are_as_many_of_each_label_none_twice():
    for count in (1, 5, 10):
        rows = draw_examples(LABELS, count, seed=1, draw=1)
        assert len(rows.unique()) == 2 * count
        assert LABELS[rows].bincount().tolist() == [count, count]
    assert torch.equal(draw_examples(LABELS, None, 1, 1), torch.arange(30))


def test_few_examples_are_among_more_of_the_same_draw_and_draws_differ():
    nested = [set(draw_examples(LABELS, count, seed=1, draw=2).tolist()) for count in (1, 2, 5, 10)]
    assert all(few < more for few, more in itertools.pairwise(nested))
    drawn = {tuple(draw_examples(LABELS, 5, seed, draw).tolist()) for seed in (1, 2) for draw in (1, 2, 3)}
    assert len(drawn) == 6
    assert torch.equal(draw_examples(LABELS, 5, 1, 2), draw_examples(LABELS, 5, 1, 2))


def test_more_examples_than_there_are_are_refused():
    with pytest.raises(
        StudyError, match=r"^examples: is 11, and of label 1 there are 10 training images; give at most"
    ):
        draw_examples(LABELS, 11, 1, 1)


def test_rounds_show_each_row_before_any_again():
    rows = torch.tensor([3, 5, 7])
    shown = in_rounds(rows, 8, seeded())
    assert [sorted(shown[start : start + 3].tolist()) for start in (0, 3)] == [[3, 5, 7]] * 2
    assert len(shown) == 8
