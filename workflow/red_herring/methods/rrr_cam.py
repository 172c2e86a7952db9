"""RRR on Grad-CAM: what speaks for a class must not lie outside the mask."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "RRR Grad-CAM"
APPROACH = "Saliency based"
CITATION = "Schramowski et al. 2020; RRR-G in Friedrich et al. 2023"
USES = ["masks"]
# The range of RRR (Viviano et al. 2021), and on to 100, as for HINT, which weighs the same map.
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 100.0]}


class Method(base.Method):
    """penalty = mean over the batch and the positions of the last activations of (G_ij u_ij)^2, G the Grad-CAM map of
    y1 - y0 (`ResNet18.logits_and_map`), u_ij the share of the pixels of such a position outside the mask.

    For two classes the map of one is minus that of the other, so signed values are squared where others take the
    predicted class and a ReLU. The map is neither scaled to its range nor the penalty clipped, as in the code of
    Friedrich et al. (2023): a clipped loss has no gradient. Nor is the network in evaluation mode for it, so its
    statistics are those of the batch. A negative without a mask has all outside, so its map must vanish. A position
    stands for a square of the image, but has seen far more of it.
    """

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        logits, cam = self.model.logits_and_map(batch.images)
        outside = base.coarse(~batch.masks, cam)
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": (cam * outside).square().mean(),
        }
