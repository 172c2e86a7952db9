"""Who goes to which split: images or whole patients, so that every cell of every split is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from red_herring.study.cells import Cell

Counts = NDArray[np.int64]

ATTEMPTS = 10
UNEVEN = 1.5
"""How often whole patients are given out at most, and when they need not be again, see `assign`."""

GOLDEN_RATIO = (np.sqrt(5) - 1) / 2
"""Its multiples, without their whole parts, fill the unit interval evenly."""

NOBODY = -1
"""In place of a split: of patients that are in none."""


@dataclass(frozen=True)
class Assigned:
    """Images that each cell of each split draws from, the first first, when `counts` are wanted; `random` goes on."""

    counts: dict[Cell, int]
    images: dict[Cell, pd.DataFrame]
    random: np.random.Generator

    @property
    def found(self) -> dict[Cell, int]:
        """How many images there are for each cell."""
        return {cell: len(self.images.get(cell, ())) for cell in self.counts}

    @property
    def whole(self) -> bool:
        """Whether there are as many as are wanted."""
        return all(self.found[cell] >= number for cell, number in self.counts.items())


def assign(candidates: pd.DataFrame, counts: dict[Cell, int], seed: int, disjoint: bool) -> Assigned:
    """Give the images of `candidates` (patient, label, nuisance) to splits, at random with `seed`, so that each cell of
    each split has at least as many as `counts`, if that is found: whole patients when `disjoint`.

    Some patients have a hundred images, and where one of them comes to a small cell there are few others. So whole
    patients are given out again, ATTEMPTS times at most, until no cell is more UNEVEN than that; of several the one
    that lacks least, and then the most even one, is taken.
    """
    random = np.random.default_rng(seed)
    if not disjoint:
        return _grouped(candidates, counts, _assign_images(candidates, counts, random), random)
    tried: list[tuple[tuple[int, float], Assigned]] = []
    for _ in range(ATTEMPTS):
        split_of = _assign_patients(candidates, counts, random)
        order = candidates["patient"].map({patient: rank for rank, patient in enumerate(split_of)})
        ordered = candidates.iloc[np.argsort(order, kind="stable")]
        assigned = _grouped(ordered, counts, ordered["patient"].map(split_of), random)
        score = (
            sum(max(number - assigned.found[cell], 0) for cell, number in counts.items()),
            uneven(assigned, candidates),
        )
        tried.append((score, assigned))
        if score <= (0, UNEVEN):
            break
    return min(tried, key=lambda one: one[0])[1]


def _grouped(
    candidates: pd.DataFrame, counts: dict[Cell, int], split_of: pd.Series, random: np.random.Generator
) -> Assigned:
    assigned = candidates.assign(split=split_of).dropna(subset="split")
    return Assigned(counts, dict(list(assigned.groupby(["split", "label", "nuisance"]))), random)


def uneven(assigned: Assigned, candidates: pd.DataFrame) -> float:
    """By which factor, 1 or more, the images that a patient has in a cell of a split differ at most from those that a
    patient has in that cell of all `candidates`, on average.
    """
    cells = candidates.groupby(["label", "nuisance"])["patient"].agg(["size", "nunique"])
    usual = cells["size"] / cells["nunique"]
    drawn = {
        cell: assigned.images[cell].iloc[:number]
        for cell, number in assigned.counts.items()
        if number and cell in assigned.images
    }
    factors = [len(images) / images["patient"].nunique() / usual[cell[1:]] for cell, images in drawn.items()]
    return max((max(factor, 1 / factor) for factor in factors), default=1.0)


def largest_whole(wanted: Sequence[dict[Cell, int]], assign: Callable[[dict[Cell, int]], Assigned]) -> Assigned | None:
    """The last of the ascending `wanted` counts that can be filled, by bisection, or None."""
    best, low, high = None, 0, len(wanted)
    while low < high:
        middle = (low + high) // 2
        assigned = assign(wanted[middle])
        if assigned.whole:
            best, low = assigned, middle + 1
        else:
            high = middle
    return best


def _assign_images(candidates: pd.DataFrame, counts: dict[Cell, int], random: np.random.Generator) -> pd.Series:
    """Give as many images of each cell, at random, to each split as it needs; the others get None."""
    splits = _splits(counts)
    split_of = pd.Series(None, index=candidates.index, dtype=object)
    for (label, nuisance), rows in candidates.groupby(["label", "nuisance"]):
        names = np.repeat(splits, [counts[split, label, nuisance] for split in splits])
        split_of[rows.index[random.permutation(len(rows))[: len(names)]]] = names
    return split_of


def _assign_patients(candidates: pd.DataFrame, counts: dict[Cell, int], random: np.random.Generator) -> dict[str, str]:
    """Give each patient to one split, at random in proportion to how many of its images each split still lacks.

    What is lacking at the end is fetched by exchange.
    """
    cell_index = candidates["label"].to_numpy() * 2 + candidates["nuisance"].to_numpy()
    names, patient_index = np.unique(candidates["patient"].to_numpy(dtype=str), return_inverse=True)
    images = np.zeros((len(names), 4), int)
    np.add.at(images, (patient_index, cell_index), 1)
    splits = _splits(counts)
    needed = np.array([[counts[split, label, nuisance] for label in (0, 1) for nuisance in (0, 1)] for split in splits])
    order, owners = _give_out(images, needed, random)
    while moves := _best_exchange(images, needed, owners):
        for patient, owner in moves:
            owners[patient] = owner
    return {names[patient]: splits[owners[patient]] for patient in order if owners[patient] != NOBODY}


def _give_out(images: Counts, needed: Counts, random: np.random.Generator) -> tuple[Counts, Counts]:
    """The order in which patients came, and the split of each, or NOBODY.

    images: of each patient in each cell, int [patients, cells]. needed: int [splits, cells].
    Patients come in random order, whatever they have, and those with about as many images are spread evenly over the
    splits, so that each gets the same mix of patients with many and with few. Only splits that leave the fewest scarce
    images over come into question, and a patient of whose images no split lacks any stays out.
    """
    # What is needed of a cell for each of its images that may be left over.
    scarcity = needed.sum(axis=0) / (images.sum(axis=0) - needed.sum(axis=0) + 1)
    # An urn: a split's chance is the number of this patient's images that it lacks, weighted by how much it lacks.
    lacking, owners = needed.copy(), np.full(len(images), NOBODY)
    order = random.permutation(len(images))
    by_size = order[np.argsort(images[order] @ scarcity, kind="stable")]
    chances = np.empty(len(images))
    chances[by_size] = (random.random() + GOLDEN_RATIO * np.arange(len(images))) % 1
    for patient, chance in zip(order, chances[order], strict=True):
        useful = np.minimum(images[patient], lacking)
        left_over = (images[patient] - useful) @ scarcity
        weights = (useful * lacking).sum(axis=1)
        weights[left_over > left_over.min() + 1e-9] = 0
        if weights.sum() == 0:
            continue
        split = int(np.searchsorted(np.cumsum(weights), chance * weights.sum(), side="right"))
        lacking[split] -= useful[split]
        owners[patient] = split
    return order, owners


def _best_exchange(images: Counts, needed: Counts, owners: Counts) -> list[tuple[np.int64, np.int64]]:
    """The patient who should come to a split that lacks images, and the one, if any, who should leave it for where that
    one was, each with its new owner, so that as few images as possible lack then; empty if nothing makes them fewer.

    Patients of one split with equally many images in every cell are alike, so only one of each kind is tried.
    """
    short = needed - np.stack([images[owners == split].sum(axis=0) for split in range(len(needed))])
    splits_that_lack = np.flatnonzero((short > 0).any(axis=1))
    if not len(splits_that_lack):
        return []
    kinds, patients = np.unique(np.column_stack([owners, images]), axis=0, return_index=True)
    most = np.int64(0)
    moves: list[tuple[np.int64, np.int64]] = []
    for split in splits_that_lack:
        comes, goes = np.flatnonzero(kinds[:, 0] != split), np.flatnonzero(kinds[:, 0] == split)
        gained = _gained(kinds[comes], kinds[goes], short, split)
        come, go = divmod(int(gained.argmax()), gained.shape[1])
        if gained[come, go] > most:
            most, moves = gained[come, go], [(patients[comes[come]], split)]
            if go:
                moves.append((patients[goes[go - 1]], kinds[comes[come], 0]))
    return moves


def _gained(comes: Counts, goes: Counts, short: Counts, split: np.int64) -> Counts:
    """By how many fewer images lack, int [comes, 1 + goes], when one of these kinds comes to the split: without another
    going, or in exchange for each of the others. The first number of a kind is its owner, the others its images.

    short: what each split lacks in each cell, negative where it has more than it needs, int [splits, cells].
    """
    nothing_and_goes = np.pad(goes[:, 1:], ((1, 0), (0, 0)))
    change = comes[:, None, 1:] - nothing_and_goes
    gained = _filled(short[split], change)
    for other in range(len(short)):
        from_other = comes[:, 0] == other
        gained[from_other] += _filled(short[other], -change[from_other])
    return gained


def _filled(short: Counts, change: Counts) -> Counts:
    """By how many fewer images of [cells] lack after a change, [..., cells]."""
    return np.asarray((np.maximum(short, 0) - np.maximum(short - change, 0)).sum(axis=-1))


def _splits(counts: dict[Cell, int]) -> list[str]:
    return list(dict.fromkeys(split for split, _, _ in counts))
