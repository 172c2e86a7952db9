"""Who goes to which split: images or whole patients, so that every cell of every split is filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Cell = tuple[str, int, int]
"""Split, label, nuisance."""


@dataclass(frozen=True)
class Assigned:
    """Images that each cell of each split may draw from, when `counts` are wanted; `random` goes on from there."""

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
    """
    random = np.random.default_rng(seed)
    if disjoint:
        split_of = candidates["patient"].map(_assign_patients(candidates, counts, random))
    else:
        split_of = _assign_images(candidates, counts, random)
    assigned = candidates.assign(split=split_of).dropna(subset="split")
    return Assigned(counts, dict(list(assigned.groupby(["split", "label", "nuisance"]))), random)


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

    Patients are taken in random order until every cell is covered, so each is as likely to be drawn as any other;
    among these the ones with many images of scarce cells are placed first, so that the small ones fill the gaps, and
    further patients follow as long as any cell lacks images. Only splits that leave the fewest scarce images over come
    into question. A patient of whose images no split lacks any stays out.
    """
    cell_index = candidates["label"].to_numpy() * 2 + candidates["nuisance"].to_numpy()
    names, patient_index = np.unique(candidates["patient"].to_numpy(dtype=str), return_inverse=True)
    images = np.zeros((len(names), 4), int)
    np.add.at(images, (patient_index, cell_index), 1)
    shuffled = random.permutation(len(names))
    splits = _splits(counts)
    lacking = np.array(
        [[counts[split, label, nuisance] for label in (0, 1) for nuisance in (0, 1)] for split in splits]
    )
    needed = lacking.sum(axis=0)
    before = np.cumsum(images[shuffled], axis=0) - images[shuffled]
    first = ((before < needed) & (images[shuffled] > 0)).any(axis=1)
    wave = shuffled[first]
    scarcity = needed / (images.sum(axis=0) - needed + 1)  # what is needed for each image that may be left over
    order = np.concatenate([wave[np.argsort(-images[wave] @ scarcity, kind="stable")], shuffled[~first]])
    # An urn: a split's chance is the number of this patient's images that it lacks, weighted by how much it lacks.
    draws = random.random(len(names))
    split_of = {}
    for patient, chance in zip(order, draws, strict=True):
        useful = np.minimum(images[patient], lacking)
        left_over = (images[patient] - useful) @ scarcity
        weights = (useful * lacking).sum(axis=1)
        weights[left_over > left_over.min() + 1e-9] = 0
        if weights.sum() == 0:
            continue
        split = int(np.searchsorted(np.cumsum(weights), chance * weights.sum(), side="right"))
        lacking[split] -= useful[split]
        split_of[names[patient]] = splits[split]
    return split_of


def _splits(counts: dict[Cell, int]) -> list[str]:
    return list(dict.fromkeys(split for split, _, _ in counts))
