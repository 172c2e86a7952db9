"""The mean gradient of noisy copies."""

from __future__ import annotations

import torch
from captum.attr import NoiseTunnel, Saliency
from torch import Tensor

from red_herring.saliency.attribution import POSITIVE, Request, noise_of

TITLE = "SmoothGrad"
CITATION = "Smilkov et al. 2017"
MIXED = True

NOISY_COPIES = 50
NOISE = 0.15
"""Standard deviation of SmoothGrad's noise as a share of an image's range."""


def explain(request: Request) -> Tensor:
    """The mean gradient of 50 copies with Gaussian noise of 0.15 (max x - min x) (Smilkov et al. 2017).

    The noise of an image depends on the seed and its row only; that is why each has a call of its own.
    """
    tunnel = NoiseTunnel(Saliency(request.model))
    devices = [request.images.device] if request.images.device.type == "cuda" else []
    maps = []
    for row, image in zip(request.rows, request.images.detach(), strict=True):
        spread = NOISE * (image.max() - image.min()).item()
        with torch.random.fork_rng(devices):
            torch.manual_seed(int(noise_of(request.seed, row).integers(2**63)))
            maps.append(
                tunnel.attribute(
                    image[None],
                    nt_samples=NOISY_COPIES,
                    nt_samples_batch_size=min(NOISY_COPIES, request.together),
                    stdevs=spread,
                    target=POSITIVE,
                    abs=False,
                )
            )
    return torch.cat(maps)
