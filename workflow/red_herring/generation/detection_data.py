"""What a detection experiment is made on: images for training, validation and test, none of a common patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch

from red_herring.generation.examples import Examples
from red_herring.runtime.files import StudyError


@dataclass(frozen=True)
class Owned:
    """examples: on the CPU. patients: of each image whose it is, [n]. names: of each image, [n], none twice; empty
    where nobody asks for them.
    """

    examples: Examples
    patients: Sequence[str]
    names: Sequence[str] = ()

    def object_free(self) -> torch.Tensor:
        """The images without a box, [k, 1, side, side]."""
        return self.examples.images[[not len(boxes) for boxes in self.examples.boxes]]


@dataclass(frozen=True)
class TrainingData:
    """real: training images, each with one box at least, int64, of whole pixels. free: object-free training images.
    valid: with and without boxes, by which nothing is chosen but hyperparameters.

    StudyError where that does not hold, or two of training, validation and test have a patient in common.
    """

    real: Owned
    free: Owned
    valid: Owned

    def __post_init__(self) -> None:
        for field in fields(self):
            own = getattr(self, field.name)
            if len(own.patients) != len(own.examples) or not len(own.examples):
                found = f"has {len(own.examples)} images and {len(own.patients)} patients"
                raise StudyError(f"{field.name}: {found}; give one patient per image, and one image at least")
        self._check_boxes()
        self._check_patients()

    def _check_boxes(self) -> None:
        real = self.real.examples.boxes
        if not all(len(boxes) and boxes.dtype == torch.int64 for boxes in real):
            raise StudyError(
                "real: every image needs a box of whole pixels, int64; leave out those without, round them"
            )
        if any(map(len, self.free.examples.boxes)):
            raise StudyError("free: an image has a box, so it is not object-free; leave it out")
        if not len(self.valid.object_free()):
            raise StudyError("valid: has no object-free image, by which generators are followed; give one at least")

    def _check_patients(self) -> None:
        parts = self._patients()
        names = list(parts)
        for number, name in enumerate(names):
            for other in names[number + 1 :]:
                common = sorted(parts[name] & parts[other])
                if common:
                    raise StudyError(
                        f"patients: {len(common)} of them, such as {common[0]}, have {name} and {other} images; "
                        "split by patient before anything is trained"
                    )

    def _patients(self) -> dict[str, set[str]]:
        return {"training": {*self.real.patients, *self.free.patients}, "validation": {*self.valid.patients}}

    def first_real(self, count: int, seed: int) -> Examples:
        """The real images that a run with so many uses, see `first_of`."""
        return first_of(self.real.examples, count, seed)


@dataclass(frozen=True)
class DetectionData(TrainingData):
    """test: what the detector is measured on."""

    test: Owned

    def _patients(self) -> dict[str, set[str]]:
        return {**super()._patients(), "test": {*self.test.patients}}


def first_of(real: Examples, count: int, seed: int) -> Examples:
    """The first `count` of the real images in an order that the seed draws, so those of a smaller count are among them.
    StudyError if there are fewer.
    """
    there = len(real)
    if not 1 <= count <= there:
        raise StudyError(f"n_real: is {count}, and there are {there} training images with boxes; give 1 to {there}")
    order = np.random.default_rng([seed, *b"real images"]).permutation(there)
    return real.rows(torch.from_numpy(order[:count]))
