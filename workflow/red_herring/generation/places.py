"""Where an object could plausibly be: about where real ones are."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.generation.boxes import centres


def plausible_centres(real: Tensor, count: int, random: torch.Generator) -> Tensor:
    """Rows and columns, pixels, float32 [count, 2]: a draw from the Gaussian kernel density of the centres of real
    boxes, int64 or float32 [k, 4] with k >= 1, whose bandwidth is k^(-1/6) of their standard deviation along each axis
    (Scott 1992, two dimensions). Of one box it is its own centre.
    """
    middles = centres(real.float())
    bandwidth = middles.std(dim=0, correction=0) * len(real) ** (-1 / 6)
    rows = torch.randint(len(real), (count,), generator=random)
    drawn: Tensor = middles[rows] + bandwidth * torch.randn(count, 2, generator=random)
    return drawn


def centred(boxes: Tensor, middle: Tensor, side: int) -> Tensor:
    """Boxes of whole pixels and the sizes of these, int64 [k, 4], moved to one centre, [2], or each to its own, [k, 2],
    as far as each then is within an image: int64 [k, 4]. ValueError for a box that no image of that size holds.
    """
    extents = boxes[:, 2:] - boxes[:, :2]
    if (extents > side).any():
        raise ValueError(f"a box of {extents.max()} pixels is larger than an image of {side}")
    starts = torch.round(middle - extents / 2).long()
    starts = torch.minimum(starts.clamp(min=0), side - extents)
    return torch.cat([starts, starts + extents], dim=1)


def plausible_boxes(real: Tensor, count: int, side: int, random: torch.Generator) -> Tensor:
    """Boxes where objects may go, int64 [count, 4], within an image: each of the size of a real one, int64 [k, 4], that
    is drawn, at a plausible centre.
    """
    rows = torch.randint(len(real), (count,), generator=random)
    return centred(real[rows], plausible_centres(real, count, random), side)
