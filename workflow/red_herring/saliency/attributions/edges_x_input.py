"""A control: the edges in the image times the image."""

from __future__ import annotations

from torch import Tensor

from red_herring.saliency.attribution import Request
from red_herring.saliency.attributions import edges

TITLE = "Edges × input"
CITATION = ""
CONTROL = True


def explain(request: Request) -> Tensor:
    """x times the Sobel magnitude of the image: what a product with the input looks like without a model."""
    return request.images.detach().cpu() * edges.explain(request)
