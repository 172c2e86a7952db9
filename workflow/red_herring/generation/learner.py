"""Training a detector: as many real, object-free and further images a step in every arm.

An arm is where the further images come from: the real ones again, pasted or generated ones. Object-free images are in
every arm, or pasting would win by its backgrounds alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from red_herring.data.sampling import in_rounds
from red_herring.generation.detector import Detector
from red_herring.generation.examples import Examples, together
from red_herring.methods.base import Adam
from red_herring.training.loop import SELECTED_BY, Stop, random_numbers
from red_herring.training.masker import rate_at

EPOCH = 20
"""Steps, after which the state is saved and the loss on the validation images is known."""

Further = Callable[[int, torch.Generator], Examples]
"""Gives so many images with their boxes, drawn with these random numbers, which are on the CPU."""


@dataclass(frozen=True)
class Schedule:
    """steps: of the optimiser, exactly. lr: at the first one; it falls as half a cosine to 0. images: in a batch of
    each kind, real ones and object-free ones; of the further ones there are twice as many.
    """

    steps: int
    lr: float
    images: int

    def stop(self) -> Stop:
        """For `red_herring.training.loop.train`: exactly these steps, whose last weights are kept."""
        return Stop(math.ceil(self.steps / EPOCH), steps=self.steps, keep_last=True)


class DetectorLearner:
    """A `red_herring.training.loop.Learner`. What a step sees depends on the seed and its number only, but for what
    `further` makes of the random numbers that it is given.

    detector: on its device. real: images with boxes; free: [n, 1, side, side], object-free; valid: on which the loss is
    known and by which nothing is chosen; all on the CPU. Half of the images are mirrored left to right.
    """

    def __init__(
        self,
        detector: Detector,
        schedule: Schedule,
        real: Examples,
        free: Tensor,
        further: Further,
        valid: Examples,
        seed: int,
    ):
        self.detector, self.schedule, self.seed = detector, schedule, seed
        self.real, self.further, self.valid = drawn_from(real), further, valid
        self.free = drawn_from(Examples(free, [torch.zeros(0, 4)] * len(free)))
        self.device = next(detector.parameters()).device
        self.optimizer = Adam(detector.parameters(), schedule.lr)
        self.steps_done = 0

    def start_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def batches(self, done: int) -> Iterator[Examples]:
        """Those of this epoch without the first `done`, each drawn when it is its turn."""
        self.detector.train()
        for number in range(done, EPOCH):
            yield self._batch(number).to(self.device)

    def _batch(self, number: int) -> Examples:
        counts = {"real": (self.real, 1), "free": (self.free, 1), "further": (self.further, 2)}
        parts = [
            draw(times * self.schedule.images, random_numbers(self.seed, self.epoch, f"{kind} {number}"))
            for kind, (draw, times) in counts.items()
        ]
        batch = together(parts)
        mirrored = torch.rand(len(batch), generator=random_numbers(self.seed, self.epoch, f"mirrored {number}")) < 0.5
        return batch.mirrored(mirrored)

    def last_batch(self) -> Examples:
        """That of the last step of the schedule, drawn again; it is of another epoch than the one that was started."""
        epochs, number = divmod(self.schedule.steps - 1, EPOCH)
        self.start_epoch(epochs + 1)
        return next(self.batches(number))

    def step(self, batch: Examples) -> dict[str, Tensor]:
        """One update, in one pass over the batch, so that the running statistics of batch norm are updated once."""
        loss = self.detector.loss(self.detector(batch.images), batch.boxes)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.steps_done, self.schedule.steps, self.schedule.lr)
        self.optimizer.step()
        self.steps_done += 1
        return {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """valid_loss, in evaluation mode, summed over batches of the images and divided by the number of boxes."""
        self.detector.eval()
        total, size = 0.0, 4 * self.schedule.images
        for rows in torch.arange(len(self.valid)).split(size):
            batch = self.valid.rows(rows).to(self.device)
            count = max(1, sum(map(len, batch.boxes)))
            total += count * self.detector.loss(self.detector(batch.images), batch.boxes).item()
        return {SELECTED_BY: total / max(1, sum(map(len, self.valid.boxes)))}

    def weights(self) -> dict[str, Tensor]:
        """Those of the detector, with its running statistics."""
        return self.detector.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """The detector, its optimiser and its steps."""
        return {
            "detector": self.detector.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps_done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.detector.load_state_dict(state["detector"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps_done = state["steps"]


def drawn_from(examples: Examples) -> Further:
    """Draws of these examples, none twice before all were drawn."""

    def draw(count: int, random: torch.Generator) -> Examples:
        return examples.rows(in_rounds(torch.arange(len(examples)), count, random))

    return draw
