"""The activations of the last block, weighted by their gradients."""

from __future__ import annotations

from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor

from red_herring.saliency.attribution import POSITIVE, Request

TITLE = "Grad-CAM"
CITATION = "Selvaraju et al. 2017"


def explain(request: Request) -> Tensor:
    """ReLU(sum_k a_k A_k), A_k the activations of the last block, a_k the mean of d y1 / d A_k (Selvaraju et al. 2017),
    bilinearly upsampled to the image.
    """
    coarse = LayerGradCam(request.model, request.model.layer4).attribute(
        request.images, target=POSITIVE, relu_attributions=True
    )
    maps: Tensor = LayerAttribution.interpolate(coarse, tuple(request.images.shape[-2:]), "bilinear")
    return maps
