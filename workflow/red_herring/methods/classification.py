"""Classification: cross entropy on the images as they are. The baseline."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "Classification"
APPROACH = "Baseline"
CITATION = "Viviano et al. 2021, section 3"
USES = []
HYPERPARAMETERS = {}


class Method(base.Method):
    """Without a penalty."""

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return {"classification": base.classification_loss(self.model(batch.images), batch.labels)}
