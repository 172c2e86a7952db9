"""GradNorm: the contrast of the two logits must not depend strongly on any pixel. GradMask without a mask."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "GradNorm"
APPROACH = "Control without masks"
CITATION = "Drucker and LeCun 1992, of the contrast of Simpson et al. 2019"
USES = []
# That of GradMask, so that the two differ in the mask alone.
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 10.0]}


class Method(base.Method):
    """penalty = mean over the batch of || d |y0 - y1| / dx ||_2: GradMask's with all of the image outside the mask."""

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        images = batch.images.requires_grad_()
        logits = self.model(images)
        gradient = base.input_gradient((logits[:, 0] - logits[:, 1]).abs(), images)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": torch.linalg.vector_norm(gradient.flatten(1), dim=1).mean(),
        }
