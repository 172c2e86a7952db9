"""Signed maps on a GPU against the CPU's, of a network as it is and with blocks drawn anew, and what they cost.

Tolerances. A map in float32 may differ by MAPS of its norm, ten times what other sums make of a gradient that passes
a network; on the crosses of the CPU these are some 1e-6 to 1e-4. Integrated gradients may take other steps where an
error lies at its limit of 1 %, and so may differ by STEPPED. The noise of SmoothGrad, which every kind of device draws
in another way, is that of the CPU here.
"""

from __future__ import annotations

import copy
import time

import numpy as np
import torch
from gpu.small import BATCH, CPU, NOISE, Sizes, crosses, relative, the_same_noise, trained_a_little, wait_for
from gpu.table import Table
from red_herring.data.dataset import Dataset
from red_herring.networks.masker import initialised_masker
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware, pick
from red_herring.saliency.attribution import Steps, explain
from red_herring.study.catalogue import attribution_card, attribution_names

MAPS, STEPPED = 1e-3, 2e-2
ADAPTIVE = ("integrated_gradients", "local_integrated_gradients")
STEPS = 32
"""Of integrated gradients where their time is measured, as what adaptive ones take depends on the network."""

TIMED = 4
"""Images of which the time is measured."""


def maps_of(name: str, model: ResNet18, data: Dataset, hardware: Hardware, steps: Steps = "adaptive") -> torch.Tensor:
    own = copy.deepcopy(model).to(hardware.device)
    return torch.from_numpy(explain(name, own, data, BATCH, hardware, "the network", 0, steps).maps)


def explained(width: int, pixels: int) -> ResNet18:
    """The small network with a masker as it is before its training, for images of so many pixels a side."""
    model = trained_a_little(width).folded()
    model.masker = initialised_masker(width, "all", pixels, seed=0).eval().requires_grad_(False)
    return model


def positives(count: int) -> Dataset:
    images = crosses(2 * BATCH, 28)
    return images.subset(np.flatnonzero(images.labels.numpy())[:count])


def check_signed_maps(table: Table, sizes: Sizes, device: torch.device) -> None:
    check, twice = "signed maps against the CPU", "the same map twice"
    model, data = explained(sizes.width, 28), positives(sizes.mapped)
    for name in attribution_names():
        with table.reporting(check, name, "float32", 28):
            hardware = pick(device.type, "float32", sizes.threads)
            expected = maps_of(name, model, data, Hardware(CPU, "float32"))
            with the_same_noise():
                found, again = (maps_of(name, model, data, hardware) for _ in range(2))
            limit = STEPPED if name in ADAPTIVE else MAPS
            table.compare(check, name, "float32", 28, relative(found, expected), limit)
            table.identical(twice, name, "float32", 28, torch.equal(found, again))


def check_randomised_networks(table: Table, sizes: Sizes, device: torch.device) -> None:
    """Down to each block: the weights, and the gradient, of which the worst is told."""
    check, trained, data = "randomised networks against the CPU", trained_a_little(sizes.width), positives(sizes.mapped)
    hardware = pick(device.type, "float32", sizes.threads)
    on_device = copy.deepcopy(trained).to(device)
    for statistics in ("kept", "reset"):
        same, worst = True, 0.0
        for number in range(1, len(BLOCKS) + 1):
            own, other = (randomised(one, BLOCKS[:number], 1, statistics == "kept") for one in (trained, on_device))
            pairs = zip(own.state_dict().values(), other.state_dict().values(), strict=True)
            same &= all(torch.equal(mine, theirs.cpu()) for mine, theirs in pairs)
            expected = maps_of("gradient", own.folded(), data, Hardware(CPU, "float32"))
            worst = max(worst, relative(maps_of("gradient", other.folded(), data, hardware), expected))
        table.identical(check, f"weights, statistics {statistics}", "float32", 28, same)
        table.compare(check, f"gradient, statistics {statistics}", "float32", 28, worst, MAPS)


def measure_maps(table: Table, sizes: Sizes, device: torch.device) -> dict[str, float]:
    """Attribution -> seconds of an image of the largest size in float32."""
    pixels = sizes.pixels[-1]
    model = explained(sizes.width, pixels)
    data, found = crosses(TIMED, pixels, NOISE), {}
    for name in attribution_names():
        for precision in ("float32", "bfloat16") if attribution_card(name).mixed else ("float32",):
            check = "seconds an image of a map"
            if table.late(check, name):
                continue
            with table.reporting(check, name, precision, pixels):
                seconds, memory = timed(name, model, data, pick(device.type, precision))
                if precision == "float32":
                    found[name] = seconds
                steps = f", {STEPS} steps" if name in ADAPTIVE else ""
                table.measured(
                    check, f"{name}, width {sizes.width}{steps}", precision, pixels, f"{seconds:.3g} s{memory}"
                )
    return found


def timed(name: str, model: ResNet18, data: Dataset, hardware: Hardware) -> tuple[float, str]:
    """Seconds of an image, after one to warm up, and the memory of the card in words."""
    on_gpu = hardware.device.type == "cuda"
    own = copy.deepcopy(model).to(hardware.device)
    maps_of(name, own, data.subset(np.arange(1)), hardware, STEPS)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    wait_for(hardware.device)
    start = time.perf_counter()
    maps_of(name, own, data, hardware, STEPS)
    wait_for(hardware.device)
    seconds = (time.perf_counter() - start) / len(data)
    return seconds, f", {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB" if on_gpu else ""
