"""DANN: a discriminator must not tell the nuisance group by the features. It needs the nuisance, and no masks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.methods import base
from red_herring.networks.layers import Linear
from red_herring.networks.resnet import GROUPS, Batch, ResNet18

TITLE = "DANN"
APPROACH = "Domain invariance"
CITATION = "Ganin et al. 2016"
USES = ["groups"]
# lambda: the range of DomainBed (Gulrajani and Lopez-Paz 2021, 10^U(-2, 2)); discriminator_lr: that of Adversarial.
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-2, 1e2], "discriminator_lr": ["log-uniform", 1e-4, 1e-2]}

HIDDEN = 256
"""Units of either hidden layer of the discriminator, as in DomainBed."""


class Method(base.Method):
    """The discriminator minimises its cross entropy in telling the nuisance group by the features, the classifier the
    cross entropy of the labels minus lambda times that.

    Both step once on every batch, by one backward pass: between features and discriminator the gradient is multiplied
    by -lambda. lambda is the same from the first step on; the paper lets it grow from 0.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        features, device = model.fc.in_features, model.fc.weight.device
        self.discriminator = nn.Sequential(
            Linear(features, HIDDEN), nn.ReLU(), Linear(HIDDEN, HIDDEN), nn.ReLU(), Linear(HIDDEN, GROUPS)
        ).to(device)
        self.discriminator_optimizer = base.Adam(self.discriminator.parameters(), hyperparameters["discriminator_lr"])

    def update(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        self.discriminator_optimizer.zero_grad()
        terms = super().update(batch, generator)
        self.discriminator_optimizer.step()
        return terms

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        features = self.model.features(batch.images)
        groups = self.discriminator(reverse_gradient(features, self.weight))
        return {
            "classification": base.classification_loss(self.model.fc(features), batch.labels),
            "discriminator": F.cross_entropy(groups, batch.groups),
        }

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """What is differentiated; the classifier's part of the second term has its weight from the reversal."""
        return terms["classification"] + terms["discriminator"]

    def state_dict(self) -> dict[str, Any]:
        """With the discriminator and its optimiser."""
        return super().state_dict() | {
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        self.discriminator.load_state_dict(state["discriminator"])
        self.discriminator_optimizer.load_state_dict(state["discriminator_optimizer"])


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    """x itself, through which a gradient goes back multiplied by -weight."""
    reversed_: Tensor = _Reversal.apply(x, weight)
    return reversed_


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None
