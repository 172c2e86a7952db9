"""Attribution maps of trained classifiers, in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from red_herring.data.dataset import Dataset

POSITIVE = 1


def gradient(model: nn.Module, images: Tensor) -> Tensor:
    """|d y1 / dx|, y1 the logit of the positive class (Simonyan et al. 2014; paper, section 4).

    Captum's Saliency, to which a test compares it, without the two seconds that importing Captum costs every run.
    """
    (map_,) = torch.autograd.grad(model(images.requires_grad_())[:, POSITIVE].sum(), images)
    return map_.abs()


ATTRIBUTIONS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {"gradient": gradient}
"""Name -> function of a model in evaluation mode and images [n, 1, height, width], giving maps of that shape."""


def attribute(
    name: str, model: nn.Module, data: Dataset, sigma: float, batch_size: int, device: torch.device
) -> np.ndarray:
    """Maps of all images, float32 [n, height, width], smoothed with a Gaussian of `sigma` pixels (0: not at all)."""
    model.eval()
    maps = [ATTRIBUTIONS[name](model, batch.images).squeeze(1).cpu() for batch in data.batches(batch_size, device)]
    raw = torch.cat(maps).numpy() if maps else np.empty((0, *data.levels.shape[1:]), np.float32)
    return ndimage.gaussian_filter(raw, sigma=(0, sigma, sigma)) if sigma > 0 else raw


def mean_maps(maps: np.ndarray, data: Dataset, count: int, seed: int) -> np.ndarray:
    """The mean map, mean image (0 to 1) and mean mask of at most `count` images drawn with `seed`, float32
    [3, height, width]. maps: those of all images of `data`, in its order.
    """
    chosen = np.random.default_rng(seed).permutation(len(maps))[:count]
    levels, masks = data.levels.numpy()[chosen], data.masks.numpy()[chosen]
    return np.stack([maps[chosen].mean(0), levels.mean(0) / 255, masks.mean(0)]).astype(np.float32)
