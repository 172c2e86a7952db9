"""ActDiff: the features of an image must not depend on what is outside its mask."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "ActDiff"
APPROACH = "Domain invariance"
CITATION = "Viviano et al. 2021, equation 1"
USES = ["masks"]
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 10.0]}


class Method(base.Method):
    """penalty = mean over the batch of || o(x_masked) - o(x) ||_2, o the features after average pooling (eq. 1).

    The masked images pass through the network in training mode, normalised by their own statistics, so they enter the
    running statistics of batch normalisation: first, as in the released code, so that the others weigh more.
    """

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        shuffled = base.shuffle_outside(batch.images, batch.masks, generator)
        guided = base.guided(batch.masks)
        masked, features = base.features_of_both(self.model, shuffled, batch, guided)
        # An image with nothing outside its mask differs by batch normalisation only, whose batch it shares with others.
        distance = torch.linalg.vector_norm(masked - features, dim=1) * guided
        return {
            "classification": base.classification_loss(self.model.fc(features), batch.labels),
            "penalty": distance.mean(),
        }
