"""V-REx: the loss must be the same in every environment. It needs the nuisance, and no masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CELLS, Batch, ResNet18

TITLE = "V-REx"
APPROACH = "Group robustness"
CITATION = "Krueger et al. 2021, equation 8"
USES = ["groups"]
# The range of DomainBed (Gulrajani and Lopez-Paz 2021, 10^U(-1, 5)).
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-1, 1e5]}
# cells: of nuisance and label; groups: of the nuisance, as the paper's domains. Where either group has as many rare
# images as the other, as in all tasks here, what goes by the nuisance alone has the same loss in both groups.
OPTIONS = {"environments": ["cells", "groups"]}


class Method(base.Method):
    """penalty = variance over the environments of their mean cross entropy in the batch, 1/m sum_e (R_e - mean)^2.

    Of those that the batch has; 0 where it is one. The other term is the mean over the images, not the sum over the
    environments.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float], environments: str):
        super().__init__(model, hyperparameters)
        self.environments = environments

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        each = F.cross_entropy(self.model(batch.images), batch.labels, reduction="none")
        environments = batch.cells if self.environments == "cells" else batch.groups
        risks, counts = base.means_by(each, environments, CELLS)
        return {"classification": each.mean(), "penalty": risks[counts > 0].var(correction=0)}
