"""Images with their boxes, as the detector and the generator learn from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Examples:
    """images: float32 [n, 1, side, side], -1 to 1. boxes: of each image [k, 4], none for an object-free one."""

    images: Tensor
    boxes: list[Tensor]

    def __len__(self) -> int:
        return len(self.boxes)

    def rows(self, rows: Tensor) -> Examples:
        """Those of these rows, int64 [m], in their order."""
        return Examples(self.images[rows], [self.boxes[row] for row in rows.tolist()])

    def to(self, device: torch.device) -> Examples:
        """The same on a device."""
        return Examples(self.images.to(device), [boxes.to(device) for boxes in self.boxes])

    def mirrored(self, which: Tensor) -> Examples:
        """The same with the images of `which`, bool [n], and their boxes, mirrored left to right."""
        side = self.images.shape[-1]
        images = torch.where(which.view(-1, 1, 1, 1), self.images.flip(3), self.images)
        boxes = [_mirrored(own, side) if flip else own for own, flip in zip(self.boxes, which.tolist(), strict=True)]
        return Examples(images, boxes)


def together(parts: Sequence[Examples]) -> Examples:
    """All of them, one part behind the other."""
    return Examples(torch.cat([part.images for part in parts]), [boxes for part in parts for boxes in part.boxes])


def _mirrored(boxes: Tensor, side: int) -> Tensor:
    top, left, bottom, right = boxes.unbind(dim=1)
    return torch.stack([top, side - right, bottom, side - left], dim=1)
