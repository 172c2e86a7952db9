"""Right for the right reasons: the log probabilities must not depend on pixels outside the mask."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "RRR"
APPROACH = "Saliency based"
CITATION = "Ross et al. 2017, as in Viviano et al. 2021, equation 4"
USES = ["masks"]
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 10.0]}


class Method(base.Method):
    """penalty = sum over batch and pixels of (d sum_k log p_k / dx * (1 - m))^2 (eq. 4), as in paper and released code.

    It is a sum, so a lambda belongs to one resolution and batch size.
    """

    compiles = False

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        images = base.asking_if_guided(batch)
        logits = self.model(images)
        gradient = base.input_gradient(torch.log_softmax(logits, dim=1), images)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": (gradient * ~batch.masks).square().sum(),
        }
