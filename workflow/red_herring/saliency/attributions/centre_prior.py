"""A control: the middle of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.saliency.attribution import Request

TITLE = "Centre prior"
CITATION = ""
CONTROL = True


def explain(request: Request) -> Tensor:
    """A Gaussian in the middle of the image; its standard deviation is a quarter of the side."""
    height, width = request.images.shape[-2:]
    rows = (torch.arange(height) - (height - 1) / 2) / (height / 4)
    columns = (torch.arange(width) - (width - 1) / 2) / (width / 4)
    return torch.exp(-(rows[:, None] ** 2 + columns**2) / 2).expand(request.images.shape)
