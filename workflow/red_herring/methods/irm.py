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

    A batch tells R_e's slope only with noise, whose variance the square of the batch's own slope would add. So this is
    the unbiased form of the paper's appendix D, the product of the slopes of two halves of a group, averaged over all
    ways to halve it: (s_1 + ... + s_n)^2 - (s_1^2 + ... + s_n^2) over n (n - 1), s_i the slope of one image's loss. It
    may be below 0. A group with fewer than two images in the batch does not count. The weight is the same from the
    first step on.
    """

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        logits = self.model(batch.images)
        slopes = slope_of_scale(logits, batch.labels)
        means, counts = base.means_by(slopes, batch.groups, GROUPS)
        squares, _ = base.means_by(slopes.square(), batch.groups, GROUPS)
        products = (counts * means.square() - squares) / (counts - 1).clamp(min=1) * (counts > 1)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": products.sum() / (counts > 1).sum().clamp(min=1),
        }


def slope_of_scale(logits: Tensor, labels: Tensor) -> Tensor:
    """d cross entropy(w z, y) / dw at w = 1 of each image, [n]: sum_k (p_k - [k = y]) z_k."""
    right = labels.unsqueeze(1) == torch.arange(CLASSES, device=labels.device)
    return ((logits.softmax(dim=1) - right.to(logits.dtype)) * logits).sum(dim=1)
