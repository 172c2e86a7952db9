"""Guided Backprop where Grad-CAM looks."""

from __future__ import annotations

from torch import Tensor

from red_herring.saliency.attribution import Request
from red_herring.saliency.attributions import grad_cam, guided_backprop

TITLE = "Guided Grad-CAM"
CITATION = "Selvaraju et al. 2017"


def explain(request: Request) -> Tensor:
    """Guided Backprop times Grad-CAM (Selvaraju et al. 2017)."""
    return guided_backprop.explain(request) * grad_cam.explain(request)
