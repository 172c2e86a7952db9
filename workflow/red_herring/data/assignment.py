"""Who goes to which split: images or whole patients, so that every cell of every split is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Cell = tuple[str, int, int]
"""Split, label, nuisance."""

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
        return {cell: len(self.images.get(cell, ())) for cell in self.counts}

    @property
    def whole(self) -> bool:
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
    best = None
    for _ in range(ATTEMPTS):
        split_of = _assign_patients(candidates, counts, random)
        order = candidates["patient"].map({patient: rank for rank, patient in enumerate(split_of)})
        ordered = candidates.iloc[np.argsort(order, kind="stable")]
        assigned = _grouped(ordered, counts, ordered["patient"].map(split_of), random)
        score = (
            sum(max(number - assigned.found[cell], 0) for cell, number in counts.items()),
            uneven(assigned, candidates),
        )
        if best is None or score < best[0]:
            best = score, assigned
        if score <= (0, UNEVEN):
            break
    return best[1]


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

    Patients come in random order, whatever they have, and those with about as many images are spread evenly over the
    splits, so that each gets the same mix of patients with many and with few. Only splits that leave the fewest scarce
    images over come into question, and a patient of whose images no split lacks any stays out. What is lacking at the
    end is mended by exchange.
    """
    cell_index = candidates["label"].to_numpy() * 2 + candidates["nuisance"].to_numpy()
    names, patient_index = np.unique(candidates["patient"].to_numpy(dtype=str), return_inverse=True)
    images = np.zeros((len(names), 4), int)
    np.add.at(images, (patient_index, cell_index), 1)
    splits = _splits(counts)
    needed = np.array([[counts[split, label, nuisance] for label in (0, 1) for nuisance in (0, 1)] for split in splits])
    # What is needed of a cell for each of its images that may be left over.
    scarcity = needed.sum(axis=0) / (images.sum(axis=0) - needed.sum(axis=0) + 1)
    # An urn: a split's chance is the number of this patient's images that it lacks, weighted by how much it lacks.
    lacking, owners = needed.copy(), np.full(len(names), NOBODY)
    order = random.permutation(len(names))
    by_size = order[np.argsort(images[order] @ scarcity, kind="stable")]
    chances = np.empty(len(names))
    chances[by_size] = (random.random() + GOLDEN_RATIO * np.arange(len(names))) % 1
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
    _mend(images, needed, owners)
    return {names[patient]: splits[owners[patient]] for patient in order if owners[patient] != NOBODY}


def _mend(images: np.ndarray, needed: np.ndarray, owners: np.ndarray) -> None:
    """Move or exchange patients, as long as that makes fewer images lack, until none do.

    images: of each patient in each cell, int [patients, cells]. needed: int [splits, cells]. owners: the split of each
    patient, or NOBODY; changed in place. Patients of one split with equally many images in every cell are alike, so
    only one of each kind is tried.
    """
    held = np.stack([images[owners == split].sum(axis=0) for split in range(len(needed))])
    while (lack := np.maximum(needed - held, 0)).any():
        kinds, example = np.unique(np.column_stack([owners, images]), axis=0, return_index=True)
        found = None
        for split in np.flatnonzero(lack.any(axis=1)):
            gives, takes = kinds[kinds[:, 0] != split], kinds[kinds[:, 0] == split]
            takes = np.vstack([np.full_like(kinds[:1], NOBODY), takes])
            takes[0, 1:] = 0  # for a patient that comes without another going
            change = gives[:, None, 1:] - takes[None, :, 1:]
            after = np.maximum(needed[split] - held[split] - change, 0).sum(axis=2)
            before = np.full(after.shape, lack[split].sum())
            for other in range(len(needed)):
                from_other = gives[:, 0] == other
                after[from_other] += np.maximum(needed[other] - held[other] + change[from_other], 0).sum(axis=2)
                before[from_other] += lack[other].sum()
            gained = before - after
            best = np.unravel_index(gained.argmax(), gained.shape)
            if gained[best] > 0 and (found is None or gained[best] > found[0]):
                found = gained[best], split, gives[best[0]], takes[best[1]] if best[1] else None
        if found is None:
            return
        _, split, comes, goes = found
        for kind, to in ((comes, split), (goes, comes[0])):
            if kind is not None:
                patient = example[(kinds == kind).all(axis=1)][0]
                for owner, sign in ((owners[patient], -1), (to, 1)):
                    if owner != NOBODY:
                        held[owner] += sign * images[patient]
                owners[patient] = to


def _splits(counts: dict[Cell, int]) -> list[str]:
    return list(dict.fromkeys(split for split, _, _ in counts))
