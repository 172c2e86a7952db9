"""The mean gradient on the way to the image from zero."""

from __future__ import annotations

from red_herring.saliency.attribution import Request, Signed
from red_herring.saliency.attributions.integrated_gradients import mean_gradient

TITLE = "Local integrated gradients"
CITATION = "Kokhlikyan et al. 2021"
MIXED = True


def explain(request: Request) -> Signed:
    """Integrated gradients without the factor x, which draws the image whatever the model (Kokhlikyan et al. 2021)."""
    return mean_gradient(request)
