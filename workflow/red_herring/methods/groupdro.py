"""Group DRO: the worst of the nuisance-by-label cells must be classified well. It needs the nuisance, and no masks."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CELLS, Batch, ResNet18

TITLE = "Group DRO"
APPROACH = "Group robustness"
CITATION = "Sagawa et al. 2020, algorithm 1"
USES = ["groups"]
# The range of DomainBed (Gulrajani and Lopez-Paz 2021, 10^U(-3, -1)); Sagawa et al. take 0.01, its middle.
HYPERPARAMETERS = {"group_step_size": ["log-uniform", 1e-3, 1e-1]}
# The algorithm draws a group at random and then an image of it, so `groups` is what it takes by default.
OPTIONS = {"sampling": ["groups", "shuffled"]}


class Method(base.Method):
    """Minimises sum_g q_g loss_g, where loss_g is the mean cross entropy of cell g in the batch, after
    q_g <- q_g exp(group_step_size * loss_g) and division by their sum; at first all q_g are equal.

    A cell without images in the batch counts as one without loss, as in the authors' code: it adds nothing to the sum,
    and its q_g shrinks only as others grow. One that is empty in all of training leaves the others' ratios alone, but
    keeps its part of the sum of q at first, so at ratio 1 the loss begins at half of what the two other cells have.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        self.step_size = hyperparameters["group_step_size"]
        device = next(model.parameters()).device
        self.log_weights = torch.full((CELLS,), 1 / CELLS, device=device).log()

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """`classification`, over all images, to be compared with other methods', and `robust`, which is minimised."""
        each = F.cross_entropy(self.model(batch.images), batch.labels, reduction="none")
        of_cells, _ = base.means_by(each, batch.cells, CELLS)
        # In logarithms, as the exponential of a large loss is infinite.
        self.log_weights = torch.log_softmax(self.log_weights + self.step_size * of_cells.detach(), dim=0)
        return {"classification": each.mean().detach(), "robust": (self.log_weights.exp() * of_cells).sum()}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """What a step minimises."""
        return terms["robust"]

    def state_dict(self) -> dict[str, Any]:
        """With the logarithms of q."""
        return super().state_dict() | {"log_weights": self.log_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        self.log_weights = state["log_weights"].to(self.log_weights.device)
