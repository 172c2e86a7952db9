"""The mask that a small network predicts from the classifier's activations: what is enough for its answer."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.saliency.attribution import Request

TITLE = "Learned mask"
CITATION = "Phang et al. 2020"
SMOOTHED = False
NEEDS_MASKER = True


def explain(request: Request) -> Tensor:
    """m, from 0 to 1, of the network's masker; of maps that are compared the values before the sigmoid, which do not
    saturate, less the smallest of each image. One mask for both classes. Zeros of a masker that collapsed.
    """
    network = request.model
    if getattr(network, "masker", None) is None:
        raise RuntimeError("it has no masker")
    with torch.no_grad():
        _, activations = network.logits_and_stages(request.images)
        mask: Tensor = network.masker(activations, request.images.shape[-1])
    if network.masker.collapsed:
        return torch.zeros_like(mask)
    return mask - mask.amin(dim=(2, 3), keepdim=True) if request.compared else mask.sigmoid()
