"""How far the logit of the positive class falls without a part of the image."""

from __future__ import annotations

from captum.attr import FeatureAblation
from torch import Tensor
from torch.nn import functional

from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Occlusion"
CITATION = "Zeiler and Fergus 2014"
SMOOTHED = False

OCCLUDED = 15 / 224
"""Side of the occluding window as a share of the image's, in the released code: 15 pixels of 224, 2 of 28."""


def explain(request: Request) -> Tensor:
    """How far y1 falls when the window that holds the pixel is set to zero (Zeiler and Fergus 2014).

    The windows tile the image from its upper left corner; those at the other edges are cut off if they do not fit. One
    that is zero already has exactly 0, without a pass through the network, which saves most of them in crosses.
    """
    images = request.images.detach()
    window = max(1, round(images.shape[-1] * OCCLUDED))
    anything = functional.max_pool2d(images.abs(), window, ceil_mode=True) > 0
    numbers = anything.flatten(1).cumsum(1).view(anything.shape) * anything  # of each image from 1; 0: is zero
    windows = numbers.repeat_interleave(window, 2).repeat_interleave(window, 3)
    windows = windows[..., : images.shape[-2], : images.shape[-1]]
    fall: Tensor = FeatureAblation(request.model).attribute(
        images,
        feature_mask=windows,
        target=POSITIVE,
        perturbations_per_eval=max(1, request.together // len(images)),
    )
    return fall * (windows > 0)
