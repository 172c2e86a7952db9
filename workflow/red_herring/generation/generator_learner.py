"""The generator as what the training loop trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from red_herring.data.sampling import in_rounds
from red_herring.generation.boxes import mask_of
from red_herring.generation.cycle_gan import CycleGAN, Pairs, Weights, noise_like
from red_herring.generation.detector import Detector
from red_herring.generation.examples import Examples
from red_herring.runtime.files import StudyError
from red_herring.training.loop import random_numbers


class GeneratorLearner:
    """A `red_herring.training.loop.Learner`, on the device of `gan`.

    gan: what is trained. detector: on that device, asked where a weight of `weights` is not 0; it stays as it is, so
    whoever has it keeps it. free: object-free training images, float32 [n, 1, side, side], -1 to 1, n > 0; an epoch
    shows each once. places: [p, 4], boxes where an object may go, drawn anew for each image. real: training images with
    one box at least, in rounds. valid: object-free images of other patients, for `validate`. All are on the CPU.
    StudyError where the loss asks for a detector and there is none, or a real image has no box.
    """

    def __init__(
        self,
        gan: CycleGAN,
        detector: Detector | None,
        weights: Weights,
        free: Tensor,
        places: Tensor,
        real: Examples,
        valid: Tensor,
        batch_size: int,
        seed: int,
        device: torch.device,
    ):
        if detector is None and (weights.detector or weights.unrolled):
            raise StudyError("weights: the generator's loss asks a detector, and there is none; give one, or weights 0")
        for row, boxes in enumerate(real.boxes):
            if not len(boxes):
                raise StudyError(f"real: image {row} has no box, from which the generator cannot learn; leave it out")
        self.gan, self.detector, self.weighed = gan, detector, weights
        self.free, self.places, self.real, self.valid = free, places, real, valid
        self.batch_size, self.seed, self.device = batch_size, seed, device

    def start_epoch(self, epoch: int) -> None:
        """Forget the random numbers of the epoch before."""
        self.epoch = epoch
        self.drawn = random_numbers(self.seed, epoch, "generating")

    def batches(self, done: int) -> Iterator[Pairs]:
        """Those of this epoch's order without the first `done`."""
        ordering, count = random_numbers(self.seed, self.epoch, "pairs"), len(self.free)
        free = torch.randperm(count, generator=ordering)
        places = torch.randint(len(self.places), (count,), generator=ordering)
        real = in_rounds(torch.arange(len(self.real)), count, ordering)
        which = torch.rand(count, generator=ordering)
        for start in range(done * self.batch_size, count, self.batch_size):
            part = slice(start, start + self.batch_size)
            yield self._pairs(free[part], places[part], self.real.rows(real[part]), which[part])

    def _pairs(self, free: Tensor, places: Tensor, real: Examples, which: Tensor) -> Pairs:
        """which: [n], 0 to 1, which of its boxes each real image loses."""
        rows = [int(share * len(boxes)) for share, boxes in zip(which.tolist(), real.boxes, strict=True)]
        erased = torch.stack([boxes[row] for row, boxes in zip(rows, real.boxes, strict=True)])
        images, at = self.free[free].to(self.device), self.places[places].to(self.device)
        return Pairs(images, at, real.to(self.device), erased.to(self.device))

    def step(self, batch: Pairs) -> dict[str, Tensor]:
        """One update of the generators and of the discriminators; the terms of their losses."""
        return self.gan.update(batch, self.detector, self.weighed, self.drawn)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """valid_loss, the mean absolute difference that inserting and erasing leave in the pixels of the boxes, and
        valid_change, that which inserting makes there. A generator that does nothing has 0 of both: the loss says
        nothing of how good the images are, so training is to keep its last weights (`Stop.keep_last`).
        """
        drawn = random_numbers(self.seed, 0, "validation")
        left = change = torch.zeros((), dtype=torch.float64)
        pixels = 0
        for free in self.valid.split(self.batch_size):
            places = self.places[torch.randint(len(self.places), (len(free),), generator=drawn)].to(self.device)
            images = free.to(self.device)
            inserted = self.gan.generate(images, places, drawn)
            back = self.gan.erase(inserted, places, noise_like(images, drawn))
            left = left + (back - images).abs().double().sum().cpu()
            change = change + (inserted - images).abs().double().sum().cpu()
            pixels += int(mask_of(places, images.shape[-1]).sum())
        return {"valid_loss": left.item() / pixels, "valid_change": change.item() / pixels}

    def weights(self) -> dict[str, Tensor]:
        """Those of the generator that inserts objects."""
        return self.gan.insert.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """The networks, their optimisers and pools, and how far the random numbers of this epoch are used up."""
        return {"gan": self.gan.state_dict(), "drawn": self.drawn.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.gan.load_state_dict(state["gan"])
        self.drawn.set_state(state["drawn"])
