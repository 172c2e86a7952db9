"""What makes a mask good: the objectives of Phang, Park and Geras 2020, for classifiers of two classes.

With m the mask, 0 to 1, of an image x, and a fill I of which the classifier can tell nothing, the image inside is
m x + (1 - m) I, the image outside (1 - m) x + m I.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

BLUR = 20 / 224
"""Standard deviation of the Gaussian that blurs an image, in image sides: 20 pixels of 224."""

BORDER = 0.3
"""What the variation at the border counts, where beyond it the mask is taken to be 0."""

WEIGHT_DECAY, CLIPPED = 1e-4, 10.0
"""Of the masker's optimiser, and the norm of its gradient at most; as published."""


@dataclass(frozen=True)
class Weights:
    """lambda_in, lambda_out: of the rewards for a small area; lambda_tv: of the total variation."""

    lambda_in: float
    lambda_out: float
    lambda_tv: float


def fill(images: Tensor, infill: str, mean: float, generator: torch.Generator) -> Tensor:
    """What masked pixels are filled with, like the images, [n, 1, height, width]: the mean of the training images, the
    image with all pixels in random order, or blurred.
    """
    if infill == "mean":
        return torch.full_like(images, mean)
    if infill == "shuffled":
        order = torch.rand(images.flatten(1).shape, generator=generator, device=images.device).argsort(dim=1)
        return images.flatten(1).gather(1, order).view_as(images)
    # In float64, which mixed precision leaves alone.
    rows, columns = (_blurring(side).to(images.device) for side in images.shape[-2:])
    return (rows @ images.double() @ columns.T).to(images.dtype)


def _blurring(side: int) -> Tensor:
    """The matrix that blurs a line of pixels, whose first and last ones go on beyond its ends; float64 [side, side]."""
    return torch.from_numpy(gaussian_filter1d(np.eye(side), BLUR * side, axis=0, mode="nearest"))


def inside(images: Tensor, mask: Tensor, filled: Tensor) -> Tensor:
    """m x + (1 - m) I, all [n, 1, height, width]."""
    return filled + mask * (images - filled)


def outside(images: Tensor, mask: Tensor, filled: Tensor) -> Tensor:
    """(1 - m) x + m I."""
    return images + mask * (filled - images)


def terms(
    mask: Tensor, labels: Tensor, right: Tensor, logits_in: Tensor | None, logits_out: Tensor | None
) -> dict[str, Tensor]:
    """The parts of the loss, each a mean over the batch; those of the area to be large, the others small.

    mask: 0 to 1, [n, 1, height, width]; labels: int64 [n]; right: bool [n], which whole images the classifier tells
    right; logits_in, logits_out: [n, 2], of the images inside and outside, or None where their terms are not asked for.
      inside:        cross entropy of the image inside
      area_inside:   ReLU(1[inside is told right] - mean m): a small mask is rewarded where it does its work
      outside:       minus the entropy of the image outside, nats, of images that are told right; at least -ln 2
      area_outside:  ReLU(1[told right, and not outside] - mean m)
      variation:     `variation`
    """
    area = mask.flatten(1).mean(dim=1)
    found = {}
    if logits_in is not None:
        kept = logits_in.argmax(dim=1) == labels
        found["inside"] = F.cross_entropy(logits_in, labels)
        found["area_inside"] = F.relu(kept.to(area.dtype) - area).mean()
    if logits_out is not None:
        lost = right & (logits_out.argmax(dim=1) != labels)
        found["outside"] = -(right.to(logits_out.dtype) * entropy(logits_out)).mean()
        found["area_outside"] = F.relu(lost.to(area.dtype) - area).mean()
    return found | {"variation": variation(mask)}


def entropy(logits: Tensor) -> Tensor:
    """Of the softmax, in nats, [n]."""
    logarithms = logits.log_softmax(dim=1)
    return -(logarithms.exp() * logarithms).sum(dim=1)


def variation(mask: Tensor) -> Tensor:
    """Half the squared differences of neighbours and BORDER times the squared values along each edge, summed over an
    image, mean over the batch. A corner lies on two edges.
    """
    between = mask.diff(dim=2).square().sum() + mask.diff(dim=3).square().sum()
    edges = mask[:, :, [0, -1]].square().sum() + mask[..., [0, -1]].square().sum()
    return (between + BORDER * edges) / (2 * len(mask))


def loss(terms: dict[str, Tensor], objectives: str, weights: Weights, ramp: float) -> Tensor:
    """What the masker minimises. ramp: from 0 to 1, how much of the area's reward counts by now: without it a mask may
    become empty before it has learnt to do its work.
    """
    parts = []
    if objectives in ("both", "in"):
        parts.append(terms["inside"] - ramp * weights.lambda_in * terms["area_inside"])
    if objectives in ("both", "out"):
        parts.append(terms["outside"] - ramp * weights.lambda_out * terms["area_outside"])
    return torch.stack(parts).sum() + len(parts) * weights.lambda_tv * terms["variation"]


def ramp_at(step: int, steps: int) -> float:
    """How much of the area's reward counts at a step, counted from 0: it rises evenly over the first half of them."""
    return min(1.0, step / max(1, math.ceil(steps / 2)))
