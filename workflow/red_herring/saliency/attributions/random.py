"""A control: noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from red_herring.saliency.attribution import Request, noise_of

TITLE = "Random"
CITATION = ""
CONTROL = True


def explain(request: Request) -> Tensor:
    """Uniform noise between 0 and 1, other noise for each row and seed."""
    noise = [noise_of(request.seed, row).random(request.images.shape[1:], np.float32) for row in request.rows]
    return torch.from_numpy(np.stack(noise))
