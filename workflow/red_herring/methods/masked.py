"""Masked: classification of images whose background is shuffled. Evaluation sees the images as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch, ResNet18

TITLE = "Masked"
APPROACH = "Input masking"
CITATION = "Viviano et al. 2021, section 3, Classify Masked"
USES = ["masks"]
HYPERPARAMETERS = {}
# shuffle: the paper; zero: x * m, as in the authors' released runs.
OPTIONS = {"background": ["shuffle", "zero"]}


class Method(base.Method):
    """Without a penalty. background: `shuffle` or `zero`, what the pixels outside of the mask become."""

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float], background: str):
        super().__init__(model, hyperparameters)
        self.background = background

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        if self.background == "shuffle":
            images = base.shuffle_outside(batch.images, batch.masks, generator)
        else:
            images = batch.images * batch.masks
        return {"classification": base.classification_loss(self.model(images), batch.labels)}
