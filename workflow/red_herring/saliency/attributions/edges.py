"""A control: the edges in the image."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from red_herring.saliency.attribution import Request

TITLE = "Edges"
CITATION = ""
CONTROL = True


def explain(request: Request) -> Tensor:
    """Sobel magnitude of the image."""
    images = request.images.detach().squeeze(1).cpu().numpy()
    return torch.from_numpy(np.stack([ndimage.generic_gradient_magnitude(i, ndimage.sobel) for i in images])[:, None])
