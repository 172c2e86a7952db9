"""How many images of each nuisance-by-label cell a split has, by the ratio of its task."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Cell = tuple[str, int, int]
"""Split, label, nuisance."""

SPLITS = ("train", "valid", "test")

SELECTIONS: dict[str, Callable[[float], float]] = {
    "shifted": lambda ratio: 1 - ratio,
    "in_distribution": lambda ratio: ratio,
    "balanced": lambda ratio: 0.5,
}
"""Relation in the validation set, by which epochs and hyperparameters are selected -> the share of positives from group
1, given the ratio in training."""


@dataclass(frozen=True)
class Sizes:
    """Images per split, both classes together; even numbers."""

    train: int
    valid: int
    test: int


def cell_counts(sizes: Sizes, ratio: float, selection: str = "shifted") -> dict[Cell, int]:
    """How many images each split takes from each label-by-nuisance cell.

    An `aligned` image is a positive of group 1 or a negative of group 0. Rounding rule: training takes
    round(ratio * n) aligned images per class, half up, where n is half its size. With selection `shifted`, validation
    and test together take what is left of round(ratio * n') opposed images, halved with the odd one in the test set; so
    with the sizes of `largest_sizes` every cell is used exactly, whatever the ratio. With the others each takes
    its own.
    """
    train, valid, test = sizes.train // 2, sizes.valid // 2, sizes.test // 2
    if selection == "shifted":
        aligned_rest = valid + test - rounded(ratio * (valid + test))
        aligned_valid = min(aligned_rest * valid // (valid + test), valid)
        aligned_test = aligned_rest - aligned_valid
    else:
        aligned_valid = rounded(SELECTIONS[selection](ratio) * valid)
        aligned_test = test - rounded(ratio * test)
    aligned = {"train": rounded(ratio * train), "valid": aligned_valid, "test": aligned_test}
    per_class = {"train": train, "valid": valid, "test": test}
    return {
        (split, label, nuisance): aligned[split] if label == nuisance else per_class[split] - aligned[split]
        for split in SPLITS
        for label in (0, 1)
        for nuisance in (0, 1)
    }


def rounded(value: float) -> int:
    """To the nearest whole number, half up, whatever a product of decimals lacks to it."""
    return math.floor(value + 0.5 + 1e-9)
