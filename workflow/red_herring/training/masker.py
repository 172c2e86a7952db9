"""Fitting a masker to a classifier that stays as it is: FIX of Phang, Park and Geras 2020.

As published: Adam, its weight decay, gradients clipped at a norm. Otherwise: the learning rate falls as a cosine to 0
where it was divided by ten twice, as trainings here are short, and the area's reward rises over the first half
(`red_herring.methods._masking.ramp_at`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from red_herring.data.dataset import Dataset
from red_herring.data.sampling import draw_examples, in_rounds
from red_herring.methods._masking import CLIPPED, WEIGHT_DECAY, Weights, loss, ramp_at
from red_herring.methods.base import Adam
from red_herring.networks.masker import Masker, initialised_masker
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.runtime.hardware import Hardware, refuse_other_orders
from red_herring.study.stage_settings import Arm
from red_herring.training import loop
from red_herring.training.loop import Diverged, Stop, random_numbers
from red_herring.training.masking import Masking, Tally, mean_of, measured

HYPERPARAMETERS: tuple[Literal["lr", "lambda_in", "lambda_out", "lambda_tv"], ...] = (
    "lr",
    "lambda_in",
    "lambda_out",
    "lambda_tv",
)
"""Those of an arm that say how large something is; a search may also look for its steps."""


class MaskerLearner:
    """A `red_herring.training.loop.Learner`.

    An epoch shows as many images as there are for training, also where it shows few of them again and again, so arms
    have the same epochs and batches. Arms with the same examples see them in the same order.
    """

    def __init__(self, masking: Masking, arm: Arm, train: Dataset, valid: Dataset, seed: int):
        self.masking, self.masker, self.arm = masking, masking.masker, arm
        self.train, self.valid, self.seed = train, valid, seed
        self.device = masking.hardware.device
        self.weighed = Weights(arm["lambda_in"], arm["lambda_out"], arm["lambda_tv"])
        self.examples = draw_examples(train.labels, arm["examples"], seed, arm["draw"])
        self.optimizer = Adam(self.masker.parameters(), arm["lr"], WEIGHT_DECAY)
        self.steps_done = 0

    def start_epoch(self, epoch: int) -> None:
        """Forget the random numbers of the epoch before."""
        self.epoch = epoch
        self.filling = random_numbers(self.seed, epoch, "filling", self.device)

    def batches(self, done: int) -> Iterator[Batch]:
        """Those of this epoch's order without the first `done`, with the masker ready to train."""
        self.masker.train()
        size = self.arm["batch_size"]
        order = in_rounds(self.examples, len(self.train), random_numbers(self.seed, self.epoch, "examples"))
        return self.train.batches(size, self.device, order[done * size :])

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One update of the masker; the terms of the loss that it has."""
        objectives = self.arm["objectives"]
        terms = self.masking.answers(batch, objectives, self.filling).terms(batch.labels)
        ramp = ramp_at(self.steps_done, self.arm["steps"])
        self.optimizer.zero_grad()
        torch.autograd.backward(loss(terms, objectives, self.weighed, ramp))
        nn.utils.clip_grad_norm_(self.masker.parameters(), CLIPPED)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.steps_done, self.arm["steps"], self.arm["lr"])
        self.optimizer.step()
        self.steps_done += 1
        return {name: term.detach() for name, term in terms.items()}

    def validate(self) -> dict[str, float]:
        """valid_loss, with the whole reward for a small area; valid_kept_0, valid_kept_1 and valid_area, see
        `red_herring.training.masking.Measured`; valid_score, the smaller of the two less the area, for which no masks
        of the finding are needed: an empty mask and an open one both score 0.
        """
        tally, total, objectives = Tally(), 0.0, self.arm["objectives"]
        passes = "in" if objectives == "in" else "both"  # what is kept inside is asked always
        for batch, answers in self.masking.over(self.valid, passes, self.arm["batch_size"], self.seed):
            tally.add(batch.labels, answers)
            value = loss(answers.terms(batch.labels), objectives, self.weighed, 1.0)
            total += value.item() * len(batch)
        found = tally.measured()
        score = min(found.kept_0, found.kept_1) - found.area
        values = {f"valid_{name}": value for name, value in asdict(found).items()}
        return {"valid_loss": total / len(self.valid), **values, "valid_score": score}

    def weights(self) -> dict[str, Tensor]:
        """Those of the masker."""
        return self.masker.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """The masker, its optimiser, its steps, and how far the random numbers of this epoch are used up."""
        return {
            "masker": self.masker.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps_done,
            "filling": self.filling.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.masker.load_state_dict(state["masker"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps_done = state["steps"]
        self.filling.set_state(state["filling"])


def rate_at(step: int, steps: int, lr: float) -> float:
    """The learning rate of a step, counted from 0: half a cosine from `lr` towards 0."""
    return lr * (1 + math.cos(math.pi * step / steps)) / 2


@dataclass(frozen=True)
class FittedMasker:
    """masker: in evaluation mode, frozen, its buffer `collapsed` set. history: one dict per epoch (epoch from 1,
    train_* terms of the loss, valid_* as `MaskerLearner.validate` gives). kept_0, kept_1, area: on the training images,
    see `red_herring.training.masking.Measured`. steps: of the optimiser.
    """

    masker: Masker
    history: loop.History
    kept_0: float
    kept_1: float
    area: float
    steps: int


def fit_arm(
    classifier: ResNet18,
    arm: Arm,
    train: Dataset,
    valid: Dataset,
    seed: int,
    hardware: Hardware,
    resume: Path | None = None,
    fingerprint: str = "",
) -> FittedMasker:
    """Fit a masker; the same arguments give the same weights to the bit on the same machine.

    classifier: on the device, in evaluation mode, frozen, best folded; it stays as it is. train, valid: as it was
    trained on them. seed: of the run, from which all arms have their initial weights, those of the same form the same.
    resume, fingerprint: see `red_herring.training.loop.train`. StudyError where a class has too few examples, Diverged
    where a loss is not finite.
    """
    refuse_other_orders()
    masker = initialised_masker(classifier.conv1.out_channels, arm["form"], train.levels.shape[-1], seed)
    masking = Masking(classifier, masker.to(hardware.device), arm["infill"], mean_of(train), hardware)
    learner = MaskerLearner(masking, arm, train, valid, seed)
    try:
        trained = loop.train(learner, _stop(arm, len(train)), resume, fingerprint)
    except Diverged as error:
        given = {name: arm[name] for name in HYPERPARAMETERS}
        raise Diverged(f"masker: {error} with {given}; try a smaller lr or smaller lambdas") from None
    masker.load_state_dict(trained.weights)
    masker.eval().requires_grad_(False)
    found = measured(classifier, masker, train, arm["infill"], arm["batch_size"], seed, hardware)
    masker.collapsed.fill_(found.collapsed(arm["objectives"]))
    return FittedMasker(masker, trained.history, **asdict(found), steps=trained.steps)


def _stop(arm: Arm, images: int) -> Stop:
    """Exactly the steps of an arm, whose last weights are kept."""
    epochs = math.ceil(arm["steps"] / math.ceil(images / arm["batch_size"]))
    return Stop(epochs, steps=arm["steps"], keep_last=True)
