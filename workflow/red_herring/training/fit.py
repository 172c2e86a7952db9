"""Fitting a classifier: what a study asks for, put together as a learner and a stop rule, and trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from red_herring.data.dataset import Dataset
from red_herring.methods import make_method
from red_herring.methods.base import Method
from red_herring.networks.resnet import ResNet18, initialised
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, refuse_other_orders
from red_herring.study.catalogue import method_card
from red_herring.study.stage_settings import Training
from red_herring.training import loop
from red_herring.training.classifier import Classifier
from red_herring.training.loop import Diverged, Stop
from red_herring.training.refit import halves_by_patient, refit

PERMUTED = "permuted"
"""The value of a task's `labels` with which those of the training images are permuted."""

NUISANCE = "nuisance"
"""The value with which the label is the nuisance group, and the finding the nuisance, as the split has them."""


@dataclass(frozen=True)
class Recipe:
    """How long and with what.

    epochs, burn_in, patience, train_accuracy, steps, keep_last: see `red_herring.training.loop.Stop`; with `steps`
    there are as many epochs as these take. compile: whether to compile the network first; `graphs`: into CUDA graphs.
    """

    width: int
    epochs: int
    batch_size: int
    burn_in: int
    patience: int | None
    compile: Literal[False, True, "graphs"]
    train_accuracy: float | None = None
    steps: int | None = None
    keep_last: bool = False


@dataclass(frozen=True)
class Fitted:
    """method: what trained `model`. history: one dict per epoch (epoch from 1, train_* losses, valid_loss, valid_auc,
    train_accuracy if it ends the training). best_epoch: the one whose weights the model has, but for what a step after
    training changed. valid_auc: of the model, after such a step as `red_herring.training.refit` says. stopped_by,
    steps: see `red_herring.training.loop`. held_out: where there was such a step, the logits of the validation images
    each after a step that was not given it, [n, 2].
    """

    model: ResNet18
    method: Method
    history: loop.History
    best_epoch: int
    valid_auc: float
    stopped_by: str
    steps: int
    held_out: torch.Tensor | None = None


def recipe_of(settings: Training) -> Recipe:
    """How to train by what `train` and `tune` read.

    A `stop` takes the place of the patience of training, and its `steps` that of the epochs. Where labels are permuted,
    validation says nothing: it stops no training and selects no epoch, nor where training accuracy is to be reached.
    """
    stop, permuted = settings.stop, settings.labels == PERMUTED
    if permuted and "patience" in stop:
        raise StudyError(
            f"task {settings.task}: stop.patience goes by the validation loss, which says nothing where labels are "
            "permuted; give train_accuracy or steps"
        )
    keys = ("width", "epochs", "batch_size", "burn_in", "compile")
    return Recipe(
        **{key: getattr(settings, key) for key in keys},
        patience=stop.get("patience") if stop or permuted else settings.patience,
        train_accuracy=stop.get("train_accuracy"),
        steps=stop.get("steps"),
        keep_last=permuted or "train_accuracy" in stop,
    )


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

    options: those of the method and `sampling`. resume, fingerprint, errors: see `red_herring.training.loop.train`.
    """
    if recipe.compile:
        torch.use_deterministic_algorithms(True)  # tells the compiler too, and imports it for that
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.compiler.reset()  # it compiles a function for so many networks and no more, and a search has many
    else:
        refuse_other_orders()
    model = initialised(recipe.width, seed).to(hardware.device)
    made = make_method(method, model, hyperparameters, options)
    if recipe.compile and made.compiles:
        model.compile_features(graphs=recipe.compile == "graphs")
    stop = _stop(recipe, len(train), made.extra_epochs)
    halves = halves_by_patient(valid, method, seed) if made.refits else None
    learner = Classifier(
        model,
        made,
        method_card(method).chosen(options)["sampling"],
        train,
        valid,
        recipe.batch_size,
        seed,
        hardware,
        with_accuracy=recipe.train_accuracy is not None,
    )
    try:
        trained = loop.train(learner, stop, resume, fingerprint)
    except Diverged as error:
        raise Diverged(f"{method}: {error} with {hyperparameters}; try a smaller lr or lambda") from None
    except Exception as error:
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            why = str(error).strip().partition("\n")[0]
            raise StudyError(
                f"training.compile: PyTorch could not compile the network ({why}); install a C++ compiler such as g++, "
                "or set it to false"
            ) from error
        raise
    model.load_state_dict(trained.weights)
    valid_auc = trained.history[trained.best_epoch - 1]["valid_auc"]
    held_out = None
    if halves:
        valid_auc, held_out = refit(made, valid, halves, recipe.batch_size, seed, hardware)
    return Fitted(
        model, made, trained.history, trained.best_epoch, valid_auc, trained.stopped_by, trained.steps, held_out
    )


def _stop(recipe: Recipe, images: int, extra_epochs: int) -> Stop:
    """The stop rule of a recipe for so many training images, behind the extra epochs of a method; StudyError when no
    epoch could be the best one.
    """
    in_an_epoch = math.ceil(images / recipe.batch_size)
    epochs, steps = recipe.epochs, recipe.steps
    if steps is not None:
        epochs = math.ceil(steps / in_an_epoch)
        if epochs <= recipe.burn_in and not recipe.keep_last:
            raise StudyError(
                f"stop.steps: is {steps}, which end in epoch {epochs} of {in_an_epoch} steps each, within the "
                f"burn-in of {recipe.burn_in}; give more steps or a smaller burn_in"
            )
        steps += extra_epochs * in_an_epoch
    return Stop(
        extra_epochs + epochs,
        extra_epochs + recipe.burn_in,
        recipe.patience,
        recipe.train_accuracy,
        steps,
        recipe.keep_last,
        extra_epochs,
    )
