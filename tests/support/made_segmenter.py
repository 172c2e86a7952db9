"""Weights of torchxrayvision's segmentation network that nobody has trained, as deep and as wide as a test has time for."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from red_herring.networks.pspnet import Segmenter
from red_herring.study.anatomy import STRUCTURES
from torch import Tensor
from torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet import pspnet

FULL = (3, 4, 23, 3)
"""Blocks of the published network."""

COLOURS = 3


def made_weights(seed: int = 0, blocks: Sequence[int] = (2, 1, 1, 1), thinner: int = 16) -> dict[str, Tensor]:
    """Random weights, with a part of the channels of the published network."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in pspnet(len(STRUCTURES), list(blocks)).state_dict().items()}
    generator = torch.Generator().manual_seed(seed)
    return {name: _drawn(name, shape, thinner, generator) for name, shape in shapes.items()}


def _drawn(name: str, shape: torch.Size, thinner: int, generator: torch.Generator) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    kept = (COLOURS, len(STRUCTURES))
    thin = [size if place > 1 or size in kept else size // thinner for place, size in enumerate(shape)]
    if len(thin) == 1:  # biases and what batch normalisation has
        return torch.ones(thin) if name.endswith(("running_var", "unit.1.weight")) else torch.zeros(thin)
    return torch.randn(thin, generator=generator) * (2 / prod(thin[1:])) ** 0.5


def fitted(weights: dict[str, Tensor], images: np.ndarray, empty: float) -> dict[str, Tensor]:
    """The weights with such biases that every structure has nothing inside in a share `empty` of the images, uint8
    [n, side, side], and something in the others.
    """
    network = Segmenter(weights).eval()
    with torch.no_grad():
        logits = torch.cat([network(torch.from_numpy(image)[None, None] / 255) for image in images])
    highest = logits.quantile(0.9, dim=-1).amax(dim=-1)  # of a tenth of some row
    return weights | {"classification.bias": weights["classification.bias"] - highest.quantile(empty, dim=0)}


def published(weights: dict[str, Tensor], file: Path) -> Path:
    """The file in the form of the published one: PyTorch's, of a network that was trained on several cards; and without
    counters, as of older versions.
    """
    kept = {f"module.{name}": tensor for name, tensor in weights.items() if "num_batches" not in name}
    torch.save(kept, file)
    return file
