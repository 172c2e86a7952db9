"""What the checks are made with: how large, on which images, by which network, and random numbers that are the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from red_herring.data.dataset import Dataset
from red_herring.data.sources.crosses import COUNTS, Source
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18

PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
GIVEN = {
    "lr": 1e-4, "lambda": 1.0, "discriminator_steps": 2, "discriminator_lr": 1e-4, "group_step_size": 1e-2, "side": 0.5,
    "first_epochs": 1, "upweight": 4, "C": 1.0, "masker_lr": 1e-3, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3,
}  # fmt: skip
BATCH = 16
CPU = torch.device("cpu")
NOISE = 0.1
"""Of the crosses on grey, where no window is black and no product with the image 0."""


@dataclass(frozen=True)
class Sizes:
    """What fits the machine. threads: of the CPU where it computes what a GPU is compared with. seconds: for which each speed is measured. side: of the matrices that are multiplied.
    batches: those of which the speed is measured. mapped: images whose maps are compared. asked_width, asked_images, attributions: of the run that is analysed.
    """

    width: int
    threads: int
    pixels: tuple[int, ...]
    batches: tuple[int, ...]
    seconds: float
    side: int
    mapped: int
    job_width: int
    job_seconds: float
    asked_width: int
    asked_images: int
    attributions: tuple[str, ...]


GPU_SIZES = Sizes(
    width=64, threads=min(8, os.cpu_count() or 1), pixels=(28, 224), batches=(16, 64), seconds=0.6, side=8192, mapped=8, job_width=8, job_seconds=4.0,
    asked_width=8, asked_images=12,
    attributions=("gradient", "integrated_gradients", "smoothgrad", "guided_grad_cam", "edges", "random"),
)  # fmt: skip
CPU_SIZES = Sizes(
    width=2, threads=1, pixels=(28, 56), batches=(16,), seconds=0.05, side=512, mapped=2, job_width=2, job_seconds=0.5,
    asked_width=2, asked_images=4, attributions=("gradient", "edges"),
)  # fmt: skip


@cache
def crosses(images: int, pixels: int, noise: float = 0.0) -> Dataset:
    """Half of them positive, those of 28 pixels enlarged."""
    source = Source(-(-images // 4), 0, noise=noise)
    index = source.index()
    index = index.iloc[np.random.default_rng(0).permutation(len(index))[:images]]
    pairs = [source.read(image) for image in index["image"]]
    times = pixels // 28
    arrays = np.stack([picture.grey() for picture, _ in pairs]), np.stack([mask for _, mask in pairs])
    levels, masks = (array.repeat(times, 1).repeat(times, 2) for array in arrays)
    table = index.assign(label=(index["findings"] == next(iter(COUNTS))).astype(int), source="crosses", split="train")
    table["nuisance"] = (table["group"] == "left").astype(int)
    return Dataset(levels.astype(np.uint8), masks.astype(bool), table, source.pixel_range)


@cache
def trained_a_little(width: int) -> ResNet18:
    """One that is not as it was drawn, on the CPU."""
    torch.manual_seed(0)
    model = ResNet18(width).train()
    method = make_method("classification", model, GIVEN | {"lr": 1e-3})
    for batch in crosses(128, 28).batches(BATCH):
        method.update(batch, torch.Generator())
    return model


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The Euclidean norm of what differs, by that of what is expected; 0 where both are 0 everywhere."""
    difference = (found - expected).norm()
    return (difference / expected.norm()).item() if difference > 0 else difference.item()


@contextmanager
def the_same_numbers() -> Iterator[None]:
    """Random numbers are drawn on the CPU, wherever they are wanted: shuffling is the same on every device."""
    before, here = (torch.rand, torch.randint), torch.Generator().manual_seed(0)

    def on_the_cpu(draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        return lambda *given, generator=None, device=None: draw(*given, generator=here).to(device)

    torch.rand, torch.randint = map(on_the_cpu, before)
    try:
        yield
    finally:
        torch.rand, torch.randint = before


@contextmanager
def the_same_noise() -> Iterator[None]:
    """That of SmoothGrad is drawn on the CPU, by the seed that it has."""
    draw = torch.normal
    torch.normal = lambda mean, spread: draw(mean, spread.cpu()).to(spread.device)
    try:
        yield
    finally:
        torch.normal = draw


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
