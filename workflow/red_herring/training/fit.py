"""The training loop."""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from red_herring.data.dataset import Dataset
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training import checkpoint
from red_herring.training.evaluate import auc, cross_entropy, predict

log = logging.getLogger(__name__)


class Diverged(StudyError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Recipe:
    """How long and with what. burn_in: epochs at the start that cannot be the best one. patience: epochs without a
    better validation loss after which training stops; None: never. compile: whether to compile the network first.
    """

    width: int
    epochs: int
    batch_size: int
    burn_in: int
    patience: int | None
    compile: bool


@dataclass(frozen=True)
class Fitted:
    """history: one dict per epoch (epoch from 1, train_* losses, valid_loss, valid_auc). best_epoch: the one with the
    lowest validation loss after burn-in, whose weights `model` has.
    """

    model: ResNet18
    history: list[dict[str, float]]
    best_epoch: int


def fit(
    method: str,
    hyperparameters: dict[str, float],
    options: dict[str, Any],
    train: Dataset,
    valid: Dataset,
    recipe: Recipe,
    seed: int,
    hardware: Hardware,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Fitted:
    """Train a classifier by a method; the same arguments give the same weights to the bit on the same machine.

    resume: a folder for the state, saved after every epoch and, when the process is told to stop, after the batch at
    hand. If it holds one with this `fingerprint`, training goes on from there and ends as if it had never stopped.
    Raises Diverged when a loss is not finite, Interrupted when the process was told to stop.
    """
    if recipe.compile:
        torch.use_deterministic_algorithms(True)  # tells the compiler too, and imports it for that
        torch.compiler.reset()  # it compiles a function for so many networks and no more, and a search has many
    else:
        torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    torch.manual_seed(seed)
    training = _Training(method, hyperparameters, options, recipe, seed, hardware)
    if resume:
        training.resume(resume, fingerprint)
    progress = tqdm(total=recipe.epochs, initial=training.epochs_done, unit="epoch", disable=not sys.stderr.isatty())
    try:
        while not training.is_over():
            training.finish_batches(train)
            logits = predict(training.model, valid, recipe.batch_size, hardware)
            with interrupt.whole():
                training.end_epoch(cross_entropy(logits, valid.labels), auc(logits, valid.labels))
                if resume:
                    training.save(resume, fingerprint)
            progress.set_postfix(valid_auc=f"{training.history[-1]['valid_auc']:.3f}")
            progress.update()
    except interrupt.Interrupted:
        if resume:
            if training.position != training.saved:
                training.save(resume, fingerprint)
            log.info("stopped after %d epochs and %d batches, which are saved", *training.position)
        raise
    except Exception as error:
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            why = str(error).strip().partition("\n")[0]
            raise StudyError(
                f"training.compile: PyTorch could not compile the network ({why}); install a C++ compiler such as g++, "
                "or set it to false"
            ) from error
        raise
    finally:
        progress.close()
    training.model.load_state_dict(training.best_weights)
    return Fitted(training.model, training.history, training.best_epoch)


class _Training:
    """The state of a training, which can be saved after any batch."""

    def __init__(
        self,
        method: str,
        hyperparameters: dict[str, float],
        options: dict[str, Any],
        recipe: Recipe,
        seed: int,
        hardware: Hardware,
    ):
        self.method, self.hyperparameters, self.recipe, self.seed = method, hyperparameters, recipe, seed
        self.hardware = hardware
        self.model = ResNet18(recipe.width).to(hardware.device)
        if recipe.compile:
            self.model.compile_features()
        self.trainer = make_method(method, self.model, hyperparameters, options)
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best_weights = 0, self.model.state_dict()
        self.saved: checkpoint.Position | None = None
        self._start_epoch()

    def _start_epoch(self) -> None:
        self.batches_done = 0
        self.sums: dict[str, torch.Tensor] = {}  # of each term of the loss, over the images of this epoch
        self.images: dict[str, int] = {}
        self.shuffling = _generator(self.seed, self.epochs_done + 1, "shuffling", self.hardware.device)

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def position(self) -> checkpoint.Position:
        return self.epochs_done, self.batches_done

    def is_over(self) -> bool:
        """After all epochs, or when patience has run out; never within an epoch."""
        if self.epochs_done >= self.recipe.epochs:
            return True
        patience = self.recipe.patience
        return patience is not None and self.best_epoch > 0 and self.epochs_done - self.best_epoch >= patience

    def finish_batches(self, data: Dataset) -> None:
        """The rest of one pass over the data in this epoch's order."""
        self.model.train()
        size = self.recipe.batch_size
        order = torch.randperm(len(data), generator=_generator(self.seed, self.epochs_done + 1, "order"))
        for batch in data.batches(size, self.hardware.device, order[self.batches_done * size :]):
            with interrupt.whole(), self.hardware.mixed():
                for name, value in self.trainer.update(batch, self.shuffling).items():
                    self.sums[name] = self.sums.get(name, 0) + value.double() * len(batch.labels)
                    self.images[name] = self.images.get(name, 0) + len(batch.labels)
                self.batches_done += 1

    def end_epoch(self, valid_loss: float, valid_auc: float) -> None:
        """Record the epoch, and its weights if they are the best so far; Diverged if a loss is not finite."""
        epoch = self.epochs_done + 1
        losses = {f"train_{name}": self.sums[name].item() / self.images[name] for name in self.sums}
        losses["valid_loss"] = valid_loss
        for name, value in losses.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{self.method}: {name} is {value} in epoch {epoch} with {self.hyperparameters}; try a smaller lr "
                    "or lambda"
                )
        self.history.append({"epoch": epoch, **losses, "valid_auc": valid_auc})
        better = self.best_epoch == 0 or valid_loss < self.history[self.best_epoch - 1]["valid_loss"]
        if epoch > self.recipe.burn_in and better:
            self.best_epoch = epoch
            self.best_weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        shown = "  ".join(f"{name} {value:.4f}" for name, value in self.history[-1].items() if name != "epoch")
        log.info("epoch %d/%d  %s", epoch, self.recipe.epochs, shown)
        self._start_epoch()

    def save(self, folder: Path, fingerprint: str) -> None:
        state = {
            "model": self.model.state_dict(),
            "method": self.trainer.state_dict(),
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_weights": self.best_weights,
            "sums": self.sums,
            "images": self.images,
            "shuffling": self.shuffling.get_state(),
        }
        checkpoint.save(folder, self.position, state, fingerprint)
        self.saved = self.position

    def resume(self, folder: Path, fingerprint: str) -> None:
        """Go on from the newest state in the folder, if there is one."""
        found = checkpoint.load_latest(folder, fingerprint)
        if found is None:
            return
        (epochs, batches), state = found
        self.model.load_state_dict(state["model"])
        self.trainer.load_state_dict(state["method"])
        self.history, self.best_epoch = state["history"], state["best_epoch"]
        self.best_weights = state["best_weights"]
        self._start_epoch()
        self.batches_done, self.images = batches, state["images"]
        self.sums = {name: total.to(self.hardware.device) for name, total in state["sums"].items()}
        self.shuffling.set_state(state["shuffling"])
        self.saved = self.position
        log.info("continuing after epoch %d of %d and %d batches", epochs, self.recipe.epochs, batches)


def _generator(seed: int, epoch: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Random numbers that depend only on seed, epoch and purpose, so that an epoch can be run again by itself."""
    entropy = np.random.SeedSequence([seed, epoch, *stream.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(entropy >> np.uint64(1)))
