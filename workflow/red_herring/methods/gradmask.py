"""GradMask: the contrast of the two logits must not depend on pixels outside the mask."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch, ResNet18

TITLE = "GradMask"
APPROACH = "Saliency based"
CITATION = "Simpson et al. 2019, as in Viviano et al. 2021, equation 5"
USES = ["masks"]
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 10.0]}
# l2: equation 5, mean over the batch; l1: the released code, which sums absolute values over pixels and batch.
OPTIONS = {"norm": ["l2", "l1"]}


class Method(base.Method):
    """penalty = || d |y0 - y1| / dx * (1 - m) || (eq. 5)."""

    compiles = False

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float], norm: str):
        super().__init__(model, hyperparameters)
        self.norm = norm

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        images = base.asking_if_guided(batch)
        logits = self.model(images)
        gradient = base.input_gradient((logits[:, 0] - logits[:, 1]).abs(), images)
        outside = (gradient * ~batch.masks).flatten(1)
        penalty = torch.linalg.vector_norm(outside, dim=1).mean() if self.norm == "l2" else outside.abs().sum()
        return {"classification": base.classification_loss(logits, batch.labels), "penalty": penalty}
