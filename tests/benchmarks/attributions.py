"""How long each attribution takes for 64 positive crosses, and how many steps integrated gradients need.

    PYTHONPATH=workflow python tests/benchmarks/attributions.py --width 8 --threads 2

The model is trained for an epoch or two first, as the steps that integrated gradients need depend on that.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from red_herring.data.dataset import Dataset
from red_herring.data.sources.crosses import SIZE, Source
from red_herring.model import ResNet18
from red_herring.saliency.attribution import ATTRIBUTIONS, attribute

BATCH = 16
TRAINING_IMAGES_PER_CELL = 125
EXPLAINED_PER_SIDE = 32


def crosses(images_per_cell: int, seed: int, size: int) -> Dataset:
    """Images of both counts and both sides, enlarged to whole multiples of 28 pixels and cut to `size`."""
    source = Source(images_per_cell, seed)
    index = source.index()
    pairs = [source.read(image) for image in index["image"]]
    zoom = np.ones((-(-size // SIZE),) * 2)
    levels, masks = (np.stack([np.kron(pair[i], zoom)[:size, :size] for pair in pairs]) for i in (0, 1))
    table = index.assign(label=(index["findings"] == "one cross").astype(int))
    return Dataset(levels.astype(np.uint8), masks.astype(bool), table, source.pixel_range)


def trained(width: int, epochs: int) -> ResNet18:
    model = ResNet18(width)
    data = crosses(TRAINING_IMAGES_PER_CELL, seed=1, size=SIZE)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for batch in data.batches(BATCH, order=torch.randperm(len(data))):
            optimiser.zero_grad()
            F.cross_entropy(model(batch.images), batch.labels).backward()
            optimiser.step()
    return model.eval().requires_grad_(False)


def main(width: int, threads: int, epochs: int, size: int, images: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = trained(width, epochs)
    data = crosses(EXPLAINED_PER_SIDE, seed=0, size=size)
    data = data.subset(np.flatnonzero(data.labels.numpy())[:images])
    print(f"width {width}, {threads} threads, {epochs} epochs, {len(data)} images of {size} pixels")
    total = 0.0
    for name in ATTRIBUTIONS:
        start = time.perf_counter()
        done = attribute(name, model, data, 1.0, BATCH, torch.device("cpu"), "the model")
        taken = time.perf_counter() - start
        total += taken
        print(f"{name:22}{taken:8.2f} s  {told(done.details)}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'all':22}{total:8.2f} s  {peak:.1f} GB at most in memory, PyTorch's own included")


def told(details: pd.DataFrame) -> str:
    if details.empty:
        return ""
    steps, error = details["steps"], details["completeness_error"]
    return f"steps: median {steps.median():.0f}, at most {steps.max()}; largest error {error.max():.2%}"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--width", type=int, default=8)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--epochs", type=int, default=2, help="of training on 500 crosses; 0: random weights")
    arguments.add_argument("--size", type=int, default=SIZE, help="side of the images that are explained, pixels")
    arguments.add_argument("--images", type=int, default=64)
    main(**vars(arguments.parse_args()))
