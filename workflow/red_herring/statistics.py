"""What can be said of runs beyond means: paired tests, intervals, correlations. Arrays in, numbers out; NaN: undefined.

Every random draw starts from a fixed seed, so the same runs give the same numbers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

RESAMPLES = 2000
CONFIDENCE = 0.95
LEAST_SEEDS = 5
"""Fewer have no interval: of normal data the bootstrap's 95 % covers the mean in 72 % of cases with 3 seeds, in 84 %
with 5 and in 90 % with 10.
"""

LEAST_USABLE = 0.9
"""Share of the resamples that must be defined for an interval to be."""

DECIMALS = 12
"""Numbers that agree to so many decimals are ties: rounding errors must not be ranked."""

ENUMERATED = 2**16
"""All ways to flip the signs of up to 16 differences are tried where ties forbid the tabulated distribution."""

CHANCE_AUC = 0.5
COLLAPSE_MARGIN = 0.055
"""An AUC is at chance within this distance from 0.5, that is when two decimals read 0.45 to 0.55."""

EQUIVALENCE_BOUND = 0.2
"""A correlation nearer to zero counts as no relation."""

SIGNIFICANCE = 0.05

AT_ONCE = 200
"""Resamples that are held in memory together, as each weighs every image."""


class Interval(NamedTuple):
    value: float
    low: float
    high: float


# Paired comparison of methods


def paired_comparison(values: pd.DataFrame, baseline: str, overlap: pd.DataFrame | None = None) -> pd.DataFrame:
    """Each method against `baseline` on the same seeds, in two scopes: on this pool of images, of which the seeds are
    re-splits, and on new data.

    values: one row per seed, one column per method; NaN where there is no run. overlap: the share of a seed's test
    images (rows) that another seed (columns) tests on as well; none is known unless given.

    Returns one row per column of `values`: n (seeds), mean, sd (sample), median, q1, q3; paired (seeds that both have)
    and difference (mean over these of method - baseline). On this pool: low and high (`mean_interval`), p
    (`signed_rank_p`), p_holm and family (`holm`, over all methods). On new data: overlap (mean over all pairs of these
    seeds), low_new, high_new and p_new (`corrected_t`), p_new_holm and family_new. Of the baseline itself only its own
    numbers are defined, and without baseline, or on one seed, neither interval nor p of any method is.
    """
    reference = values[baseline] if baseline in values else pd.Series(np.nan, values.index)
    rows = []
    for method in values:
        own = values[method].dropna()
        row = {"n": len(own), "mean": own.mean(), "sd": own.std(), "median": own.median()}
        row |= {"q1": own.quantile(0.25), "q3": own.quantile(0.75)}
        paired = (values[method] - reference).dropna() if method != baseline else pd.Series(dtype=float)
        differences, shared = paired.to_numpy(), mean_overlap(overlap, paired.index)
        interval = mean_interval(differences)
        row |= {"paired": len(differences), "difference": interval.value, "low": interval.low, "high": interval.high}
        row["p"] = signed_rank_p(differences)
        new, p_new = corrected_t(differences, shared)
        rows.append(row | {"overlap": shared, "low_new": new.low, "high_new": new.high, "p_new": p_new})
    table = pd.DataFrame(rows, index=pd.Index(values.columns, name="method"))
    for scope in ("p", "p_new"):
        family = "family" + scope.removeprefix("p")
        table[[f"{scope}_holm", family]] = np.column_stack([holm(table[scope]), [table[scope].count()] * len(table)])
    return table.astype({"family": int, "family_new": int})[COMPARISON]


COMPARISON = [
    *("n", "mean", "sd", "median", "q1", "q3", "paired", "difference", "low", "high", "p", "p_holm", "family"),
    *("overlap", "low_new", "high_new", "p_new", "p_new_holm", "family_new"),
]


def mean_overlap(overlap: pd.DataFrame | None, seeds: Sequence[int]) -> float:
    """The mean over all pairs of these seeds of the share of test images that both have; undefined for fewer than two
    seeds, or where a pair is not known.
    """
    if overlap is None or len(seeds) < 2:
        return np.nan
    pairs = overlap.reindex(index=seeds, columns=seeds).to_numpy(float)
    return float(pairs[~np.eye(len(seeds), dtype=bool)].mean())


def corrected_t(differences: np.ndarray, overlap: float) -> tuple[Interval, float]:
    """Mean of paired differences [seeds] with the 95 % interval and the two-sided p of the corrected resampled t test
    (Nadeau and Bengio 2003), which ask about new data of the same kind.

    overlap: the correlation of two seeds' differences, for which the mean share of test images that two seeds have in
    common stands. Where all images are used that is Nadeau and Bengio's n_test / (n_train + n_test). J differences of
    variance v and correlation r have a mean of variance v (1/J + r (J - 1)/J), and their own variance s^2 is v (1 - r)
    on average, so the variance of the mean is s^2 (1/J + r / (1 - r)).

    As training images are shared as well, r is a little larger where training itself is without chance, and smaller
    where its own chance adds to the differences: of equally good learners the test rejects in 1 to 9 % at 0.05. The
    share of training images in place of that of test images would be far too much: 0 to 2 %.

    Undefined for fewer than two differences, for an unknown overlap or the same test images for all, and where all
    differences are the same; when these are zero p is 1.
    """
    count, differences = len(differences), np.round(differences, DECIMALS)
    mean = float(np.mean(differences)) if count else np.nan
    undefined = Interval(mean, np.nan, np.nan)
    if count < 2 or np.isnan(overlap) or overlap >= 1:
        return undefined, np.nan
    if np.ptp(differences) == 0:
        return undefined, np.nan if mean else 1.0
    error = np.sqrt(np.var(differences, ddof=1) * (1 / count + overlap / (1 - overlap)))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * error)
    return Interval(mean, mean - reach, mean + reach), float(2 * stats.t.sf(abs(mean) / error, count - 1))


def signed_rank_p(differences: np.ndarray) -> float:
    """Exact two-sided p of Wilcoxon's signed-rank test of paired differences [n].

    Differences of zero are left out (Wilcoxon's own rule); when all are zero p is 1. Without ties the distribution is
    that of scipy; with ties all sign flips are enumerated, and for more than 16 differences 65536 of them are drawn.
    Undefined for fewer than two differences.
    """
    differences = np.round(differences, DECIMALS)
    if len(differences) < 2:
        return np.nan
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    tied = len(np.unique(np.abs(differences))) < len(differences)
    method = stats.PermutationMethod(n_resamples=ENUMERATED, rng=0) if tied else "exact"
    return float(stats.wilcoxon(differences, method=method).pvalue)


def holm(p: Sequence[float]) -> np.ndarray:
    """p values adjusted after Holm (1979); undefined ones stay so and do not belong to the family."""
    adjusted = np.array(p, float)
    there = ~np.isnan(adjusted)
    if there.any():
        adjusted[there] = multipletests(adjusted[there], method="holm")[1]
    return adjusted


def mean_interval(values: np.ndarray) -> Interval:
    """The mean of values [n] with its BCa bootstrap interval (Efron 1987), 95 %.

    The interval is undefined for fewer than LEAST_SEEDS values, and where all are the same, as these say nothing of its
    width.
    """
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    mean = float(np.mean(values))
    if len(values) < LEAST_SEEDS or np.ptp(np.round(values, DECIMALS)) == 0:
        return Interval(mean, np.nan, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the interval is undefined then
        found = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="BCa", rng=0
        ).confidence_interval
    return Interval(mean, float(found.low), float(found.high))


def collapsed(test: np.ndarray, in_distribution: np.ndarray) -> np.ndarray:
    """Which runs have learnt nothing, bool [n]: they rank at chance, |AUC - 0.5| < COLLAPSE_MARGIN.

    test, in_distribution: AUCs [n]. On a shifted test set alone chance is no proof: a classifier between the shortcut,
    which ranks that set upside down, and the finding passes through 0.5 as well. Hence it must be at chance on images
    with the relation of training too; where that AUC is NaN (it was not released), the shifted set has to do. Constant
    predictions have an AUC of 0.5 on both. A run without AUC is not collapsed.
    """
    return _at_chance(test) & (_at_chance(in_distribution) | np.isnan(in_distribution))


def _at_chance(aucs: np.ndarray) -> np.ndarray:
    return np.abs(aucs - CHANCE_AUC) < COLLAPSE_MARGIN


# Intervals of an AUC


class Predictions(NamedTuple):
    """Of one run's test set, arrays [images]: labels 0 or 1, scores, whose image it is, and which."""

    labels: np.ndarray
    scores: np.ndarray
    patients: np.ndarray
    images: np.ndarray | None = None


def auc_interval(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: np.ndarray,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The AUC of one run with its percentile bootstrap interval; patients are drawn with all their images.

    labels: 0 or 1; scores; patients: anything hashable; all [images]. Undefined without both classes; for constant
    scores the AUC is 0.5 and its interval undefined. An AUC of 0 or 1 has an interval without width.
    """
    return two_level_auc_interval([Predictions(labels, scores, patients)], resamples, seed, confidence)


def two_level_auc_interval(
    runs: Sequence[Predictions], resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """The mean AUC of a method's runs with its percentile bootstrap interval, over patients and over seeds.

    Each resample draws, with replacement, patients of all test sets together and as many runs as there are; its
    statistic is the mean AUC of the drawn runs, each on the images of the drawn patients in its own test set. A patient
    in several test sets counts equally often in all of them, as what is hard about the images is so for every run. Runs
    without both classes are left out. Undefined when all scores of each run are the same.
    """
    runs = [run for run in runs if len(np.unique(run.labels)) == 2]
    if not runs:
        return Interval(np.nan, np.nan, np.nan)
    value = float(np.mean([_weighted_aucs(run, np.ones((1, len(run.labels)), np.float32))[0] for run in runs]))
    if all(np.ptp(run.scores) == 0 for run in runs):
        return Interval(value, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    patients, names = pd.factorize(np.concatenate([run.patients for run in runs]), use_na_sentinel=False)
    patients_of = np.split(patients, np.cumsum([len(run.patients) for run in runs])[:-1])
    means = []
    for rows in np.diff([*range(0, resamples, AT_ONCE), resamples]):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rows)
        aucs = [_weighted_aucs(run, times[:, own]) for run, own in zip(runs, patients_of, strict=True)]
        drawn = rng.integers(len(runs), size=(rows, len(runs)))
        means.append(np.take_along_axis(np.stack(aucs, axis=1), drawn, axis=1).mean(axis=1))
    low, high = percentiles(np.concatenate(means), confidence)
    return Interval(value, low, high)


def _weighted_aucs(run: Predictions, weights: np.ndarray) -> np.ndarray:
    """AUCs [resamples] for weights [resamples, images]: the weight of the pairs that are ranked rightly, ties half, in
    that of all pairs of a positive and a negative; NaN where a class weighs nothing.
    """
    order = np.argsort(run.scores, kind="stable")
    scores, positive = np.asarray(run.scores)[order], np.asarray(run.labels)[order] == 1
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    weights = weights[:, order].astype(float)
    positives = np.add.reduceat(weights * positive, starts, axis=1)
    negatives = np.add.reduceat(weights * ~positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    right = (positives * below).sum(axis=1)
    return np.divide(right, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """The ends of the percentile interval of resampled values [resamples]; undefined ones are left out, and when they
    are more than a tenth the interval is undefined.
    """
    usable = values[~np.isnan(values)]
    if len(usable) < LEAST_USABLE * len(values):
        return np.nan, np.nan
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


# Correlations over runs

COEFFICIENTS = ("spearman", "pearson")


def _pooled(grid: np.ndarray) -> np.ndarray:
    """All runs, [..., seeds x methods] of a grid [..., seeds, methods]."""
    return grid.reshape(*grid.shape[:-2], -1)


def _between(grid: np.ndarray) -> np.ndarray:
    """The mean of each method, [..., methods]."""
    count = (~np.isnan(grid)).sum(axis=-2)
    return np.round(np.nansum(grid, axis=-2) / np.where(count, count, np.nan), DECIMALS)


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
    seeds = len(np.unique(clusters))
    x, y = (_grid(np.round(values, DECIMALS), groups, clusters) for values in (x, y))
    drawn = np.random.default_rng(0).integers(max(seeds, 1), size=(RESAMPLES, seeds))
    rows = []
    for level in levels:
        arrange = LEVELS[level]
        points = arrange(x)
        values = _correlations(points, arrange(y))
        resampled = _correlations(arrange(x[drawn]), arrange(y[drawn])) if seeds >= LEAST_SEEDS else values
        chance = _correlations(*_both(arrange(_relabelled(x, level)), arrange(y)))
        for coefficient in COEFFICIENTS:
            row = {"level": level, "coefficient": coefficient, "n": int((~np.isnan(points)).sum()), "seeds": seeds}
            value = float(values[coefficient])
            wide = narrow = (np.nan, np.nan)
            if seeds >= LEAST_SEEDS and not np.isnan(value):
                wide, narrow = (percentiles(resampled[coefficient], confidence) for confidence in (0.95, 0.9))
            row |= {"value": value, "low": wide[0], "high": wide[1], "low_90": narrow[0], "high_90": narrow[1]}
            row["p"] = permutation_p(value, chance[coefficient])
            rows.append(row | {"verdict": verdict(row["p"], narrow if level == "within" else None)})
    return pd.DataFrame(rows)


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
    return np.divide((x * y).sum(axis=-1), spread, out=np.full(spread.shape, np.nan), where=defined).clip(-1, 1)


def _varies(values: np.ndarray) -> np.ndarray:
    missing = np.isnan(values)
    lowest, highest = (np.where(missing, end, values) for end in (np.inf, -np.inf))
    return lowest.min(axis=-1, initial=np.inf) < highest.max(axis=-1, initial=-np.inf)


def correlations(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Coefficient -> correlation of x and y, [n] without NaN; undefined for fewer than three points or a constant."""
    found = _correlations(np.round(x, DECIMALS), np.round(y, DECIMALS))
    return {coefficient: float(value) for coefficient, value in found.items()}


def spearman(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Spearman's correlation of independent points and its p; undefined for fewer than four, or a constant."""
    there = ~(np.isnan(x) | np.isnan(y))
    x, y = x[there], y[there]
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan
    found = stats.spearmanr(x, y)
    return float(found.statistic), float(found.pvalue)
