"""How fast a GPU trains, what share of its matrix rate that is, in how much memory, and what the full study costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from benchmarks.plain import Training
from gpu.small import BATCH, GIVEN, PRECISIONS, Sizes, crosses, wait_for
from gpu.table import Table
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.report import cost
from red_herring.runtime.hardware import Hardware, pick
from red_herring.study import settings as study
from red_herring.study.defaults import Config, laid
from red_herring.study.tasks import derive_tasks
from red_herring.study.variants import derive_methods
from torch.utils.flop_counter import FlopCounterMode

PAPERS_METHODS = ["classification", "masked", "actdiff", "adversarial", "gradmask", "rrr"]
"""Those that the plain loop has, whose speed is measured."""

PNEUMONIA = {"train": 2696, "valid": 1348, "test": 1348}
CARDIOMEGALY = {"train": 5552, "valid": 2776, "test": 2776}
COUNTED = {"vpc": PNEUMONIA, "no_vpc": PNEUMONIA, "spc": CARDIOMEGALY, "no_spc": CARDIOMEGALY}
"""Images of the tasks of config.yaml whose sizes the metadata decide, as docs/data.md has them (`make counts`)."""

Speeds = dict[tuple[str, str, int], float]
"""Method, precision and pixels -> seconds of an image in training, in batches of BATCH."""


def images_a_second(step: Callable[[], object], batch: int, device: torch.device, seconds: float) -> float:
    """Of steps of a batch, after two for warming up."""
    for _ in range(2):
        step()
    wait_for(device)
    start, steps = time.perf_counter(), 0
    while steps < 3 or time.perf_counter() - start < seconds:
        step()
        steps += 1
        if steps % 8 == 0:
            wait_for(device)  # or work would pile up
    wait_for(device)
    return steps * batch / (time.perf_counter() - start)


def ours(method: str, hardware: Hardware, pixels: int, width: int, size: int = BATCH) -> Callable[[], object]:
    """A step as red_herring.training.fit takes it, from the prepared images on."""
    torch.manual_seed(0)
    trainer = make_method(method, ResNet18(width).to(hardware.device).train(), GIVEN)
    data, shuffling = crosses(2 * size, pixels), torch.Generator(hardware.device).manual_seed(0)

    def step() -> None:
        batch = data.batch(torch.randperm(len(data))[:size], hardware.device)
        with hardware.mixed():
            trainer.update(batch, shuffling)

    return step


def plain(method: str, device: torch.device, pixels: int) -> Training:
    torch.manual_seed(0)
    training = Training(method, GIVEN)
    for module in (training.model, training.fc, training.discriminator):
        module.to(device)
    return training


def plain_step(method: str, device: torch.device, pixels: int) -> Callable[[], object]:
    training, data = plain(method, device, pixels), crosses(4 * BATCH, pixels)

    def batches() -> Iterator[Any]:
        while True:
            yield from training.batches(data, BATCH)

    endless = batches()
    return lambda: training.step(*(part.to(device) for part in next(endless)))


def operations(method: str, device: torch.device, pixels: int) -> float:
    """Of an image in a step of the plain loop in products and convolutions, as PyTorch counts them."""
    training = plain(method, device, pixels)
    images, masks, labels = (part.to(device) for part in next(training.batches(crosses(BATCH, pixels), BATCH)))
    images = images.requires_grad_() * 1  # PyTorch cannot count what is on the way to the gradient of a leaf
    with FlopCounterMode(display=False) as counter:
        training.loss(images, masks, labels).backward()
    return counter.get_total_flops() / BATCH


def matrix_rate(hardware: Hardware, side: int) -> float:
    """Operations a second of a product of two square matrices, the best of ten."""
    left, right = (torch.randn(side, side, device=hardware.device).to(PRECISIONS[hardware.precision]) for _ in range(2))
    taken = []
    for _ in range(10):
        wait_for(hardware.device)
        start = time.perf_counter()
        left @ right
        wait_for(hardware.device)
        taken.append(time.perf_counter() - start)
    return 2 * side**3 / min(taken)


def measure_speeds(table: Table, sizes: Sizes, device: torch.device) -> Speeds:
    on_gpu, found = device.type == "cuda", Speeds()
    precisions = [name for name in PRECISIONS if on_gpu or name != "tf32"]
    rates = {}
    for precision in precisions:
        rates[precision] = matrix_rate(pick(device.type, precision), sizes.side)
        said = f"{rates[precision] / 1e12:,.2f}e12 operations a second"
        table.measured("matrix rate", f"{sizes.side} x {sizes.side}", precision, "", said)
    counted: dict[tuple[str, int], float] = {}
    for size in sizes.batches:
        for pixels in sizes.pixels:
            for method in PAPERS_METHODS:
                if table.late("training", f"{method}, {pixels} pixels, batch {size}"):
                    continue
                reference = None
                if on_gpu and size == BATCH:
                    reference = measured_plain(table, sizes, method, device, pixels, counted)
                for precision in precisions:
                    with table.reporting("training", f"{method}, batch {size}", precision, pixels):
                        hardware, own = pick(device.type, precision), counted.get((method, pixels))
                        share = own / rates[precision] if own else None
                        speed = speed_of(table, sizes, method, hardware, pixels, size, reference, share)
                        if size == BATCH:
                            found[method, precision, pixels] = 1 / speed
    if not on_gpu:
        table.skipped(
            "training", "the plain loop, shares of the matrix rate", "its network has width 64, which is for a GPU here"
        )
        table.skipped("memory of the card", "all methods", "no GPU")
    return found


def measured_plain(
    table: Table, sizes: Sizes, method: str, device: torch.device, pixels: int, counted: dict[tuple[str, int], float]
) -> float | None:
    """Images a second of the plain loop, which asks for no sums in the same order; its operations go to `counted`."""
    with table.reporting("training", f"{method}, plain loop", "float32", pixels):
        pick(device.type, "float32")
        counted[method, pixels] = operations(method, device, pixels)
        torch.set_deterministic_debug_mode("default")
        reference = images_a_second(plain_step(method, device, pixels), BATCH, device, sizes.seconds)
        table.measured("training", f"{method}, plain loop", "float32", pixels, f"{reference:,.0f} images/s")
        return reference
    return None


def speed_of(
    table: Table, sizes: Sizes, method: str, hardware: Hardware, pixels: int, size: int, reference: float | None,
    share: float | None,
) -> float:  # fmt: skip
    """Images a second. share: of its matrix rate that the card takes for an image a second."""
    on_gpu = hardware.device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    step = ours(method, hardware, pixels, sizes.width, size)
    speed = images_a_second(step, size, hardware.device, sizes.seconds)
    said = [f"{speed:,.0f} images/s"]
    if reference:
        said.append(f"{speed / reference:.1f} times the plain loop")
    if share:
        said.append(f"{share * speed:.1%} of the matrix rate")
    if on_gpu:
        said.append(f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    of = f"{method}, width {sizes.width}, batch {size}"
    table.measured("training", of, hardware.precision, pixels, ", ".join(said))
    return speed


def full_study() -> Config:
    """That of config.yaml, of every task of which it is known how many images it has."""
    written = laid({})
    config = derive_tasks(written) | {"methods": derive_methods(written["methods"])}
    tasks = {
        name: {"sizes": COUNTED[name]} | task if name in COUNTED else task for name, task in config["tasks"].items()
    }
    return config | {"tasks": tasks}


def measure_cost(table: Table, sizes: Sizes, device: torch.device, speeds: Speeds, maps: dict[str, float]) -> None:
    """GPU-hours of the full study by what was measured, as `make plan` reckons them from benchmarks of runs: steps of
    training, all epochs of all trials and runs, without validation; and the maps of localisation, of the positive half
    of the shifted test images, by the trained and the untrained network.
    """
    check, on_gpu = "GPU-hours of the full study", device.type == "cuda"
    config, width = full_study(), sizes.width
    for precision in PRECISIONS:
        known = [
            cost.Benchmark(cost.TRAIN, method, width, pixels, on_gpu, seconds)
            for (method, own, pixels), seconds in speeds.items()
            if own == precision
        ]
        asked = set(config["saliency"]["attributions"])
        if asked <= maps.keys():
            seconds = sum(maps[name] for name in asked)
            known += [
                cost.Benchmark("localisation", method, width, sizes.pixels[-1], on_gpu, seconds)
                for method in PAPERS_METHODS
            ]
        settings = study.cost_settings(config, {}, 1, 1)
        analyses = {
            name: of for name, of in settings.analyses.items() if name == "localisation" and asked <= maps.keys()
        }
        settings = replace(settings, analyses=analyses, width=width)
        estimate = cost.estimate(settings, cost.amount(settings, Path("nowhere")), known) if known else None
        if estimate is None:
            table.skipped(check, precision, "not all of its methods were measured")
            continue
        parts = [f"{kind} {hours}" for kind, hours in estimate.hours.items()]
        said = f"{', '.join(parts)}; all {estimate.total}"
        table.measured(check, f"{settings.seeds} seeds, {len(settings.runs)} tasks", precision, "28, 224", said)
