"""The generators: one puts an object into the box of an image, the other takes it away (CycleGAN, Zhu et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.generation.boxes import centres, mask_of, sides
from red_herring.runtime.files import StudyError

FINEST = 64
"""Positions a side, at most, on which the networks of this room work."""

BLOCKS = 4
CHANNELS_IN = 5
"""The image, the box, two coordinates in it, noise."""

INITIAL = 0.01
"""What the last layer's weights are multiplied by before training: a generator first changes next to nothing. With
weights as drawn it may saturate for long."""


def fold_of(side: int) -> int:
    """Into how many parts a side of an image is divided, whose pixels become channels: 1 up to FINEST pixels, else as
    many as leave at most FINEST positions. StudyError where the side cannot be divided so.
    """
    fold = -(-side // FINEST)
    if side % fold:
        raise StudyError(f"size: is {side}, and above {FINEST} px it must be a multiple of {fold}; use such a size")
    return fold


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    """Without running statistics, so that a pass depends on nothing but images and weights."""
    return nn.InstanceNorm2d(channels, affine=True)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance norm, to which the input is added: [n, channels, h, w] to the same."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = instance_norm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = instance_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return added


class Generator(nn.Module):
    """Changes the pixels of one box in each image, and no others, to the bit.

    It is asked how far each pixel goes towards 1 (positive) or towards -1 (negative), so images stay in -1 to 1.
    """

    def __init__(self, side: int, channels: int):
        super().__init__()
        self.fold = fold_of(side)
        self.first = nn.Conv2d(CHANNELS_IN * self.fold**2, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(BLOCKS)))
        self.last = nn.Conv2d(channels, self.fold**2, 3, padding=1)
        with torch.no_grad():
            self.last.weight.mul_(INITIAL)
            self.last.bias.zero_()  # type: ignore[union-attr]

    def forward(self, images: Tensor, boxes: Tensor, noise: Tensor) -> Tensor:
        """images, noise: float [n, 1, side, side], images -1 to 1; boxes: [n, 4]. Returns images of that shape."""
        box = mask_of(boxes, images.shape[-1])
        given = torch.cat([images, box.to(images), coordinates(boxes, images) * box, noise], dim=1)
        features = self.blocks(F.relu(self.first(F.pixel_unshuffle(given, self.fold))))
        share = torch.tanh(F.pixel_shuffle(self.last(features), self.fold))
        changed = images + share * torch.where(share > 0, 1 - images, 1 + images)
        return torch.where(box, changed, images)


def of_weights(weights: Mapping[str, Tensor], side: int) -> Generator:
    """A frozen generator of images of this side with these weights, off which its channels are read."""
    generator = Generator(side, weights["first.weight"].shape[0])
    generator.load_state_dict(weights)
    return generator.requires_grad_(False)


def coordinates(boxes: Tensor, images: Tensor) -> Tensor:
    """Row and column of the middle of each pixel, -1 to 1 across the box: boxes [n, 4] -> [n, 2, side, side]."""
    middles = torch.arange(images.shape[-1], device=images.device) + 0.5
    away = middles - centres(boxes).to(images)[:, :, None]
    rows, columns = (away / (sides(boxes).to(images)[:, :, None] / 2)).unbind(dim=1)
    return torch.stack(torch.broadcast_tensors(rows[:, :, None], columns[:, None, :]), dim=1)
