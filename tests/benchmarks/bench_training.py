"""Steps of training of the paper's network on crosses, against a plain loop and against what the processor can multiply."""

from __future__ import annotations

import multiprocessing
import time
from functools import cache

import pytest
import torch
from benchmarks.measuring import crosses, side_by_side
from benchmarks.plain import Training
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from torch.utils.flop_counter import FlopCounterMode

PAPERS_METHODS = ["classification", "masked", "actdiff", "adversarial", "gradmask", "rrr"]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GIVEN = {"lr": 1e-4, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-4}
BATCH = 16
TIMED = 48
"""Images that are trained on in a round."""
EPOCH = 500
SIDE = 2048
"""Of the matrices whose product shows what the processor can do; smaller ones and larger ones are not faster."""


@cache
def operations_a_second(dtype: torch.dtype, threads: int) -> float:
    """Of a product of two square matrices, the best of ten."""
    torch.set_num_threads(threads)
    left, right = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    taken = []
    for _ in range(10):
        start = time.perf_counter()
        left @ right
        taken.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(taken)


def operations(method: str) -> int:
    """Of a step of the plain loop in products and convolutions, as PyTorch counts them."""
    training = Training(method, GIVEN)
    images, masks, labels = next(training.batches(crosses(BATCH), BATCH))
    images = images.requires_grad_() * 1  # PyTorch cannot count what is on the way to the gradient of a leaf
    with FlopCounterMode(display=False) as counter:
        training.loss(images, masks, labels).backward()
    return counter.get_total_flops()


def ours(method: str, precision: str, data, width: int, given=GIVEN, options=None):
    """A function that trains on all images once, as red_herring.training.fit does, but for its records."""
    hardware = Hardware(torch.device("cpu"), precision)
    torch.manual_seed(0)
    model = ResNet18(width).train()
    trainer = make_method(method, model, given, options)
    shuffling = torch.Generator().manual_seed(0)

    def epoch() -> None:
        for batch in data.batches(BATCH, order=torch.randperm(len(data))):
            with hardware.mixed():
                trainer.update(batch, shuffling)

    return epoch


@pytest.mark.parametrize("threads", [2, 1])
@pytest.mark.parametrize("method", PAPERS_METHODS)
def test_an_epoch(benchmark, method, threads):
    rates = {name: operations_a_second(dtype, threads) for name, dtype in PRECISIONS.items()}
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    data = crosses(TIMED)
    plain, without = (Training(method, GIVEN, collects) for collects in (True, False))
    alternatives = {
        "reference": lambda: plain.epoch(data, BATCH),
        "without collecting garbage": lambda: without.epoch(data, BATCH),
        "float32": ours(method, "float32", data, 64),
        "bfloat16": ours(method, "bfloat16", data, 64),
    }
    group = f"An epoch of training, width 64, {EPOCH} images of 28 pixels (from {TIMED})"
    row = side_by_side(benchmark, group, {"method": method, "threads": threads}, alternatives, rounds=3)
    counted = operations(method) * TIMED / BATCH
    for name, rate in rates.items():
        row["more"][f"share of the {name} rate"] = f"{counted / min(row['seconds'][name]) / rate:.0%}"
    for name, taken in row["seconds"].items():
        row["seconds"][name] = [seconds * EPOCH / TIMED for seconds in taken]
    row["more"]["operations a step, 1e9"] = operations(method) / 1e9
    row["more"]["matrix rates, 1e9/s"] = " and ".join(f"{rate / 1e9:,.0f}" for rate in rates.values())


@pytest.mark.parametrize("method", PAPERS_METHODS)
def test_two_runs_with_a_thread_each(benchmark, method):
    """Against one after the other with two threads, as small studies may be run: width 8."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        pool.map(train_small_alone, [method] * 2, chunksize=1)
        side_by_side(
            benchmark,
            "Two epochs of 500 images, width 8, on 2 cores",
            {"method": method},
            {
                "one after the other, 2 threads": lambda: [pool.apply(train_small, (method, 2)) for _ in range(2)],
                "beside each other, 1 thread each": lambda: pool.map(train_small_alone, [method] * 2, chunksize=1),
            },
            rounds=3,
        )


def train_small_alone(method: str) -> None:
    train_small(method, 1)


def train_small(method: str, threads: int) -> None:
    torch.set_num_threads(threads)
    small_epoch(method)()


@cache
def small_epoch(method: str):
    return ours(method, "float32", crosses(EPOCH), 8)
