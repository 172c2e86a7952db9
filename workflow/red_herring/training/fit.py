"""The training loop."""

from __future__ import annotations

import logging
import math
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from red_herring.data.dataset import Dataset
from red_herring.files import StudyError
from red_herring.methods import make_method
from red_herring.methods.base import Method
from red_herring.model import ResNet18
from red_herring.training import checkpoint
from red_herring.training.evaluate import auc, cross_entropy, predict

log = logging.getLogger(__name__)


class Diverged(StudyError):
    """The loss is no longer a finite number."""


@dataclass(frozen=True)
class Recipe:
    """How long and with what. burn_in: epochs at the start that cannot be the best one. patience: epochs without a
    better validation loss after which training stops; None: never. device: `auto` is CUDA when there is one.
    """

    width: int
    epochs: int
    batch_size: int
    burn_in: int
    patience: int | None
    device: str = "auto"


@dataclass(frozen=True)
class Fitted:
    """history: one dict per epoch (epoch from 1, train_* losses, valid_loss, valid_auc). best_epoch: the one with the
    lowest validation loss after burn-in, whose weights `model` has.
    """

    model: ResNet18
    history: list[dict[str, float]]
    best_epoch: int


def pick_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise StudyError(f"training.device: is {name}, but PyTorch sees no CUDA device; set it to auto or cpu")
    return torch.device(name)


def fit(
    method: str,
    hyperparameters: dict[str, float],
    options: dict[str, Any],
    train: Dataset,
    valid: Dataset,
    recipe: Recipe,
    seed: int,
    resume: Path | None = None,
    fingerprint: str = "",
) -> Fitted:
    """Train a classifier by a method; the same arguments give the same weights to the bit on the same machine.

    resume: a folder for the state after every epoch. If it holds one with this `fingerprint`, training goes on from
    there and ends as if it had never stopped.
    Raises Diverged when a loss is not finite.
    """
    device = pick_device(recipe.device)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
    torch.manual_seed(seed)
    model = ResNet18(recipe.width).to(device)
    trainer = make_method(method, model, hyperparameters, options)
    history: list[dict[str, float]] = []
    best_epoch, best_weights = 0, model.state_dict()

    found = checkpoint.load_latest(resume, fingerprint) if resume else None
    if found:
        epoch, state = found
        model.load_state_dict(state["model"])
        trainer.load_state_dict(state["method"])
        history, best_epoch, best_weights = state["history"], state["best_epoch"], state["best_weights"]
        log.info("continuing after epoch %d of %d", epoch, recipe.epochs)

    progress = tqdm(total=recipe.epochs, initial=len(history), unit="epoch", disable=not sys.stderr.isatty())
    for epoch in range(len(history) + 1, recipe.epochs + 1):
        if _out_of_patience(epoch - 1, best_epoch, recipe):
            break
        losses = _train_epoch(trainer, train, recipe.batch_size, device, seed, epoch)
        logits = predict(model, valid, recipe.batch_size, device)
        valid_loss = cross_entropy(logits, valid.labels)
        for name, value in {**losses, "valid_loss": valid_loss}.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"{method}: {name} is {value} in epoch {epoch} with {hyperparameters}; try a smaller lr or lambda"
                )
        history.append({"epoch": epoch, **losses, "valid_loss": valid_loss, "valid_auc": auc(logits, valid.labels)})
        if epoch > recipe.burn_in and (best_epoch == 0 or valid_loss < history[best_epoch - 1]["valid_loss"]):
            best_epoch = epoch
            best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if resume:
            state = {"model": model.state_dict(), "method": trainer.state_dict(), "history": history}
            state |= {"best_epoch": best_epoch, "best_weights": best_weights}
            checkpoint.save(resume, epoch, state, fingerprint)
        log.info(
            "epoch %d/%d  %s",
            epoch,
            recipe.epochs,
            "  ".join(f"{k} {v:.4f}" for k, v in history[-1].items() if k != "epoch"),
        )
        progress.set_postfix(valid_auc=f"{history[-1]['valid_auc']:.3f}")
        progress.update()
    progress.close()
    model.load_state_dict(best_weights)
    return Fitted(model, history, best_epoch)


def _out_of_patience(epochs_done: int, best_epoch: int, recipe: Recipe) -> bool:
    return recipe.patience is not None and best_epoch > 0 and epochs_done - best_epoch >= recipe.patience


def _train_epoch(
    trainer: Method, data: Dataset, batch_size: int, device: torch.device, seed: int, epoch: int
) -> dict[str, float]:
    """One pass over the data in a fresh order; the mean of each term of the loss, as train_{term}."""
    trainer.model.train()
    order = torch.randperm(len(data), generator=_generator(seed, epoch, "order"))
    shuffling = _generator(seed, epoch, "shuffling", device)
    sums: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros((), dtype=torch.float64, device=device))
    images: dict[str, int] = defaultdict(int)
    for batch in data.batches(batch_size, device, order):
        for name, value in trainer.update(batch, shuffling).items():
            sums[name] += value.double() * len(batch.labels)
            images[name] += len(batch.labels)
    return {f"train_{name}": sums[name].item() / images[name] for name in sums}


def _generator(seed: int, epoch: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Random numbers that depend only on seed, epoch and purpose, so that an epoch can be run again by itself."""
    entropy = np.random.SeedSequence([seed, epoch, *stream.encode()]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(entropy >> np.uint64(1)))
