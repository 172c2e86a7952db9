"""Reweighting: every nuisance-by-label cell counts as much as another. It needs the nuisance, and no masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CELLS, Batch

TITLE = "Reweighting"
APPROACH = "Group robustness"
CITATION = "Sagawa et al. 2020b; Idrissi et al. 2022, RWG"
USES = ["groups"]
HYPERPARAMETERS = {}
# `sampling: groups` of classification is the other form; both together would count a rare cell twice.
OPTIONS = {"sampling": ["shuffled"]}


class Method(base.Method):
    """Minimises the mean over the batch of w_c loss, c the cell of the image, w_c = n / (k n_c).

    n images are for training, n_c of them of cell c, in k cells that have any; so the mean of w over the training
    images is 1. A cell without images has no weight: at ratio 1 the other two have weight 1, as in classification.
    """

    weights: Tensor
    """w of each cell, [CELLS]."""

    def start(self, cells: Tensor) -> None:
        """Take the weights from the sizes of the cells."""
        sizes = cells.bincount(minlength=CELLS).double()
        weights = len(cells) / (sizes.count_nonzero() * sizes.clamp(min=1)) * (sizes > 0)
        self.weights = weights.to(next(self.model.parameters()))

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """`classification`, over all images alike, to be compared with other methods', and `weighted`, minimised."""
        each = F.cross_entropy(self.model(batch.images), batch.labels, reduction="none")
        return {"classification": each.mean().detach(), "weighted": (self.weights[batch.cells] * each).mean()}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """What a step minimises."""
        return terms["weighted"]
