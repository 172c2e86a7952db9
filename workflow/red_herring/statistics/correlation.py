"""Correlations over runs: pooled, within methods and between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
from scipy import stats

from red_herring.statistics.common import (
    CONFIDENCE,
    DECIMALS,
    LEAST_SEEDS,
    RESAMPLES,
    SIGNIFICANCE,
    percentiles,
)

EQUIVALENCE_BOUND = 0.2
"""A correlation nearer to zero counts as no relation."""

COEFFICIENTS = ("spearman", "pearson")


def _pooled(grid: np.ndarray) -> np.ndarray:
    """All runs, [..., seeds x methods] of a grid [..., seeds, methods]."""
    return grid.reshape(*grid.shape[:-2], -1)


def _between(grid: np.ndarray) -> np.ndarray:
    """The mean of each method, [..., methods]."""
    count = (~np.isnan(grid)).sum(axis=-2)
    means: np.ndarray = np.round(np.nansum(grid, axis=-2) / np.where(count, count, np.nan), DECIMALS)
    return means


def _within(grid: np.ndarray) -> np.ndarray:
    """All runs, less what is that of their method and of their seed: the residuals of least squares, [..., seeds x
    methods]. A seed's split is easy or hard for all methods alike, which says nothing of a run.
    """
    for _ in range(SWEEPS if np.isnan(grid).any() else 1):
        for axis in (-2, -1):
            count = (~np.isnan(grid)).sum(axis=axis, keepdims=True)
            grid = grid - np.nansum(grid, axis=axis, keepdims=True) / np.where(count, count, np.nan)
    return np.round(_pooled(grid), DECIMALS)


SWEEPS = 30
"""How often the means of methods and seeds are taken away where runs are missing; without any, once is exact."""

LEVELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"pooled": _pooled, "within": _within, "between": _between}


def relation(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    clusters: np.ndarray,
    levels: Sequence[str] = tuple(LEVELS),
) -> pd.DataFrame:
    """The correlation of x and y over runs: pooled, within methods and between methods.

    x, y: floats [runs]; groups: their method; clusters: their seed; a run with NaN is left out. `within` correlates
    what is left when the means of methods and of seeds are taken away, `between` the methods' means.

    Returns one row per level and coefficient (spearman, pearson) with n (runs; methods at the level `between`), seeds,
    value, its percentile bootstrap intervals low to high (95 %) and low_90 to high_90 over seeds, of which each is
    drawn with its runs of all methods, p (two-sided, by permutation, see `_relabelled`) and `verdict`. The intervals
    take the methods as given; p of `pooled` and `between` asks whether other methods would have shown as much.
    Undefined for fewer than three points or when x or y is constant; resamples in which one is are left out, see
    `percentiles`. Fewer than LEAST_SEEDS have no interval.
    """
    there = ~(np.isnan(x) | np.isnan(y))
    x, y, groups, clusters = (np.asarray(values)[there] for values in (x, y, groups, clusters))
    x, y = (_grid(np.round(values, DECIMALS), groups, clusters) for values in (x, y))
    return pd.DataFrame([row for level in levels for row in _at_level(x, y, level)], columns=RELATION)


def coefficients(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, clusters: np.ndarray, coefficient: str = "spearman"
) -> dict[str, float]:
    """Level -> the value of `relation` there, and no more. No value is missing in x and y."""
    x, y = (_grid(np.round(values, DECIMALS), groups, clusters) for values in (x, y))
    return {level: float(_correlations(arrange(x), arrange(y))[coefficient]) for level, arrange in LEVELS.items()}


RELATION = ["level", "coefficient", "n", "seeds", "value", "low", "high", "low_90", "high_90", "p", "verdict"]


def _at_level(x: np.ndarray, y: np.ndarray, level: str) -> list[tuple[object, ...]]:
    """A row of RELATION for each coefficient at a level. x, y: grids [seeds, methods]."""
    arrange, seeds = LEVELS[level], len(x)
    values = _correlations(arrange(x), arrange(y))
    drawn = np.random.default_rng(0).integers(max(seeds, 1), size=(RESAMPLES, seeds))
    resampled = _correlations(arrange(x[drawn]), arrange(y[drawn])) if seeds >= LEAST_SEEDS else values
    chance = _correlations(*_both(arrange(_relabelled(x, level)), arrange(y)))
    rows: list[tuple[object, ...]] = []
    for coefficient in COEFFICIENTS:
        value = float(values[coefficient])
        wide = narrow = (np.nan, np.nan)
        if seeds >= LEAST_SEEDS and not np.isnan(value):
            wide, narrow = (percentiles(resampled[coefficient], confidence) for confidence in (0.95, 0.9))
        p = permutation_p(value, chance[coefficient])
        said = verdict(p, narrow if level == "within" else None)
        n = int((~np.isnan(arrange(x))).sum())
        rows.append((level, coefficient, n, seeds, value, *wide, *narrow, p, said))
    return rows


def _relabelled(grid: np.ndarray, level: str) -> np.ndarray:
    """A grid [seeds, methods] as it might have been without a relation, [permutations, seeds, methods]; the first is
    the grid itself.

    At the levels `pooled` and `between` the methods change places: a relation that a few methods have by chance is
    found as often as it should be, however many seeds they have. All permutations of up to MOST_LISTED methods are
    taken, else as many are drawn. `within` the seeds change places, drawn.
    """
    axis = 0 if level == "within" else 1
    count = grid.shape[axis]
    if axis == 1 and count <= MOST_LISTED:
        orders = np.array(list(permutations(range(count))), int)
    else:
        rng = np.random.default_rng(1)
        orders = np.array([np.arange(count), *(rng.permutation(count) for _ in range(RESAMPLES - 1))])
    return grid[orders] if axis == 0 else np.moveaxis(grid[:, orders], 0, 1)


MOST_LISTED = 6
"""So many methods have 720 orders."""


def _both(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x, [permutations, points], and y, [points], as two arrays that are NaN wherever one is."""
    missing = np.isnan(x) | np.isnan(y)
    return np.where(missing, np.nan, x), np.where(missing, np.nan, y)


def permutation_p(value: float, chance: np.ndarray) -> float:
    """The share of the correlations [permutations], of which one is the value itself, that are at least as far from 0;
    undefined ones are left out.
    """
    chance = chance[~np.isnan(chance)]
    if np.isnan(value) or not len(chance):
        return np.nan
    return float(np.mean(np.abs(chance) >= abs(value) - 10.0**-DECIMALS))


def verdict(p: float, narrow: tuple[float, float] | None = None) -> str:
    """What the p of a correlation says and, where it is given, its 90 % interval (`narrow`).

    "relation" for p below SIGNIFICANCE; "no relation" when the interval lies within +-EQUIVALENCE_BOUND, which is the
    pair of one-sided tests at 0.05 (Schuirmann 1987); "negligible relation" when both; else "undecided".
    """
    if np.isnan(p):
        return "undefined"
    equivalent = narrow is not None and max(map(abs, narrow)) < EQUIVALENCE_BOUND
    if p < SIGNIFICANCE:
        return "negligible relation" if equivalent else "relation"
    return "no relation" if equivalent else "undecided"


def within_difference(
    x: Sequence[np.ndarray], y: Sequence[np.ndarray], groups: Sequence[np.ndarray], clusters: Sequence[np.ndarray]
) -> pd.DataFrame:
    """How much the correlations of x and y within methods differ between two tasks, the first less the second.

    As in `relation`, an array for each of the two tasks. Returns one row per coefficient with seeds (those that both
    tasks have), value_a, value_b, difference, its percentile bootstrap interval low to high (95 %), and p, twice the
    smaller share of resamples on one side of 0. Each resample draws seeds, the same ones in both tasks. Undefined as in
    `relation`.
    """
    shared = np.intersect1d(*(part[~(np.isnan(a) | np.isnan(b))] for part, a, b in zip(clusters, x, y, strict=True)))
    drawn = np.random.default_rng(0).integers(max(len(shared), 1), size=(RESAMPLES, len(shared)))
    values, resampled = [], []
    for own_x, own_y, methods, seeds in zip(x, y, groups, clusters, strict=True):
        there = ~(np.isnan(own_x) | np.isnan(own_y)) & np.isin(seeds, shared)
        order = np.argsort(seeds[there], kind="stable")
        grids = [
            _grid(np.round(part[there][order], DECIMALS), methods[there][order], seeds[there][order])
            for part in (own_x, own_y)
        ]
        values.append(_correlations(*map(_within, grids)))
        resampled.append(_correlations(*(_within(grid[drawn]) for grid in grids)) if len(shared) else values[-1])
    rows = []
    for coefficient in COEFFICIENTS:
        a, b = (float(found[coefficient]) for found in values)
        row = {"coefficient": coefficient, "seeds": len(shared), "value_a": a, "value_b": b, "difference": a - b}
        low, high, p = np.nan, np.nan, np.nan
        if len(shared) >= LEAST_SEEDS and not np.isnan(a - b):
            differences = resampled[0][coefficient] - resampled[1][coefficient]
            low, high = percentiles(differences, CONFIDENCE)
            if not np.isnan(low):
                differences = differences[~np.isnan(differences)]
                aside = min((differences <= 0).sum(), (differences >= 0).sum())
                p = min(1.0, 2 * (aside + 1) / (len(differences) + 1))
        rows.append(row | {"low": low, "high": high, "p": p})
    return pd.DataFrame(rows)


def advantage(
    y: np.ndarray,
    x: np.ndarray,
    other: np.ndarray,
    groups: np.ndarray,
    clusters: np.ndarray,
    levels: Sequence[str] = tuple(LEVELS),
) -> pd.DataFrame:
    """How much more y goes with x than with `other`: the correlation of y and x less that of y and `other`, on the runs
    that have all three.

    As in `relation`; both should be such that more of them goes with more of y, and what goes the wrong way counts as
    less than nothing. Returns one row per level and coefficient with runs, advantage, and its percentile bootstrap
    interval low to high (95 %) over seeds, of which each is drawn with its runs of all methods, so that what x and
    `other` share is allowed for. Fewer than LEAST_SEEDS have none.
    """
    there = ~(np.isnan(x) | np.isnan(y) | np.isnan(other))
    columns = [np.asarray(values)[there] for values in (y, x, other, groups, clusters)]
    grids = [_grid(np.round(values, DECIMALS), *columns[3:]) for values in columns[:3]]
    seeds = len(grids[0])
    drawn = np.random.default_rng(0).integers(max(seeds, 1), size=(RESAMPLES, seeds))
    rows = []
    for level in levels:
        as_they_are = _advantages(grids, LEVELS[level])
        resampled = _advantages([grid[drawn] for grid in grids], LEVELS[level]) if seeds >= LEAST_SEEDS else {}
        for coefficient in COEFFICIENTS:
            value, ends = float(as_they_are[coefficient]), (np.nan, np.nan)
            if resampled and not np.isnan(value):
                ends = percentiles(resampled[coefficient], CONFIDENCE)
            rows.append((level, coefficient, int(there.sum()), value, *ends))
    return pd.DataFrame(rows, columns=["level", "coefficient", "runs", "advantage", "low", "high"])


def _advantages(grids: Sequence[np.ndarray], arrange: Callable[[np.ndarray], np.ndarray]) -> Mapping[str, np.ndarray]:
    y, x, other = map(arrange, grids)
    of_x, of_other = _correlations(x, y), _correlations(other, y)
    return {coefficient: of_x[coefficient] - of_other[coefficient] for coefficient in COEFFICIENTS}


def _grid(values: np.ndarray, groups: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """values [runs] as [clusters, groups], NaN where there is none."""
    rows, names = pd.factorize(clusters)
    columns, titles = pd.factorize(groups)
    grid = np.full((len(names), len(titles)), np.nan)
    grid[rows, columns] = values
    return grid


def _correlations(x: np.ndarray, y: np.ndarray) -> Mapping[str, np.ndarray]:
    """Coefficient -> correlations over the last axis, [...]; where there is no point x and y are both NaN."""
    return {"spearman": _pearson(_ranks(x), _ranks(y)), "pearson": _pearson(x, y)}


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks over the last axis, ties share their mean; NaN keeps its place."""
    missing = np.isnan(values)
    return np.where(missing, np.nan, stats.rankdata(np.where(missing, np.inf, values), axis=-1))


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    there = ~np.isnan(x)
    count = there.sum(axis=-1, keepdims=True)
    defined = (count[..., 0] >= 3) & _varies(x) & _varies(y)
    x, y = (
        np.where(there, values - np.nansum(values, axis=-1, keepdims=True) / np.maximum(count, 1), 0.0)
        for values in (x, y)
    )
    spread = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    found: np.ndarray = np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=defined)
    return found.clip(-1, 1)


def _varies(values: np.ndarray) -> np.ndarray:
    missing = np.isnan(values)
    lowest, highest = (np.where(missing, end, values) for end in (np.inf, -np.inf))
    varies: np.ndarray = lowest.min(axis=-1, initial=np.inf) < highest.max(axis=-1, initial=-np.inf)
    return varies


def spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Spearman's correlation of independent points and its p; undefined for fewer than four, or a constant."""
    there = ~(np.isnan(x) | np.isnan(y))
    x, y = x[there], y[there]
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan
    found = stats.spearmanr(x, y)
    return float(found.statistic), float(found.pvalue)
