"""A detector and a generator that learn in turns, as one learner of the training loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from red_herring.generation.examples import Examples
from red_herring.generation.generator_learner import GeneratorLearner
from red_herring.generation.learner import DetectorLearner


class Turns:
    """A generator that learns a batch whenever it is its turn, through its own epochs, the first of this number."""

    def __init__(self, learner: GeneratorLearner, first_epoch: int):
        self.learner = learner
        self._start(first_epoch, 0)

    def _start(self, epoch: int, done: int) -> None:
        self.epoch, self.done = epoch, done
        self.learner.start_epoch(epoch)
        self.rest = self.learner.batches(done)

    def step(self) -> dict[str, Tensor]:
        """Learn from the next batch; the terms of the loss."""
        batch = next(self.rest, None)
        if batch is None:
            self._start(self.epoch + 1, 0)
            batch = next(self.rest)
        self.done += 1
        return self.learner.step(batch)

    def state_dict(self) -> dict[str, Any]:
        """The generator, and where in which of its epochs it is."""
        return {"learner": self.learner.state_dict(), "epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._start(state["epoch"], state["done"])
        self.learner.load_state_dict(state["learner"])


class AlternatingLearner:
    """A `red_herring.training.loop.Learner`: the detector's, with a turn of the generator after every `every` steps.

    The generator has no turn after the last step, so it stays the one that made the images of that step.
    """

    def __init__(self, detector: DetectorLearner, generator: Turns, every: int):
        self.detector, self.generator, self.every = detector, generator, every

    def start_epoch(self, epoch: int) -> None:
        self.detector.start_epoch(epoch)

    def batches(self, done: int) -> Iterator[Examples]:
        """Those of the detector."""
        return self.detector.batches(done)

    def step(self, batch: Examples) -> dict[str, Tensor]:
        """One update of the detector, and one of the generator if it is its turn; the terms of both losses."""
        terms = self.detector.step(batch)
        done = self.detector.steps_done
        if done % self.every == 0 and done < self.detector.schedule.steps:
            terms |= {f"generator_{name}": term for name, term in self.generator.step().items()}
        return terms

    def validate(self) -> dict[str, float]:
        """That of the detector."""
        return self.detector.validate()

    def weights(self) -> dict[str, Tensor]:
        """Those of the detector."""
        return self.detector.weights()

    def state_dict(self) -> dict[str, Any]:
        """Both."""
        return {"detector": self.detector.state_dict(), "generator": self.generator.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.detector.load_state_dict(state["detector"])
        self.generator.load_state_dict(state["generator"])
