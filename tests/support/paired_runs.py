"""Runs that are compared with each other: their images, their networks, and slow similarities of their maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import initialised
from red_herring.saliency.attribution import explain
from scipy.stats import spearmanr
from support.given import Given

SIZE = 16
SETTINGS = {
    "images": 200,
    "similarities": ["spearman", "ssim"],
    "saliency": {"attributions": ["gradient", "guided_backprop", "edges"], "steps": 16},
}


def pool(splits: Sequence[str], labels: Sequence[int] | None = None) -> Dataset:
    """An image of noise for each split, the same whatever the splits are."""
    n = len(splits)
    levels = np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE), dtype=np.uint8)
    masks = np.zeros(levels.shape, bool)
    masks[:, 4:8, 4:12] = True
    images = [f"i{row}" for row in range(n)]
    table = pd.DataFrame({"split": splits, "source": "s", "image": images, "patient": images})
    return Dataset(levels, masks, table.assign(label=labels or [row % 2 for row in range(n)], nuisance=0), (0.0, 1.0))


def run_of(weights: int, splits: Sequence[str], seed: int = 3, **beside: object) -> Given:
    """weights: the seed of those of its network, which calls half of the images positive."""
    network, images = initialised(2, weights).folded(), pool(splits)
    with torch.no_grad():
        logits = network(images.batch(slice(None)).images)
        network.fc.bias[1] -= (logits[:, 1] - logits[:, 0]).median()
    return Given(network, images, seed, **beside)


def gradients(run: Given, data: Dataset) -> np.ndarray:
    return explain("gradient", run.model, data, 4, run.hardware, "it", seed=0).maps


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(spearmanr(first.ravel(), second.ravel()).statistic)
