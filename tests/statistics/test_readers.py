"""What readers say, against slow references, and how often the test and the intervals are right on equal readers."""

from itertools import combinations

import numpy as np
import pytest
from red_herring.statistics.readers import LEAST_READERS, difference, median, rank_sum_p
from scipy import stats

FEW = (np.array([1.0, 2.5, 2.5, 4.0]), np.array([2.5, 3.0, 5.0]))


def test_the_median_is_that_of_all_answers_that_were_given():
    answers = np.array([[1, 5, np.nan], [2, np.nan, np.nan], [4, 4, 4]])
    assert median(answers).value == np.median([1, 5, 2, 4, 4, 4])


def test_the_interval_of_the_median_resamples_readers_with_all_their_answers():
    answers = np.repeat([[1.0], [1.0], [3.0], [5.0], [5.0]], 40, axis=1)
    found = median(answers)
    assert (found.low, found.high) == (1, 5), "200 answers, but five readers"
    assert median(np.full((6, 2), 4.0)) == (4, 4, 4)


def test_few_readers_have_no_interval_and_none_no_value():
    assert np.isnan(median(np.empty((0, 3)))).all()
    found = median(np.ones((LEAST_READERS - 1, 2)))
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(difference(np.empty(0), np.ones(9))).all()
    few = difference(np.ones(LEAST_READERS - 1), np.full(9, 3.0))
    assert few.value == 2
    assert np.isnan([few.low, few.high]).all()
    assert np.isnan(rank_sum_p(np.empty(0), np.ones(3)))


def test_the_test_is_that_of_mann_and_whitney_with_all_ways_to_exchange_readers():
    first, second = FEW
    together = np.concatenate(FEW)

    def wins(one, other):
        return sum((a > b) + 0.5 * (a == b) for a in one for b in other)

    centre = len(first) * len(second) / 2
    far = abs(wins(first, second) - centre)
    exchanged = [
        abs(wins(together[list(own)], np.delete(together, list(own))) - centre) >= far - 1e-9
        for own in combinations(range(len(together)), len(first))
    ]
    assert rank_sum_p(first, second) == pytest.approx(np.mean(exchanged))


def test_of_many_readers_it_is_near_the_normal_approximation():
    random = np.random.default_rng(0)
    first, second = random.integers(1, 6, 40) / 1.0, random.integers(2, 7, 30) / 1.0
    expected = stats.mannwhitneyu(first, second, method="asymptotic").pvalue
    assert rank_sum_p(first, second) == pytest.approx(expected, abs=0.01)


def test_readers_who_all_say_the_same_do_not_differ():
    assert rank_sum_p(np.ones(6), np.ones(7)) == 1


def readers(random, count, questions=6):
    """Recommendations of readers who differ more from each other than their answers do."""
    kind = random.normal(3, 1, (count, 1))
    return np.clip(np.rint(kind + random.normal(0, 0.5, (count, questions))), 1, 5)


@pytest.mark.slow
def test_of_equal_readers_few_are_told_apart_and_intervals_hold_what_they_should():
    """Answers of one reader are alike: taken for independent, they would tell a third of equal groups apart."""
    random, rejected, naive, covered = np.random.default_rng(1), 0, 0, 0
    times = 100
    for _ in range(times):
        blinded, unblinded = readers(random, 10), readers(random, 10)
        means = blinded.mean(axis=1), unblinded.mean(axis=1)
        rejected += rank_sum_p(*means) < 0.05
        naive += stats.mannwhitneyu(blinded.ravel(), unblinded.ravel()).pvalue < 0.05
        _, low, high = difference(*means)
        covered += low <= 0 <= high
    assert rejected / times < 0.08
    assert naive / times > 0.3
    assert covered / times > 0.88
