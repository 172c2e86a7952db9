"""Ranks of methods, and how sure they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from red_herring.statistics.common import CONFIDENCE, DECIMALS, LEAST_SEEDS, RESAMPLES

RANKS = ["ranked", "rank", "last", "best", "worst", "rank_low", "rank_high"]


def ranks(values: pd.DataFrame) -> pd.DataFrame:
    """Each method's place by its mean over the seeds that all methods have, 1 for the highest: means over other seeds
    would rank the seeds, too.

    values: one row per seed, one column per method; NaN where there is no run. A method without a value has no rank and
    is not counted.

    Returns one row per column with `ranked`, the number of these seeds, the same for all; `rank` and `last`, the first
    and the last of the places that methods of one mean share; best and worst, the same over single seeds; and rank_low
    and rank_high, the ends of the 95 % percentile bootstrap interval over seeds, of which each is drawn with its runs
    of all methods, rounded outwards. Undefined for fewer than LEAST_SEEDS seeds.

    Of ten methods whose means lie a quarter of a run's standard deviation apart the interval has the true rank in 92 %
    of cases with 5 seeds and in 98 % with 10; with 3 it would be 85 %.
    """
    grid = values.to_numpy(float)
    there = ~np.isnan(grid)
    grid = grid[there[:, there.any(axis=0)].all(axis=1)]
    rank, last = _places(_means(grid))
    first_of_seed, last_of_seed = _places(grid)
    undefined = np.full(grid.shape[1], np.nan)
    table = {
        "ranked": np.full(grid.shape[1], float(len(grid))),
        "rank": rank,
        "last": last,
        "best": _over_seeds(np.nanmin, first_of_seed),
    }
    table |= {"worst": _over_seeds(np.nanmax, last_of_seed), "rank_low": undefined, "rank_high": undefined}
    seeds = len(grid)
    if seeds >= LEAST_SEEDS:
        drawn = np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))
        ends = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
        first, last = _places(_means(grid[drawn]))
        table["rank_low"] = np.floor(_over_seeds(partial(np.nanquantile, q=ends[0]), first))
        table["rank_high"] = np.ceil(_over_seeds(partial(np.nanquantile, q=ends[1]), last))
    return pd.DataFrame(table, index=values.columns)[RANKS]


def _means(grid: np.ndarray) -> np.ndarray:
    """[..., methods] over seeds of [..., seeds, methods]."""
    count = (~np.isnan(grid)).sum(axis=-2)
    means: np.ndarray = np.round(np.nansum(grid, axis=-2) / np.where(count, count, np.nan), DECIMALS)
    return means


def _places(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last place of those that share a value, over the last axis; NaN keeps its place."""
    missing = np.isnan(values)
    falling = np.where(missing, np.inf, -np.round(values, DECIMALS))
    first, last = (stats.rankdata(falling, method=method, axis=-1) for method in ("min", "max"))
    return np.where(missing, np.nan, first), np.where(missing, np.nan, last)


def _over_seeds(statistic: Callable[..., np.ndarray], places: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a method without a value
        return statistic(places, axis=0) if len(places) else np.full(places.shape[1], np.nan)
