"""The gradient of which each ReLU lets positive values pass only."""

from __future__ import annotations

import warnings

from captum.attr import GuidedBackprop
from torch import Tensor

from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Guided Backprop"
CITATION = "Springenberg et al. 2015"


def explain(request: Request) -> Tensor:
    """The gradient, but each ReLU on the way back lets only positive values pass (Springenberg et al. 2015)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
        maps: Tensor = GuidedBackprop(request.model).attribute(request.images, target=POSITIVE)
    return maps
