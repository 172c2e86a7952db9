"""A trained network of which blocks have the weights of an untrained one (Adebayo et al. 2018)."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from red_herring.networks.resnet import ResNet18, initialise

BLOCKS = (
    "fc", "layer4.1", "layer4.0", "layer3.1", "layer3.0", "layer2.1", "layer2.0", "layer1.1", "layer1.0", "stem",
)  # fmt: skip
"""All there is to reset, from the logits down. The stem is the first convolution with its normalisation."""


def randomised(network: ResNet18, blocks: Iterable[str], seed: int, keep_statistics: bool) -> ResNet18:
    """A copy for evaluation only, on the same device, whose `blocks` (of BLOCKS) are as before training.

    Weights are drawn by the module's own initialiser; normalisations get the weight 1, the bias 0 and, unless
    `keep_statistics`, the running mean 0 and variance 1. What a block draws depends on it and `seed` only, whichever
    other blocks are reset. Raises ValueError for a folded network, which has no normalisations.
    """
    if not isinstance(network.bn1, nn.BatchNorm2d):
        raise ValueError("a folded network has no normalisations to reset")
    copied = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    copied._compiled = None  # it is of the original
    for block in blocks:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(int(np.random.default_rng([seed, *block.encode()]).integers(2**63)))
            for module in _modules(copied, block):
                _reset(module, keep_statistics)
    return copied.to(next(network.parameters()).device)


def _modules(network: ResNet18, block: str) -> list[nn.Module]:
    if block == "stem":
        return [network.conv1, network.bn1]
    return list(network.get_submodule(block).modules())


def _reset(module: nn.Module, keep_statistics: bool) -> None:
    if isinstance(module, nn.Conv2d):
        initialise(module)
    elif isinstance(module, nn.Linear):
        module.reset_parameters()
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
        if not keep_statistics:
            module.reset_running_stats()
