"""The masker: a small network that reads the activations of a classifier and predicts which pixels matter.

After Phang, Park and Geras 2020; the published form is `two`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

READ = {"two": (3, 4), "all": (1, 2, 3, 4)}
"""Which stages of the classifier, counted from 1, each form reads."""

FIXED, JOINT = "fixed", "joint"
"""What the maskers are called whose masks are the attribution: fitted to a trained classifier, or trained with it."""

FINE = 64
"""Pixels a side up to which images have strokes that a coarse grid cannot tell: `all` predicts their every pixel."""

BIAS = 2.0
"""Of the output before training: a mask that is nearly open. One that begins at one half may close altogether, as an
empty image is of one class, which satisfies all images of that class at no cost."""


class Masker(nn.Module):
    """Of each stage that is read: 1x1 convolution to `channels`, batch norm, ReLU, bilinear upsampling to the grid; of
    all of them together a 3x3 convolution to one channel, nearest upsampling to the image.

    stages: counted from 1, of a ResNet18 of this width. grid: pixels a side at which the mask is predicted.
    """

    stages: Tensor
    """int64 [k]: the stages that are read."""

    grid: Tensor
    """int64, a scalar: pixels a side at which the mask is predicted."""

    collapsed: Tensor
    """bool, a scalar: whether it was found after its training to say nothing (`red_herring.training.masker`)."""

    def __init__(self, width: int, stages: Sequence[int], grid: int):
        super().__init__()
        self.register_buffer("stages", torch.tensor(list(stages)))
        self.register_buffer("grid", torch.tensor(grid))
        self.register_buffer("collapsed", torch.tensor(False))
        self.read = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width * 2 ** (stage - 1), width, 1), nn.BatchNorm2d(width), nn.ReLU())
            for stage in stages
        )
        self.output = nn.Conv2d(width * len(stages), 1, 3, padding=1)
        nn.init.constant_(cast(Tensor, self.output.bias), BIAS)

    @property
    def width(self) -> int:
        """Of the classifier: channels of its first stage."""
        return self.output.in_channels // len(self.stages)

    def forward(self, activations: Sequence[Tensor], side: int) -> Tensor:
        """The mask before its sigmoid, [n, 1, side, side], of the weights' dtype. activations: of all four stages."""
        grid = int(self.grid)
        parts = [
            F.interpolate(read(activations[int(stage) - 1]), (grid, grid), mode="bilinear", align_corners=False)
            for stage, read in zip(self.stages, self.read, strict=True)
        ]
        coarse: Tensor = self.output(torch.cat(parts, dim=1))
        return F.interpolate(coarse.to(self.output.weight.dtype), (side, side), mode="nearest")


def initialised_masker(width: int, form: str, side: int, seed: int) -> Masker:
    """One before its training, for a classifier of this width. form: of READ; side: of the images, in pixels. Drawing
    its weights leaves PyTorch's own random numbers as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Masker(width, READ[form], grid_of(form, side))


def untrained_like(masker: Masker, seed: int) -> Masker:
    """One of the same form before its training, for evaluation only."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        made = Masker(masker.width, masker.stages.tolist(), int(masker.grid))
    return made.eval().requires_grad_(False)


def grid_of(form: str, side: int) -> int:
    """Pixels a side at which the mask of an image is predicted: of 224 pixels 56; of 28 pixels 14 by the published
    form, and all by the other one.
    """
    if side <= FINE:
        return side if form == "all" else -(-side // 2)
    return -(-side // 4)


def of_weights(weights: dict[str, Tensor]) -> Masker:
    """The masker with this state, in evaluation mode."""
    masker = Masker(weights["read.0.0.weight"].shape[0], weights["stages"].tolist(), int(weights["grid"]))
    masker.load_state_dict(weights)
    return masker.eval()
