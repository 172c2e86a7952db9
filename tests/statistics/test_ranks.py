"""Ranks by hand, where methods tie or runs are missing, and how often their intervals are right."""

import numpy as np
import pandas as pd
import pytest
from red_herring.statistics.ranks import RANKS, ranks

NAN = np.nan


def test_ranks_by_hand():
    values = pd.DataFrame({"a": [0.9, 0.7], "b": [0.8, 0.9], "c": [0.1, 0.2]}, index=[1, 2])
    found = ranks(values)
    assert list(found.columns) == RANKS
    assert found["rank"].tolist() == found["last"].tolist() == [2, 1, 3], "means 0.80, 0.85, 0.15"
    assert found["best"].tolist() == [1, 1, 3]
    assert found["worst"].tolist() == [2, 2, 3]
    assert found[["rank_low", "rank_high"]].isna().all(axis=None), "two seeds are too few"


def test_methods_of_one_mean_share_their_places():
    values = pd.DataFrame({"a": [1.0, 1.0], "b": [0.1 + 0.2, 0.3], "c": [0.3, 0.1 + 0.2], "d": [0.3, 0.3]})
    found = ranks(values)
    assert found["rank"].tolist() == [1, 2, 2, 2], "rounding errors are ties"
    assert found["last"].tolist() == found["worst"].tolist() == [1, 4, 4, 4]
    assert found["best"].tolist() == [1, 2, 2, 2]


def test_a_method_without_a_run_has_no_rank_and_takes_no_place():
    values = pd.DataFrame({"a": [NAN, NAN], "b": [0.5, NAN], "c": [0.6, 0.7]})
    found = ranks(values)
    assert found.loc["a"].drop("ranked").isna().all()
    assert found["rank"].tolist()[1:] == [2, 1]
    assert found.loc["c", "worst"] == 1
    assert ranks(pd.DataFrame({"a": []}, dtype=float)).loc["a"].drop("ranked").isna().all()


def test_methods_are_ranked_on_the_seeds_that_all_of_them_have():
    """The second method is better on every seed that both have; its mean is lower, as it lacks the easy one."""
    values = pd.DataFrame({"a": [0.1, 0.2, 0.9], "b": [0.3, 0.4, NAN], "none": [NAN] * 3})
    found = ranks(values)
    assert values["a"].mean() > values["b"].mean()
    assert found["rank"].tolist()[:2] == [2, 1]
    assert found["ranked"].tolist() == [2, 2, 2]
    assert found.loc["a", ["best", "worst"]].tolist() == [2, 2]
    apart = ranks(pd.DataFrame({"a": [0.1, NAN], "b": [NAN, 0.2]}))
    assert apart["ranked"].tolist() == [0, 0]
    assert apart.drop(columns="ranked").isna().all(axis=None), "no seed has both"


def test_seeds_that_not_all_have_count_for_no_interval():
    values = pd.DataFrame({"a": np.arange(5) / 10, "b": [*np.arange(4) / 20, NAN]})
    assert ranks(values)["rank_low"].isna().all(), "four seeds are too few"


def test_the_interval_is_that_of_a_slow_bootstrap():
    rng = np.random.default_rng(5)
    values = pd.DataFrame(rng.normal([0.3, 0.2, 0.0, 0.0], 0.3, (6, 4)), columns=list("abcd"))
    found = ranks(values)
    drawn = np.random.default_rng(0).integers(6, size=(2000, 6))
    places = pd.DataFrame([values.iloc[rows].mean().rank(ascending=False) for rows in drawn])
    assert found["rank_low"].tolist() == np.floor(places.quantile(0.025)).tolist()
    assert found["rank_high"].tolist() == np.ceil(places.quantile(0.975)).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "low", "high"), [(5, 0.89, 0.95), (10, 0.95, 1.0)])
def test_how_often_the_interval_has_the_true_rank(seeds, low, high):
    rng, true = np.random.default_rng(1), np.arange(1, 11)
    right = []
    for _ in range(100):
        found = ranks(pd.DataFrame(rng.normal(size=(seeds, 10)) - 0.25 * np.arange(10)))
        right.append(((found["rank_low"] <= true) & (true <= found["rank_high"])).mean())
    assert low <= np.mean(right) <= high
