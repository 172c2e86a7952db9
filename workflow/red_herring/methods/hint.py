"""HINT: the more of a region lies inside the mask, the more it must speak for the label."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch

TITLE = "HINT"
APPROACH = "Saliency based"
CITATION = "Selvaraju et al. 2019, section 4"
USES = ["masks"]
# The range of RRR (Viviano et al. 2021), and on to the weight of 100 that Friedrich et al. (2023) have in their code.
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-4, 100.0]}


class Method(base.Method):
    """penalty = mean over the batch of the mean over its pairs of positions (i, j) with h_i > h_j of max(0, a_j - a_i).

    h, the human importance, is the share of a position's pixels inside the mask; a, the network's, is what the position
    adds to the logit of the label minus that of the other class: the Grad-CAM map of y1 - y0 for a positive, minus it
    for a negative (`ResNet18.logits_and_map`). So it is the ranking loss of Selvaraju et al., |a_j - a_i| of the pairs
    in the wrong order, with the positions of the last activations for their region proposals. They add up the gradient
    over the features of a proposal; here that would be the same at every position, as features are means over them, so
    the gradient is multiplied by the activations, as Grad-CAM does.

    An image whose mask covers all of it, or nothing, as those of negatives may, has no such pairs and adds nothing.
    """

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        logits, cam = self.model.logits_and_map(batch.images)
        signs = 2 * batch.labels - 1
        network = cam.flatten(1) * signs.unsqueeze(1)
        human = base.coarse(batch.masks, cam).flatten(1)
        pairs = human.unsqueeze(2) > human.unsqueeze(1)
        wrong_by = (network.unsqueeze(1) - network.unsqueeze(2)).clamp(min=0) * pairs
        return {
            "classification": base.classification_loss(logits, batch.labels),
            "penalty": (wrong_by.sum(dim=(1, 2)) / pairs.sum(dim=(1, 2)).clamp(min=1)).mean(),
        }
