"""What tells real from generated images: PatchGANs with the losses of LSGAN, the crops of boxes, a pool of past fakes.

Isola et al. 2017 (patches), Mao et al. 2017 (least squares), Shrivastava et al. 2017 (pool), as CycleGAN has them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.generation.boxes import centres, sides
from red_herring.generation.generator import fold_of, instance_norm

POOL = 50
CROP = 16
"""Pixels a side of the crop of a box, in images whose sides are not folded."""

MARGIN = 1.5
"""Side of a crop over that of its box: the seam is in it."""

SLOPE = 0.2


class Discriminator(nn.Module):
    """Of images [n, 1, side, side], how real each patch is, 1 for real, 0 for generated: [n, 1, side / 4, side / 4].

    A patch has 18 pixels a side, where the sides of images are not folded (`red_herring.generation.generator.fold_of`).
    """

    def __init__(self, side: int, channels: int):
        super().__init__()
        self.fold = fold_of(side)
        self.layers = nn.Sequential(
            nn.Conv2d(self.fold**2, channels, 4, 2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(channels, 2 * channels, 4, 2, padding=1, bias=False),
            instance_norm(2 * channels),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * channels, 1, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(F.pixel_unshuffle(images, self.fold))
        return scores


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """((D(real) - 1)^2 + D(fake)^2) / 2, means over all patches: a scalar >= 0, 0.25 for one that says 0.5 always."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def generator_loss(fake: Tensor) -> Tensor:
    """(D(fake) - 1)^2, mean over all patches: a scalar >= 0."""
    return (fake - 1).square().mean()


def crop_side(side: int) -> int:
    """Pixels a side of the crops from images of this side."""
    return CROP * fold_of(side)


def crops(images: Tensor, boxes: Tensor) -> Tensor:
    """Each box with a margin, brought to one size; a pixel is a mean by a triangle, wide enough to leave none out.

    images: float [n, 1, side, side]; boxes: [n, 4]. Returns [n, 1, s, s], s of `crop_side`. What is beyond the image's
    edge goes by the pixels nearest to it. Products of matrices, so gradients are the same to the bit on a GPU, too.
    """
    side = images.shape[-1]
    size = crop_side(side)
    steps = (torch.arange(size, device=images.device) + 0.5) / size - 0.5
    extents = MARGIN * sides(boxes).to(images)
    places = centres(boxes).to(images)[:, :, None] + steps * extents[:, :, None]
    reach = (extents / size).clamp(min=1)[:, :, None, None]
    away = places.clamp(0.5, side - 0.5)[..., None] - (torch.arange(side, device=images.device) + 0.5)
    weights = (1 - away.abs() / reach).clamp(min=0)
    rows, columns = (weights / weights.sum(dim=-1, keepdim=True)).unsqueeze(2).unbind(dim=1)
    return rows @ images @ columns.transpose(-1, -2)


class Pool:
    """The last POOL generated images and their boxes, of which a discriminator is shown some in place of new ones.

    images: [POOL, 1, side, side]; boxes: [POOL, 4]; the first `filled` are there.
    """

    def __init__(self, side: int, device: torch.device):
        self.images = torch.zeros(POOL, 1, side, side, device=device)
        self.boxes = torch.zeros(POOL, 4, device=device)
        self.filled = 0

    def exchange(self, images: Tensor, boxes: Tensor, drawn: torch.Generator) -> tuple[Tensor, Tensor]:
        """As many images as are given, with their boxes; a pool that is full keeps each with a chance of a half, and
        gives an old one for it. drawn: on the CPU.
        """
        images, boxes = images.detach().clone(), boxes.to(self.boxes, copy=True)
        for row in range(len(images)):
            if self.filled < POOL:
                self._put(self.filled, images[row], boxes[row])
                self.filled += 1
            elif torch.rand((), generator=drawn) < 0.5:
                place = int(torch.randint(POOL, (), generator=drawn))
                old = self.images[place].clone(), self.boxes[place].clone()
                self._put(place, images[row], boxes[row])
                images[row], boxes[row] = old
        return images, boxes

    def _put(self, place: int, image: Tensor, box: Tensor) -> None:
        self.images[place], self.boxes[place] = image, box

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {"images": self.images, "boxes": self.boxes, "filled": self.filled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as the pool was that gave this state."""
        self.images.copy_(state["images"])
        self.boxes.copy_(state["boxes"])
        self.filled = state["filled"]
