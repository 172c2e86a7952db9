"""IRM: the last layer must be the best one in either nuisance group. It needs the nuisance, and no masks."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CLASSES, GROUPS, Batch

TITLE = "IRM"
APPROACH = "Domain invariance"
CITATION = "Arjovsky et al. 2019, IRMv1"
USES = ["groups"]
# The range of DomainBed (Gulrajani and Lopez-Paz 2021, 10^U(-1, 5)), whose penalty is a mean over environments, too.
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-1, 1e5]}


class Method(base.Method):
    """penalty = mean over the nuisance groups e of (d R_e(w z) / dw at w = 1)^2, z the logits, R_e the risk in group e.

    R_e is the mean loss of the images of group e in the batch, and a group without any does not count. A batch tells
    R_e's slope only with noise, whose variance is a part of the square: the more of it, the fewer images a group has
    there, so that a small group weighs more than its slope alone. The unbiased form of the paper's appendix D, the
    product of the slopes of two halves, has no such part and no lower bound either: with a large lambda it is least
    where some answers are very wrong. The weight is the same from the first step on.
    """

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        logits = self.model(batch.images)
        slopes, counts = base.means_by(slope_of_scale(logits, batch.labels), batch.groups, GROUPS)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": slopes.square().sum() / (counts > 0).sum(),
        }


def slope_of_scale(logits: Tensor, labels: Tensor) -> Tensor:
    """d cross entropy(w z, y) / dw at w = 1 of each image, [n]: sum_k (p_k - [k = y]) z_k."""
    right = labels.unsqueeze(1) == torch.arange(CLASSES, device=labels.device)
    return ((logits.softmax(dim=1) - right.to(logits.dtype)) * logits).sum(dim=1)
