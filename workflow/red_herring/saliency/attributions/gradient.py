"""The gradient of the logit of the positive class."""

from __future__ import annotations

from captum.attr import Saliency
from torch import Tensor

from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Gradient"
CITATION = "Simonyan et al. 2014"


def explain(request: Request) -> Tensor:
    """d y1 / dx (Simonyan et al. 2014; paper, section 4)."""
    maps: Tensor = Saliency(request.model).attribute(request.images, target=POSITIVE, abs=False)
    return maps
