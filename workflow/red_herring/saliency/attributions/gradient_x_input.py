"""The gradient times the image."""

from __future__ import annotations

from captum.attr import InputXGradient
from torch import Tensor

from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Gradient × input"
CITATION = "Shrikumar et al. 2016"


def explain(request: Request) -> Tensor:
    """x * d y1 / dx (Shrikumar et al. 2016)."""
    maps: Tensor = InputXGradient(request.model).attribute(request.images, target=POSITIVE)
    return maps
