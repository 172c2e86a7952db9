"""The loop: epochs, batches, saving, going on to the bit after an interruption, the best epoch, and when to stop.

It knows nothing of what is trained: that is a `Learner`.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.training import checkpoint

SELECTED_BY = "valid_loss"
"""What `validate` must give: the lower, the better the epoch."""

log = logging.getLogger(__name__)

History = list[dict[str, float]]
"""One dict per epoch: epoch from 1, train_* (means over what the steps returned), and what `validate` gave."""

AnyBatch = TypeVar("AnyBatch", bound=Sized)


class Diverged(StudyError):
    """The loss is no longer a finite number."""


class Learner(Protocol[AnyBatch]):
    """What can be trained. What its next step depends on is in its state or follows from the number of the epoch."""

    def start_epoch(self, epoch: int) -> None:
        """Make ready for an epoch, counted from 1: its order, its random numbers."""

    def batches(self, done: int) -> Iterator[AnyBatch]:
        """Those of this epoch, in its order, without the first `done`."""

    def step(self, batch: AnyBatch) -> dict[str, Tensor]:
        """Learn from a batch; the terms of the loss, detached scalars, each a mean over the batch."""

    def validate(self) -> dict[str, float]:
        """How good it is now: SELECTED_BY, and what else belongs in the history."""

    def weights(self) -> dict[str, Tensor]:
        """What the training is for, of which a copy is kept when it is the best."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values, in dicts and lists."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as the learner was that gave this state, within the epoch that was started last."""


@dataclass(frozen=True)
class Stop:
    """When training ends, at the earliest of these, and whose weights are kept.

    epochs: how many at most. burn_in: epochs at the start that cannot be the best one. patience: epochs without a
    better SELECTED_BY. train_accuracy: what `validate` must give under this name. steps: batches at most; the last
    epoch is cut short there. keep_last: the weights are those of the last epoch, not of the best. extra: epochs at the
    start, counted in all of these numbers, that end nothing.
    """

    epochs: int
    burn_in: int = 0
    patience: int | None = None
    train_accuracy: float | None = None
    steps: int | None = None
    keep_last: bool = False
    extra: int = 0


@dataclass(frozen=True)
class Trained:
    """weights: those of `best_epoch`. stopped_by: the field of Stop that ended it. steps: how many there were."""

    weights: dict[str, Tensor]
    history: History
    best_epoch: int
    stopped_by: str
    steps: int


def train(learner: Learner[AnyBatch], stop: Stop, resume: Path | None = None, fingerprint: str = "") -> Trained:
    """Train until it is to stop.

    resume: a folder for the state, saved after every epoch and, when the process is told to stop, after the batch at
    hand. If it holds one with this `fingerprint`, training goes on from there and ends as if it had never stopped.
    Raises Diverged when a loss is not finite, Interrupted when the process was told to stop.
    """
    training = _Training(learner, stop)
    if resume:
        training.resume(resume, fingerprint)
    progress = tqdm(total=stop.epochs, initial=training.epochs_done, unit="epoch", disable=not sys.stderr.isatty())
    try:
        while not training.stopped_by():
            training.finish_batches()
            validated = learner.validate()
            with interrupt.whole():
                training.end_epoch(validated)
                if resume:
                    training.save(resume, fingerprint)
            progress.set_postfix({name: f"{value:.3f}" for name, value in validated.items()})
            progress.update()
    except interrupt.Interrupted:
        if resume:
            if training.position != training.saved:
                training.save(resume, fingerprint)
            log.info("stopped after %d epochs and %d batches, which are saved", *training.position)
        raise
    finally:
        progress.close()
    return training.result()


def random_numbers(seed: int, epoch: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends only on seed, epoch and purpose, so that an epoch can be run again by itself."""
    entropy = np.random.SeedSequence([seed, epoch, *purpose.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(entropy >> np.uint64(1)))


class _Training:
    """The state of a training, which can be saved after any batch."""

    def __init__(self, learner: Learner[Any], stop: Stop):
        self.learner, self.stop = learner, stop
        self.history: History = []
        self.best_weights = learner.weights()
        self.steps_done = 0
        self.saved: checkpoint.Position | None = None
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.batches_done = 0
        self.sums: dict[str, Tensor] = {}  # of each term of the loss, over what was learnt from in this epoch
        self.counts: dict[str, int] = {}
        self.learner.start_epoch(self.epochs_done + 1)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def position(self) -> checkpoint.Position:
        return self.epochs_done, self.batches_done

    def stopped_by(self) -> str | None:
        """The field of Stop that ends the training here, which is never within an epoch; None if it goes on."""
        if self.batches_done or self.epochs_done <= self.stop.extra:
            return None
        stop, lowest = self.stop, self._lowest()
        if stop.train_accuracy is not None and self.history[-1]["train_accuracy"] >= stop.train_accuracy:
            return "train_accuracy"
        if stop.patience is not None and lowest and self.epochs_done - lowest >= stop.patience:
            return "patience"
        if stop.steps is not None and self.steps_done >= stop.steps:
            return "steps"
        return "epochs" if self.epochs_done >= stop.epochs else None

    def _lowest(self) -> int:
        """The first epoch after the burn-in with the lowest SELECTED_BY, 0 within it."""
        candidates = range(self.stop.burn_in, self.epochs_done)
        return 1 + min(candidates, key=lambda index: self.history[index][SELECTED_BY], default=-1)

    def best_epoch(self) -> int:
        """The epoch whose weights are kept, 0 if there is none yet."""
        return self.epochs_done if self.stop.keep_last else self._lowest()

    def finish_batches(self) -> None:
        """The rest of the epoch, as far as steps are left."""
        left = None if self.stop.steps is None else self.stop.steps - self.steps_done
        for batch in islice(self.learner.batches(self.batches_done), left):
            with interrupt.whole():
                for name, value in self.learner.step(batch).items():
                    self.sums[name] = self.sums.get(name, 0) + value.double() * len(batch)
                    self.counts[name] = self.counts.get(name, 0) + len(batch)
                self.batches_done += 1
                self.steps_done += 1

    def end_epoch(self, validated: dict[str, float]) -> None:
        """Record the epoch, and its weights if they are the best so far; Diverged if a loss is not finite."""
        epoch = self.epochs_done + 1
        losses = {f"train_{name}": total.item() / self.counts[name] for name, total in self.sums.items()}
        for name, value in (losses | {SELECTED_BY: validated[SELECTED_BY]}).items():
            if not math.isfinite(value):
                raise Diverged(f"{name} is {value} in epoch {epoch}")
        self.history.append({"epoch": epoch, **losses, **validated})
        if self.best_epoch() == epoch:
            self.best_weights = {name: tensor.clone() for name, tensor in self.learner.weights().items()}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in self.history[-1].items() if name != "epoch")
        log.info("epoch %d/%d  %s", epoch, self.stop.epochs, shown)
        self._start_epoch()

    def save(self, folder: Path, fingerprint: str) -> None:
        state = {
            "learner": self.learner.state_dict(),
            "history": self.history,
            "best_weights": self.best_weights,
            "steps": self.steps_done,
            "sums": self.sums,
            "counts": self.counts,
        }
        checkpoint.save(folder, self.position, state, fingerprint)
        self.saved = self.position

    def resume(self, folder: Path, fingerprint: str) -> None:
        """Go on from the newest state in the folder, if there is one."""
        found = checkpoint.load_latest(folder, fingerprint)
        if found is None:
            return
        (epochs, batches), state = found
        self.history, self.best_weights, self.steps_done = state["history"], state["best_weights"], state["steps"]
        self._start_epoch()
        self.learner.load_state_dict(state["learner"])
        self.batches_done, self.sums, self.counts = batches, state["sums"], state["counts"]
        self.saved = self.position
        log.info("continuing after epoch %d of %d and %d batches", epochs, self.stop.epochs, batches)

    def result(self) -> Trained:
        return Trained(self.best_weights, self.history, self.best_epoch(), self.stopped_by() or "", self.steps_done)
