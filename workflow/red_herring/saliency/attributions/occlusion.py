"""How far the logit of the positive class falls without a part of the image."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from red_herring.networks.incremental import Incremental
from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Occlusion"
CITATION = "Zeiler and Fergus 2014"
SMOOTHED = False

OCCLUDED = 15 / 224
"""Side of the occluding window as a share of the image's, in the released code: 15 pixels of 224, 2 of 28."""

GROWN = 10
"""Pixels by which the side of what a window changes has grown in the largest maps, by five convolutions of 3 x 3."""


def explain(request: Request) -> Tensor:
    """How far y1 falls when the window that holds the pixel is set to zero (Zeiler and Fergus 2014).

    The windows tile the image from its upper left corner; those at the other edges are cut off if they do not fit. One
    that is zero already has exactly 0, without a pass through the network, which saves most of them in crosses.
    """
    images = request.images.detach()
    height, width = images.shape[-2:]
    window = max(1, round(width * OCCLUDED))
    tiled = functional.pad(images, (0, -width % window, 0, -height % window))
    windows = tiled.unfold(2, window, window).unfold(3, window, window)
    fall = windows.new_zeros(windows.shape[:4])
    places = (windows != 0).any(-1).any(-1).nonzero()
    together = max(1, request.together * height * width // (window + GROWN) ** 2)
    network = Incremental(request.model, images)
    for start in range(0, len(places), together):
        rows, _, down, right = some = places[start : start + together].unbind(1)
        without = network.changes(rows, window * down, window * right, -windows[some].unsqueeze(1))
        fall[some] = -without[:, POSITIVE]
    return fall.repeat_interleave(window, 2).repeat_interleave(window, 3)[..., :height, :width]
