"""What masks do to the answers of a classifier that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from red_herring.data.dataset import Dataset
from red_herring.methods._masking import fill, inside, outside, terms
from red_herring.networks.masker import Masker
from red_herring.networks.resnet import CLASSES, Batch, ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.training.loop import random_numbers

KEPT = 0.9
"""Of the images of a class that are told right: a masker that keeps a smaller share of them so has collapsed."""


@dataclass(frozen=True)
class Answers:
    """mask: 0 to 1, float32 [n, 1, height, width]. right: bool [n], which images are told right as they are. inside,
    outside: logits [n, 2] of the images masked in and out, None where they were not asked for.
    """

    mask: Tensor
    right: Tensor
    inside: Tensor | None
    outside: Tensor | None

    def terms(self, labels: Tensor) -> dict[str, Tensor]:
        """The parts of the loss, see `red_herring.methods._masking`."""
        return terms(self.mask, labels, self.right, self.inside, self.outside)


@dataclass(frozen=True)
class Masking:
    """A classifier and a masker of it.

    classifier: in evaluation mode, its parameters frozen; a folded one is faster. infill: what is masked is filled
    with, see `red_herring.methods._masking.fill`; mean: of the training images, in their pixel range.
    """

    classifier: ResNet18
    masker: Masker
    infill: str
    mean: float
    hardware: Hardware

    def __post_init__(self) -> None:
        if self.classifier.training:
            raise ValueError("a classifier in training would be changed by what it is shown; put it in evaluation mode")

    def answers(self, batch: Batch, objectives: str, generator: torch.Generator) -> Answers:
        """Of a batch, masked in, out or both; the masks can be differentiated. generator: feeds the fill."""
        images = batch.images
        filled = fill(images, self.infill, self.mean, generator)
        with self.hardware.mixed():
            with torch.no_grad():
                logits, activations = self.classifier.logits_and_stages(images)
            mask = self.masker(activations, images.shape[-1]).sigmoid()
            masked = {}
            if objectives in ("both", "in"):
                masked["inside"] = inside(images, mask, filled)
            if objectives in ("both", "out"):
                masked["outside"] = outside(images, mask, filled)
            of_masked = self.classifier(torch.cat(list(masked.values()))).split(len(batch))
        found = dict(zip(masked, of_masked, strict=True))
        return Answers(mask, logits.argmax(dim=1) == batch.labels, found.get("inside"), found.get("outside"))

    @torch.no_grad()
    def over(self, data: Dataset, objectives: str, batch_size: int, seed: int) -> Iterator[tuple[Batch, Answers]]:
        """Of all images, by the masker in evaluation mode; the same fill each time."""
        self.masker.eval()
        generator = random_numbers(seed, 0, "filling", self.hardware.device)
        for batch in data.batches(batch_size, self.hardware.device):
            yield batch, self.answers(batch, objectives, generator)


@dataclass(frozen=True)
class Measured:
    """kept_0, kept_1: of the images of each class that are told right as they are, the share that is so inside the
    mask, too; 0 for a class of which none is told right, so that there is nothing to keep. area: the mean of the masks.
    """

    kept_0: float
    kept_1: float
    area: float

    def collapsed(self, objectives: str) -> bool:
        """Whether the masks say nothing; not asked of those that were made to change answers outside alone."""
        return objectives != "out" and min(self.kept_0, self.kept_1) < KEPT


class Tally:
    """Counts up to what is `Measured`, batch by batch."""

    def __init__(self) -> None:
        self.right = torch.zeros(CLASSES, dtype=torch.float64)
        self.kept = torch.zeros(CLASSES, dtype=torch.float64)
        self.images, self.area = 0, 0.0

    def add(self, labels: Tensor, answers: Answers) -> None:
        """Those of images with these labels, masked in."""
        assert answers.inside is not None
        kept = answers.right & (answers.inside.argmax(dim=1) == labels)
        self.right += labels[answers.right].bincount(minlength=CLASSES).cpu()
        self.kept += labels[kept].bincount(minlength=CLASSES).cpu()
        self.area += answers.mask.flatten(1).mean(dim=1).double().sum().item()
        self.images += len(labels)

    def measured(self) -> Measured:
        kept_0, kept_1 = (self.kept / self.right.clamp(min=1)).tolist()
        return Measured(kept_0, kept_1, self.area / self.images)


def measured(
    classifier: ResNet18, masker: Masker, train: Dataset, infill: str, batch_size: int, seed: int, hardware: Hardware
) -> Measured:
    """What the masks of the training images do. classifier: as in `Masking`; it and the masker on their device."""
    tally, masking = Tally(), Masking(classifier, masker, infill, mean_of(train), hardware)
    for batch, answers in masking.over(train, "in", batch_size, seed):
        tally.add(batch.labels, answers)
    return tally.measured()


def mean_of(data: Dataset) -> float:
    """Of all pixels of all images, in their pixel range."""
    levels = data.levels.sum(dtype=torch.int64).item() / data.levels.numel()
    return data.low + (data.high - data.low) / 255 * levels
