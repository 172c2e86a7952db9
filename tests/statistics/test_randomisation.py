"""Similarities after randomisation against the line of different images: by hand, by loops, and by simulation."""

import numpy as np
import pytest
from red_herring.statistics.paired import t_interval
from red_herring.statistics.randomisation import (
    Pairs,
    crossed_interval,
    image_interval,
    interval_over_runs,
    pair_interval,
    pairs_of,
    verdict,
)
from scipy import stats


def by_loops(values, pairs):
    """The difference of the two means and its half width, leaving out one image, then one draw, at a time."""

    def difference(images, draws):
        own = [values[i][r] for i in images for r in draws if not np.isnan(values[i][r])]
        line = [value for i, j, value in pairs if i in images and j in images and not np.isnan(value)]
        return sum(own) / len(own) - (sum(line) / len(line) if pairs else 0)

    images, draws = range(len(values)), range(len(values[0]))
    half_widths = []
    for units, left_out in (
        (images, [difference([i for i in images if i != out], draws) for out in images]),
        (draws, [difference(images, [r for r in draws if r != out]) for out in draws]),
    ):
        n, mean = len(units), sum(left_out) / len(units)
        variance = (n - 1) / n * sum((value - mean) ** 2 for value in left_out)
        half_widths.append(stats.t.ppf(0.975, n - 1) * variance**0.5)
    return difference(images, draws), sum(half**2 for half in half_widths) ** 0.5


@pytest.mark.parametrize(("with_line", "missing"), [(False, 0), (False, 5), (True, 0), (True, 5), (True, "an image")])
def test_the_interval_is_that_of_leaving_one_out_in_loops(with_line, missing):
    """An image of which all values are missing counts by its pairs."""
    rng = np.random.default_rng(0)
    values, (first, second) = rng.normal(size=(9, 4)), pairs_of(9, 3)
    of_line = rng.normal(size=len(first))
    if missing == "an image":
        values[2] = np.nan
    else:
        values.ravel()[rng.permutation(values.size)[:missing]] = np.nan
        of_line[rng.permutation(len(first))[:missing]] = np.nan
    line = Pairs(first, second, of_line) if with_line else None
    mean, reach = by_loops(values.tolist(), list(zip(first, second, of_line, strict=True)) if with_line else [])
    assert crossed_interval(values, line) == pytest.approx((mean, mean - reach, mean + reach), abs=1e-12)


def test_the_interval_by_hand():
    """Images 0, 2 and draws -1, 1 about them: means 0 and 2, and 0 and 2; both have standard error 1, and t(1) of each
    adds up in squares.
    """
    reach = stats.t.ppf(0.975, 1) * 2**0.5
    assert crossed_interval(np.array([[-1.0, 1.0], [1.0, 3.0]])) == pytest.approx((1, 1 - reach, 1 + reach))


def test_without_any_effect_of_the_draws_it_is_students():
    """As for what depends on the image alone, such as edges."""
    values = np.random.default_rng(1).normal(size=12)
    found = crossed_interval(np.repeat(values[:, None], 3, axis=1))
    assert found == pytest.approx((values.mean(), *stats.t.interval(0.95, 11, values.mean(), stats.sem(values))))


def test_an_image_and_a_draw_without_any_number_count_for_nothing():
    rng = np.random.default_rng(2)
    values, (first, second) = rng.normal(size=(6, 3)), pairs_of(6, 2)
    of_line = rng.normal(size=len(first))
    more = np.full((7, 4), np.nan)
    more[:6, :3] = values
    found = crossed_interval(more, Pairs(np.append(first, 6), np.append(second, 0), np.append(of_line, np.nan)))
    assert found == pytest.approx(crossed_interval(values, Pairs(first, second, of_line)))


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1)])
def test_one_image_or_one_draw_has_no_interval(shape):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    value, low, high = crossed_interval(values)
    assert value == values.mean()
    assert np.isnan([low, high]).all()


def test_where_nothing_varies_or_nothing_is_defined_there_is_none():
    rounded = np.float32(1) + np.random.default_rng(0).normal(0, 1e-7, (5, 3))  # as of maps that stay as they are
    for same in (np.full((5, 3), 1 - 1e-16), rounded):
        value, low, high = crossed_interval(same)
        assert value == pytest.approx(1)
        assert np.isnan([low, high]).all()
    assert np.isnan(crossed_interval(np.full((5, 3), np.nan))).all()
    star = Pairs(np.zeros(4, int), np.arange(1, 5), np.arange(4.0))
    assert np.isnan(crossed_interval(np.arange(10.0).reshape(5, 2), star)[1:]).all(), "no pair is without the first"
    two = Pairs(*pairs_of(2, 1), np.array([0.5]))
    assert np.isnan(crossed_interval(np.arange(6.0).reshape(2, 3), two)[1:]).all(), "no pair is without one of the two"


@pytest.mark.parametrize(("images", "partners"), [(1, 9), (2, 9), (3, 9), (8, 9), (9, 9), (9, 2), (10, 5), (50, 7)])
def test_pairs_are_of_different_images_each_once_and_all_images_in_as_many(images, partners):
    first, second = pairs_of(images, partners)
    assert len({frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}) == len(first)
    assert (first != second).all()
    times = np.bincount(np.concatenate([first, second]), minlength=images)
    assert (times == times[0]).all()
    assert len(first) == min(images * partners, images * (images - 1) // 2)


def test_the_verdict_is_that_of_the_interval():
    assert [verdict(*ends) for ends in ((-2, -1), (1, 2), (-1, 1), (-1, 0), (0, 1), (np.nan, np.nan))] == [
        *("pass", "fail"),
        *["undecided"] * 4,
    ]


def test_of_runs_that_differ_it_is_students_and_of_those_that_agree_what_their_own_leave():
    differences = np.array([-0.3, -0.1, -0.2])
    found = interval_over_runs(differences, differences - 0.01, differences + 0.01)
    assert found == pytest.approx(t_interval(differences))
    alike = np.array([-0.2, -0.2 + 1e-6])
    reach = 0.3 / 2**0.5  # of a mean of two that are each known within 0.3
    found = interval_over_runs(alike, alike - 0.3, alike + 0.3)
    assert found == pytest.approx((-0.2, -0.2 - reach, -0.2 + reach), abs=1e-5)
    one_known = np.array([0.3, np.nan])
    found = interval_over_runs(alike, alike - one_known, alike + one_known)
    assert found == pytest.approx((-0.2, -0.2 - 0.15, -0.2 + 0.15), abs=1e-5), "what is known of one still counts"


def test_without_intervals_of_their_own_it_is_students_and_of_one_run_its_own():
    differences, none = np.array([0.1, 0.3]), np.full(2, np.nan)
    assert interval_over_runs(differences, none, none) == pytest.approx(t_interval(differences))
    assert np.isnan(interval_over_runs(np.zeros(2), none, none)[1:]).all(), "an interval of no width decides nothing"
    assert interval_over_runs(np.array([0.1]), np.array([-0.2]), np.array([0.5])) == (0.1, -0.2, 0.5)
    assert np.isnan(interval_over_runs(np.array([]), np.array([]), np.array([]))).all()
    same = interval_over_runs(np.array([0.1, 0.1]), none, none)
    assert np.isnan([same.low, same.high]).all(), "two that agree to the last digit are no interval of no width"


def shares(intervals):
    found = [verdict(interval.low, interval.high) for interval in intervals]
    return found.count("pass") / len(found), found.count("fail") / len(found)


def drawn(rng, images, draws, of_image, of_draw, rest):
    """Similarities that are no higher or lower on average than those of pairs of different images."""
    first, second = pairs_of(images, 10)
    hard, network = rng.normal(0, of_image, images), rng.normal(0, of_draw, draws)
    values = hard[:, None] + network + rng.normal(0, rest, (images, draws))
    line = (hard[first] + hard[second]) / 2 + rng.normal(0, rest, len(first))
    return values, Pairs(first, second, line)


@pytest.mark.parametrize("of_draw", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("images", "draws"), [(6, 2), (6, 5), (100, 2), (100, 5)])
def test_of_equal_distributions_at_most_one_in_twenty_passes_and_one_in_twenty_fails(images, draws, of_draw):
    rng = np.random.default_rng([images, draws])
    passed, failed = shares(crossed_interval(*drawn(rng, images, draws, 1.0, of_draw, 0.5)) for _ in range(500))
    assert max(passed, failed) <= 0.05


@pytest.mark.parametrize("of_model", [0.0, 0.5])
@pytest.mark.parametrize("models", [2, 3, 5])
def test_nor_do_more_of_the_verdicts_on_new_models(models, of_model):
    """Each with images and draws of its own."""
    rng = np.random.default_rng(models)

    def of_one():
        values, line = drawn(rng, 8, 2, 0.5, 0.2, 0.5)
        return crossed_interval(values + rng.normal(0, of_model), line)

    passed, failed = shares(interval_over_runs(*np.transpose([of_one() for _ in range(models)])) for _ in range(200))
    assert max(passed, failed) <= 0.05


def test_a_difference_that_is_there_is_found_mostly():
    rng = np.random.default_rng(0)
    intervals = []
    for _ in range(100):
        values, line = drawn(rng, 24, 5, 0.1, 0.05, 0.2)
        intervals.append(crossed_interval(values - 0.2, line))
    assert shares(intervals)[0] > 0.9


def leaving_out(units, mean_of):
    """A mean and the half width of its interval, by leaving out one unit at a time."""
    left_out = [mean_of([unit for unit in range(units) if unit != out]) for out in range(units)]
    mean = sum(left_out) / units
    variance = (units - 1) / units * sum((value - mean) ** 2 for value in left_out)
    return mean_of(range(units)), stats.t.ppf(0.975, units - 1) * variance**0.5


def a_line(images, seed):
    rng, (first, second) = np.random.default_rng(seed), pairs_of(images, 3)
    alike = rng.normal(size=len(first))
    alike[2] = np.nan
    return Pairs(first, second, alike)


def mean_within(pairs, rows):
    return np.nanmean([value for i, j, value in zip(*pairs, strict=True) if i in rows and j in rows])


def test_the_intervals_of_images_are_those_of_leaving_one_out_in_loops():
    values, line = np.random.default_rng(2).normal(size=9), a_line(9, 3)
    values[4] = np.nan
    mean, reach = leaving_out(9, lambda rows: np.nanmean(values[list(rows)]) - mean_within(line, rows))
    assert image_interval(values, line) == pytest.approx((mean, mean - reach, mean + reach))
    mean, reach = leaving_out(9, lambda rows: mean_within(line, rows))
    assert pair_interval(line, 9) == pytest.approx((mean, mean - reach, mean + reach))


def test_two_seeds_are_one_pair_whichever_is_the_first_and_have_no_interval():
    found = pair_interval(Pairs(np.array([0, 1]), np.array([1, 0]), np.array([0.2, 0.4])), 2)
    assert found.value == pytest.approx(0.3)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("of_seed", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seeds", [3, 5])
def test_of_each_seed_with_the_next_one_the_interval_misses_the_mean_in_one_of_twenty_or_less(seeds, of_seed):
    rng, first = np.random.default_rng(seeds), np.arange(seeds)
    missed = 0
    for _ in range(1000):
        effect, rest = rng.normal(0, of_seed**0.5, seeds), rng.normal(0, (1 - of_seed) ** 0.5, seeds)
        second = (first + 1) % seeds
        found = pair_interval(Pairs(first, second, effect[first] + effect[second] + rest), seeds)
        missed += not found.low < 0 < found.high
    assert missed / 1000 < 0.05 + 3 * (0.05 * 0.95 / 1000) ** 0.5
