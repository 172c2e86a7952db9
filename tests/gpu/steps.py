"""Training on a GPU: a step against the CPU's, the same seed twice, second derivatives, torch.compile.

Tolerances. Results are compared with those of the CPU in float64, and the yardstick is the CPU itself: how far its own
float32, or bfloat16, is from its float64. A GPU rounds in the same places, but sums in another order, so
- float32 may be FLOAT32 times as far as the CPU's. Its errors are some 1e-6 to 1e-4, as the gradient of a network with
  normalisations magnifies roundings; had TF32 been left on, they would be thousands of times as large.
- bfloat16 may be BFLOAT16 times as far as the CPU's: errors are so large that more than that is no rounding.
- tf32 must be nearer than the CPU's bfloat16: it keeps two bits more, and rounds the factors of products only.
"""

from __future__ import annotations

import copy
import time

import safetensors.torch
import torch
from benchmarks.plain import of_pytorch
from gpu.small import BATCH, CPU, GIVEN, Sizes, crosses, relative, the_same_numbers, trained_a_little
from gpu.table import Table
from red_herring.methods import make_method
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, pick
from red_herring.study.catalogue import method_names
from red_herring.training.fit import Recipe, fit

STEPS = [name for name in method_names() if name != "dfr"]
"""DFR trains as classification does, and then fits on the CPU, by scikit-learn."""

FLOAT32, BFLOAT16 = 10.0, 1.5
SECOND = 1e-9
"""Relative error of second derivatives in float64, of which rounding makes about 1e-14."""


def gradients_of_a_step(
    method: str, width: int, hardware: Hardware, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Of all weights of the network, float64 on the CPU, in one vector."""
    model = copy.deepcopy(trained_a_little(width)).to(hardware.device, dtype)
    torch.manual_seed(0)
    trainer = make_method(method, model, GIVEN)
    trainer.start(crosses(4 * BATCH, 28).cells)
    if hasattr(trainer, "discriminator"):
        trainer.discriminator.to(dtype)
    batch = crosses(BATCH, 28).batch(slice(None), hardware.device)
    batch = Batch(batch.images.to(dtype), batch.labels, batch.masks, batch.groups)
    with the_same_numbers(), hardware.mixed():
        trainer.update(batch, torch.Generator(hardware.device))
    return torch.cat([parameter.grad.double().cpu().flatten() for parameter in model.parameters()])


def check_steps(table: Table, sizes: Sizes, device: torch.device) -> None:
    check = "a step against the CPU"
    torch.set_num_threads(sizes.threads)
    for method in STEPS:
        exact = gradients_of_a_step(method, sizes.width, Hardware(CPU, "float32"), torch.float64)
        own = {
            name: relative(gradients_of_a_step(method, sizes.width, Hardware(CPU, name)), exact)
            for name in ("float32", "bfloat16")
        }
        limits = {"float32": FLOAT32 * own["float32"], "tf32": own["bfloat16"], "bfloat16": BFLOAT16 * own["bfloat16"]}
        for precision, limit in limits.items():
            if precision == "tf32" and device.type == "cpu":
                table.skipped(check, f"{method}, tf32", "only GPUs have it")
                continue
            with table.reporting(check, method, precision, 28):
                hardware = pick(device.type, precision, sizes.threads)
                found = gradients_of_a_step(method, sizes.width, hardware)
                table.compare(check, method, precision, 28, relative(found, exact), limit)


def check_determinism(table: Table, sizes: Sizes, device: torch.device) -> None:
    check = "the same seed twice"
    recipe = Recipe(width=sizes.width, epochs=2, batch_size=BATCH, burn_in=0, patience=None, compile=False)
    data = crosses(40, 28)

    def weights(method: str, precision: str) -> bytes:
        try:
            fitted = fit(method, GIVEN, {}, data, data, recipe, 1, pick(device.type, precision))
        finally:
            torch.set_deterministic_debug_mode("default")
        return safetensors.torch.save(
            {name: value.cpu().contiguous() for name, value in fitted.model.state_dict().items()}
        )

    if device.type == "cpu":
        table.skipped(check, "all methods, bfloat16", "tests/training has it; here it is for a GPU")
    for method in method_names():
        for precision in ("float32", "bfloat16") if device.type == "cuda" else ("float32",):
            with table.reporting(check, method, precision, 28):
                same = weights(method, precision) == weights(method, precision)
                table.identical(check, method, precision, 28, same)


def penalised(model: ResNet18, images: torch.Tensor) -> torch.Tensor:
    """The gradients of all weights of a penalty on the input gradient, in one vector."""
    model.zero_grad()
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(images)[:, 1].sum(), images, create_graph=True)
    gradient.square().sum().backward()
    return torch.cat([p.grad.double().cpu().flatten() for p in model.parameters() if p.grad is not None])


def second_derivatives_of(model: ResNet18, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """By our layers and by PyTorch's."""
    return penalised(model, images), penalised(of_pytorch(copy.deepcopy(model)), images)


def check_second_derivatives(table: Table, sizes: Sizes, device: torch.device) -> None:
    check = "second derivatives against PyTorch's"
    pick(device.type, "float32")
    images = crosses(BATCH, 28).batch(slice(None), device).images
    found = {}
    for dtype in (torch.float64, torch.float32):
        model = copy.deepcopy(trained_a_little(sizes.width)).to(device, dtype)
        found[dtype] = second_derivatives_of(model, images.to(dtype))
    exact = found[torch.float64][1]
    table.compare(check, "ours", "float64", 28, relative(found[torch.float64][0], exact), SECOND)
    mine, theirs = (relative(one, exact) for one in found[torch.float32])
    table.compare(check, "ours; wanted: twice PyTorch's own error", "float32", 28, mine, 2 * theirs)


def check_compile(table: Table, sizes: Sizes, device: torch.device) -> None:
    """Of Classification, with what the first step costs."""
    check = "torch.compile on against off"
    if device.type == "cpu":
        table.skipped(check, "classification", "a minute on a CPU; tests/training compiles there")
        return
    data, results = crosses(4 * BATCH, 28), {}
    for compiled in (False, True):
        recipe = Recipe(sizes.width, 1, BATCH, burn_in=0, patience=None, compile=compiled)
        start = time.perf_counter()
        try:
            fitted = fit("classification", GIVEN, {}, data, data, recipe, 1, pick(device.type, "float32"))
        except StudyError as error:
            table.skipped(check, "classification", str(error).partition("\n")[0])
            return
        finally:
            torch.use_deterministic_algorithms(False)
        results[compiled] = fitted.history[0]["train_classification"]
        taken = f"{time.perf_counter() - start:.1f} s for {len(data)} images, compiling included"
        table.measured(f"torch.compile {'on' if compiled else 'off'}", "classification", "float32", 28, taken)
    error = abs(results[True] / results[False] - 1)
    table.compare(check, "classification, loss of an epoch", "float32", 28, error, 1e-3)
