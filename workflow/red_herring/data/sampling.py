"""The order of an epoch: which training images are seen, and when."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from red_herring.runtime.files import StudyError


def draw_order(sampling: str, cells: Tensor, generator: torch.Generator, repeats: Tensor | None = None) -> Tensor:
    """Rows of the training images, int64 [n], as many as there are images.

    sampling: `shuffled`, every image once; `groups`, every nuisance-by-label cell equally often. cells: int64 [n], the
    cell of each image. generator: on the CPU; the same one gives the same order. repeats: int64 [n], how many copies of
    each image there are to draw from; then an image is shown in proportion to them, with `groups` within its cell.
    """
    rows = torch.arange(len(cells)) if repeats is None else torch.arange(len(cells)).repeat_interleave(repeats)
    if sampling == "groups":
        return rows[_cells_equally(cells[rows], len(cells), generator)]
    return rows[torch.randperm(len(rows), generator=generator)[: len(cells)]]


def _cells_equally(cells: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """`count` rows, of which each cell that has images fills the same number of places, to within one; a cell without
    images fills none.

    A cell with more images than places shows some of them, drawn anew; one with fewer repeats them, each as often as
    another, to within one. Which cells get the places that are left over is drawn too.
    """
    present = cells.bincount().nonzero().flatten()
    present = present[torch.randperm(len(present), generator=generator)]
    places, left_over = divmod(count, len(present))
    drawn = [
        in_rounds((cells == cell).nonzero().flatten(), places + (number < left_over), generator)
        for number, cell in enumerate(present)
    ]
    return torch.cat(drawn)[torch.randperm(count, generator=generator)]


def draw_examples(labels: Tensor, count: int | None, seed: int, draw: int) -> Tensor:
    """Rows of `count` training images of each class, int64 [classes * count], or of all of them if it is None.

    labels: int64 [n]. Those of one seed and draw contain those of a smaller count. StudyError if a class has fewer.
    """
    if count is None:
        return torch.arange(len(labels))
    parts = []
    for label in (0, 1):
        rows = (labels == label).nonzero().flatten()
        if len(rows) < count:
            raise StudyError(
                f"examples: is {count}, and of label {label} there are {len(rows)} training images; give at most that"
            )
        order = np.random.default_rng([seed, draw, label, *b"examples"]).permutation(len(rows))
        parts.append(rows[order[:count]])
    return torch.cat(parts)


def in_rounds(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The first `count` of these rows in one random order after another."""
    rounds = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(-(-count // len(rows)))]
    return torch.cat(rounds)[:count] if rounds else rows[:0]
