"""What methods share that want the features of the two nuisance groups to be distributed alike within each class."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CELLS, CLASSES, Batch
from red_herring.runtime.files import StudyError

LEAST = 2
"""Different images of a cell in a batch that one can compare: of one there is no spread."""


class Matching(base.Method):
    """penalty = mean over the classes of the distance of the features of group 0 from those of group 1.

    An image that is in the batch more than once counts once: by its copies a small cell would seem narrower than it is.
    A class with fewer than two different images of a group in the batch is left out, and without any class the penalty
    is 0. Groups are compared within a class, as otherwise they differ by the share of positives, which is the shift.
    """

    def start(self, cells: Tensor) -> None:
        """StudyError where a cell has fewer images than can be compared."""
        name = type(self).__module__.rpartition(".")[2]
        for cell, size in enumerate(cells.bincount(minlength=CELLS).tolist()):
            if size < LEAST:
                raise StudyError(
                    f"{name}: compares the two nuisance groups within each class, but {size or 'no'} training image of "
                    f"label {cell % CLASSES} is of group {cell // CLASSES}, of {LEAST} that it takes; give the task "
                    "a ratio further from 0 and 1, or leave this method out"
                )

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        features, once = self.model.features(batch.images), _once(batch)
        distances = [self.distance(one, other) for one, other in _pairs(features[once], batch.cells[once])]
        return {
            "classification": base.classification_loss(self.model.fc(features), batch.labels),
            "penalty": torch.stack(distances).mean() if distances else features.new_zeros(()),
        }

    @abstractmethod
    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """How different two samples of features are, a scalar; [n, d] and [m, d] with n and m at least LEAST."""


def _once(batch: Batch) -> Tensor:
    """True at the first of the images of a cell that are the same pixel by pixel, bool [n]."""
    pixels, cells = batch.images.flatten(1), batch.cells
    same = [(pixels == image).all(dim=1) & (cells == cell) for image, cell in zip(pixels, cells, strict=True)]
    return ~torch.stack(same).tril(-1).any(dim=1)


def _pairs(features: Tensor, cells: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The features of group 0 and of group 1 of each class that has enough of both."""
    pairs = [(features[cells == label], features[cells == CLASSES + label]) for label in range(CLASSES)]
    return [pair for pair in pairs if min(map(len, pair)) >= LEAST]
