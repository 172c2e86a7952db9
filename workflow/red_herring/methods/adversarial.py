"""Adversarial: a discriminator must not tell the features of masked from those of unmasked images."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.methods import base
from red_herring.networks.layers import Linear, SpectralLinear
from red_herring.networks.resnet import Batch, ResNet18

TITLE = "Adversarial"
APPROACH = "Domain invariance"
CITATION = "Viviano et al. 2021, equations 2 and 3; Tzeng et al. 2017"
USES = ["masks"]
HYPERPARAMETERS = {
    "lambda": ["log-uniform", 1e-4, 10.0],
    "discriminator_steps": ["integer", 2, 10],
    "discriminator_lr": ["log-uniform", 1e-4, 1e-2],
}
# batch: on every batch `discriminator_steps` steps of the discriminator, then one of the encoder.
# released: the discriminator steps once on every batch, the encoder only on every `discriminator_steps`-th.
OPTIONS = {"schedule": ["batch", "released"]}

HIDDEN = 1024


class Discriminator(nn.Sequential):
    """Features [n, d] to logits [n], positive for masked images: three hidden layers of 1024 with spectral norm."""

    def __init__(self, features: int):
        hidden: list[nn.Module] = []
        for width in (features, HIDDEN, HIDDEN):
            hidden += [SpectralLinear(width, HIDDEN), nn.ReLU()]
        super().__init__(*hidden, Linear(HIDDEN, 1), nn.Flatten(0))


class Method(base.Method):
    """D maximises E log D(f(x_masked)) + E log(1 - D(f(x))) (eq. 2), the sigmoid being part of the loss.

    The encoder fools it: it maximises E log(1 - D(f(x_masked))) + E log D(f(x)) (the terms of eq. 3), so
    penalty = -1 times that, the non-saturating form. Minimising the terms of eq. 2 and 3 as printed sets the same two
    goals, but by losses without a lower bound.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float], schedule: str):
        super().__init__(model, hyperparameters)
        self.schedule = schedule
        self.steps = int(hyperparameters["discriminator_steps"])
        self.discriminator = Discriminator(model.fc.in_features).to(model.fc.weight.device)
        self.discriminator_optimizer = base.Adam(self.discriminator.parameters(), hyperparameters["discriminator_lr"])
        self.batches_seen = 0

    def update(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        self.batches_seen += 1
        encoder_steps = self.schedule == "batch" or self.batches_seen % self.steps == 0
        guided = base.guided(batch.masks)
        with torch.set_grad_enabled(encoder_steps):
            masked, features = self._features(batch, generator, guided)
        for _ in range(self.steps if self.schedule == "batch" else 1):
            discriminator_loss = self._step_discriminator(masked.detach(), features.detach(), guided)
        terms = {"discriminator": discriminator_loss}
        if encoder_steps:
            terms |= self.step(self._encoder_losses(masked, features, guided, batch.labels))
        return terms

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        guided = base.guided(batch.masks)
        return self._encoder_losses(*self._features(batch, generator, guided), guided, batch.labels)

    def _features(self, batch: Batch, generator: torch.Generator, guided: Tensor) -> tuple[Tensor, Tensor]:
        """Of the masked images, which enter the running statistics first, as released, and of the others."""
        shuffled = base.shuffle_outside(batch.images, batch.masks, generator)
        return base.features_of_both(self.model, shuffled, batch, guided)

    def _encoder_losses(self, masked: Tensor, features: Tensor, guided: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(False)  # only the encoder learns from this
        penalty = self._tell_apart(ones=features, zeros=masked, guided=guided)
        self.discriminator.requires_grad_(True)
        return {"classification": base.classification_loss(self.model.fc(features), labels), "penalty": penalty}

    def _step_discriminator(self, masked: Tensor, features: Tensor, guided: Tensor) -> Tensor:
        loss = self._tell_apart(ones=masked, zeros=features, guided=guided)
        self.discriminator_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.discriminator_optimizer.step()
        return loss.detach()

    def _tell_apart(self, ones: Tensor, zeros: Tensor, guided: Tensor) -> Tensor:
        """-E log D(ones) - E log(1 - D(zeros)) of two batches of features, D in one pass for both. The means are over
        the batch, to which only the guided contribute, as in the penalties of the other methods.
        """
        logits: Tensor = self.discriminator(torch.cat([ones, zeros]))
        both = F.logsigmoid(logits[: len(ones)]) + F.logsigmoid(-logits[len(ones) :])
        return -(both * guided).mean()

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "batches_seen": self.batches_seen,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])
        self.batches_seen = state["batches_seen"]
