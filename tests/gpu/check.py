"""What a machine with a GPU should show, as one table, in less than eight minutes: `make gpu`, or this script by itself.

It needs torch, numpy, pandas, scipy, captum, tqdm and safetensors, and nothing else of the project's environment. Where
there is no GPU it runs to its end on the CPU, with thin networks and small images, and says what it left out. The
status is 1 if anything that is checked is not as it should be; what is only measured has no verdict.

Tolerances. Results are compared with those of the CPU in float64, and the yardstick is the CPU itself: how far its own
float32, or bfloat16, is from its float64. A GPU rounds in the same places, but sums in another order, so
- float32 may be FLOAT32 times as far as the CPU's. Its errors are some 1e-6 to 1e-4, as the gradient of a network with
  normalisations magnifies roundings; had TF32 been left on, they would be thousands of times as large.
- bfloat16 may be BFLOAT16 times as far as the CPU's: errors are so large that more than that is no rounding.
- tf32 must be nearer than the CPU's bfloat16: it keeps two bits more, and rounds the factors of products only.
"""

from __future__ import annotations

import argparse
import copy
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

import numpy as np
import safetensors.torch
import torch
from benchmarks.plain import Training, of_pytorch
from red_herring.data.dataset import Dataset
from red_herring.data.sources.crosses import COUNTS, Source
from red_herring.methods import make_method
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.runtime import cards
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, pick
from red_herring.saliency.attribution import attribute
from red_herring.study.catalogue import attribution_names, method_names
from red_herring.training.fit import Recipe, fit
from torch.utils.flop_counter import FlopCounterMode

PAPERS_METHODS = ["classification", "masked", "actdiff", "adversarial", "gradmask", "rrr"]
"""Those that the plain loop has, whose speed is measured."""

PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
GIVEN = {
    "lr": 1e-4, "lambda": 1.0, "discriminator_steps": 2, "discriminator_lr": 1e-4, "group_step_size": 1e-2, "side": 0.5,
    "first_epochs": 1, "upweight": 4,
}  # fmt: skip
METHODS = [name for name in method_names() if name != "dfr"]
"""DFR trains as classification does, and then fits on the CPU, by scikit-learn."""

BATCH = 16
CPU = torch.device("cpu")

FLOAT32, BFLOAT16 = 10.0, 1.5
SECOND = 1e-9
"""Relative error of second derivatives in float64, of which rounding makes about 1e-14."""

MAPS = {"integrated_gradients": 2e-2, "local_integrated_gradients": 2e-2, "smoothgrad": None}
"""Relative error of maps in float32, 1e-3 unless said here. Integrated gradients may take other steps when an error lies
at its limit of 1 %. The noise of SmoothGrad is another on every kind of device: maps may differ by SEEDS times as much
as those of two seeds do on the CPU."""

SEEDS = 1.5


@dataclass(frozen=True)
class Sizes:
    """What fits the machine. seconds: for which each speed is measured. side: of the matrices that are multiplied."""

    width: int
    pixels: tuple[int, ...]
    seconds: float
    side: int
    job_width: int
    job_seconds: float


GPU_SIZES = Sizes(width=64, pixels=(28, 224), seconds=1.0, side=8192, job_width=8, job_seconds=8.0)
CPU_SIZES = Sizes(width=2, pixels=(28, 56), seconds=0.05, side=512, job_width=2, job_seconds=0.5)


@dataclass
class Table:
    """One row per check: what, of which method or map, precision and pixels, what was found and wanted, the verdict."""

    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, check: str, of: str, precision: str, pixels: object, found: str, wanted: str, verdict: str) -> None:
        row = {
            "check": check, "of": of, "precision": precision, "pixels": str(pixels), "found": found, "wanted": wanted,
            "verdict": verdict,
        }  # fmt: skip
        self.rows.append(row)
        print(f"{check}: {of} {precision} {pixels} {found} {verdict}".replace("  ", " "), file=sys.stderr, flush=True)

    def compare(self, check: str, of: str, precision: str, pixels: object, error: float, limit: float) -> None:
        verdict = "ok" if error <= limit else "FAILED"
        self.add(check, of, precision, pixels, f"{error:.1e}", f"at most {limit:.1e}", verdict)

    def measured(self, check: str, of: str, precision: str, pixels: object, found: str) -> None:
        self.add(check, of, precision, pixels, found, "", "measured")

    def skipped(self, check: str, of: str, why: str) -> None:
        self.add(check, of, "", "", "", "", f"skipped: {why}")

    @contextmanager
    def reporting(self, check: str, of: str, precision: str = "", pixels: object = "") -> Iterator[None]:
        """What goes wrong in the block is a row, and the others are still made."""
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            why = str(error).strip().partition("\n")[0].replace("|", "/")
            self.add(check, of, precision, pixels, f"{type(error).__name__}: {why}", "", "FAILED")

    @property
    def failed(self) -> int:
        return sum(row["verdict"] == "FAILED" for row in self.rows)

    def __str__(self) -> str:
        columns = list(self.rows[0])
        lines = [columns, ["---"] * len(columns), *(list(row.values()) for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@cache
def crosses(images: int, pixels: int) -> Dataset:
    """Half of them positive, those of 28 pixels enlarged."""
    source = Source(-(-images // 4), 0)
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
    """The Euclidean norm of what differs, by that of what is expected."""
    return ((found - expected).norm() / expected.norm()).item()


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


# ------------------------------------------------------------------------------------------------------------ checks


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
    for method in METHODS:
        exact = gradients_of_a_step(method, sizes.width, Hardware(CPU, "float32"), torch.float64)
        own = {
            name: relative(gradients_of_a_step(method, sizes.width, Hardware(CPU, name)), exact)
            for name in ("float32", "bfloat16")
        }
        limits = {"float32": FLOAT32 * own["float32"], "tf32": own["bfloat16"], "bfloat16": BFLOAT16 * own["bfloat16"]}
        for precision, limit in limits.items():
            if precision == "tf32" and device.type == "cpu":
                table.skipped("a step against the CPU", f"{method}, tf32", "only GPUs have it")
                continue
            with table.reporting("a step against the CPU", method, precision, 28):
                found = gradients_of_a_step(method, sizes.width, pick(device.type, precision))
                table.compare("a step against the CPU", method, precision, 28, relative(found, exact), limit)


def check_determinism(table: Table, sizes: Sizes, device: torch.device) -> None:
    recipe = Recipe(width=sizes.width, epochs=2, batch_size=BATCH, burn_in=0, patience=None, compile=False)
    data = crosses(40, 28)

    def weights(method: str, precision: str) -> bytes:
        fitted = fit(method, GIVEN, {}, data, data, recipe, 1, pick(device.type, precision))
        torch.set_deterministic_debug_mode("default")
        return safetensors.torch.save(
            {name: value.cpu().contiguous() for name, value in fitted.model.state_dict().items()}
        )

    for method in METHODS:
        for precision in ("float32", "bfloat16"):
            with table.reporting("the same seed twice", method, precision, 28):
                same = weights(method, precision) == weights(method, precision)
                found = "identical weights" if same else "other weights"
                table.add(
                    "the same seed twice", method, precision, "28", found, "identical", "ok" if same else "FAILED"
                )


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
    images = crosses(BATCH, 28).batch(slice(None), device).images
    found = {}
    for dtype in (torch.float64, torch.float32):
        model = copy.deepcopy(trained_a_little(sizes.width)).to(device, dtype)
        found[dtype] = second_derivatives_of(model, images.to(dtype))
    exact = found[torch.float64][1]
    table.compare(check, "ours", "float64", 28, relative(found[torch.float64][0], exact), SECOND)
    mine, theirs = (relative(one, exact) for one in found[torch.float32])
    table.compare(check, "ours; wanted: twice PyTorch's own error", "float32", 28, mine, 2 * theirs)


def check_attributions(table: Table, sizes: Sizes, device: torch.device) -> None:
    check = "maps against the CPU"
    pick(device.type, "float32")
    images = crosses(BATCH, 28)
    data = images.subset(np.flatnonzero(images.labels.numpy()))
    model = trained_a_little(sizes.width).folded()

    def maps(name: str, where: torch.device, seed: int = 0) -> torch.Tensor:
        hardware = Hardware(where, "float32")
        found = attribute(name, copy.deepcopy(model).to(where), data, 1.0, BATCH, hardware, "the network", seed)
        return torch.from_numpy(found.maps)

    for name in attribution_names():
        with table.reporting(check, name, "float32", 28):
            expected = maps(name, CPU)
            limit = MAPS.get(name, 1e-3) or SEEDS * relative(maps(name, CPU, seed=1), expected)
            table.compare(check, name, "float32", 28, relative(maps(name, device), expected), limit)


def check_compile(table: Table, sizes: Sizes, device: torch.device) -> None:
    """Of Classification, with what the first step costs."""
    if device.type == "cpu":
        table.skipped(
            "torch.compile on against off", "classification", "a minute on a CPU; tests/training compiles there"
        )
        return
    data, results = crosses(4 * BATCH, 28), {}
    for compiled in (False, True):
        recipe = Recipe(sizes.width, 1, BATCH, burn_in=0, patience=None, compile=compiled)
        start = time.perf_counter()
        try:
            fitted = fit("classification", GIVEN, {}, data, data, recipe, 1, pick(device.type, "float32"))
        except StudyError as error:
            table.skipped("torch.compile on against off", "classification", str(error).partition("\n")[0])
            return
        finally:
            torch.use_deterministic_algorithms(False)
        results[compiled] = fitted.history[0]["train_classification"]
        taken = f"{time.perf_counter() - start:.1f} s for {len(data)} images, compiling included"
        table.measured(f"torch.compile {'on' if compiled else 'off'}", "classification", "float32", 28, taken)
    error = abs(results[True] / results[False] - 1)
    table.compare("torch.compile on against off", "classification, loss of an epoch", "float32", 28, error, 1e-3)


# ------------------------------------------------------------------------------------------------------------ speeds


def wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def images_a_second(step: Callable[[], object], device: torch.device, seconds: float) -> float:
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
    return steps * BATCH / (time.perf_counter() - start)


def ours(method: str, hardware: Hardware, pixels: int, width: int) -> Callable[[], object]:
    """A step as red_herring.training.fit takes it, from the prepared images on."""
    torch.manual_seed(0)
    trainer = make_method(method, ResNet18(width).to(hardware.device).train(), GIVEN)
    data, shuffling = crosses(4 * BATCH, pixels), torch.Generator(hardware.device).manual_seed(0)

    def step() -> None:
        batch = data.batch(torch.randperm(len(data))[:BATCH], hardware.device)
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


def operations(method: str, device: torch.device, pixels: int) -> int:
    """Of a step of the plain loop in products and convolutions, as PyTorch counts them."""
    training = plain(method, device, pixels)
    images, masks, labels = (part.to(device) for part in next(training.batches(crosses(BATCH, pixels), BATCH)))
    images = images.requires_grad_() * 1  # PyTorch cannot count what is on the way to the gradient of a leaf
    with FlopCounterMode(display=False) as counter:
        training.loss(images, masks, labels).backward()
    return counter.get_total_flops()


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


def measure_speeds(table: Table, sizes: Sizes, device: torch.device) -> None:
    on_gpu = device.type == "cuda"
    precisions = [name for name in PRECISIONS if on_gpu or name != "tf32"]
    rates = {}
    for precision in precisions:
        rates[precision] = matrix_rate(pick(device.type, precision), sizes.side)
        found = f"{rates[precision] / 1e12:,.2f}e12 operations a second"
        table.measured("matrix rate", f"{sizes.side} x {sizes.side}", precision, "", found)
    for pixels in sizes.pixels:
        for method in PAPERS_METHODS:
            reference, counted = None, None
            if on_gpu:
                with table.reporting("training", f"{method}, plain loop", "float32", pixels):
                    pick(device.type, "float32")
                    counted = operations(method, device, pixels)
                    reference = images_a_second(plain_step(method, device, pixels), device, sizes.seconds)
                    table.measured("training", f"{method}, plain loop", "float32", pixels, f"{reference:,.0f} images/s")
            for precision in precisions:
                with table.reporting("training", method, precision, pixels):
                    speed_of(
                        table, sizes, method, pick(device.type, precision), pixels, reference, counted, rates[precision]
                    )
    if not on_gpu:
        table.skipped(
            "training", "the plain loop, shares of the matrix rate", "its network has width 64, which is for a GPU here"
        )
        table.skipped("memory of the card", "all methods", "no GPU")


def speed_of(
    table: Table, sizes: Sizes, method: str, hardware: Hardware, pixels: int, reference: float | None,
    counted: int | None, rate: float,
) -> None:  # fmt: skip
    on_gpu = hardware.device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    step = ours(method, hardware, pixels, sizes.width)
    speed = images_a_second(step, hardware.device, sizes.seconds)
    said = [f"{speed:,.0f} images/s"]
    if reference:
        said.append(f"{speed / reference:.1f} times the plain loop")
    if counted:
        said.append(f"{counted * speed / BATCH / rate:.0%} of the matrix rate")
    if on_gpu:
        said.append(f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    table.measured("training", f"{method}, width {sizes.width}", hardware.precision, pixels, ", ".join(said))


# ----------------------------------------------------------------------------------------------- two jobs on one card


def job(device: str, width: int, seconds: float) -> None:
    """What another process runs: take a card, train, say when and how fast."""
    with cards.given(device):
        hardware = pick(device, "float32")
        step = ours("classification", hardware, 28, width)
        step()
        start = time.time()
        speed = images_a_second(step, hardware.device, seconds)
        print(speed, start, time.time())


def jobs(count: int, per_card: int, device: torch.device, sizes: Sizes) -> list[list[float]]:
    """Of each job its images a second, start and end."""
    environment = os.environ | {cards.PER_CARD: str(per_card)}
    if visible := cards.visible():
        environment[cards.VISIBLE] = visible[0]
    command = [sys.executable, __file__, "--job", device.type, str(sizes.job_width), str(sizes.job_seconds)]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    found = [process.communicate()[0].split() for process in running]
    if any(process.returncode for process in running):
        raise RuntimeError("a job failed; its reason is above")
    return [[float(word) for word in words] for words in found]


def apart(one: list[float], other: list[float]) -> bool:
    return one[2] <= other[1] or other[2] <= one[1]


def check_two_jobs(table: Table, sizes: Sizes, device: torch.device) -> None:
    check, of = "two jobs", f"classification, width {sizes.job_width}"
    with table.reporting(check, of, "float32", 28):
        ((alone, _, _),) = jobs(1, 1, device, sizes)
        both = jobs(2, 2, device, sizes)
        together = sum(speed for speed, _, _ in both)
        shared = "on one card" if device.type == "cuda" else "beside each other"
        found = f"{together:,.0f} images/s {shared}, {together / alone:.2f} times one alone"
        table.measured(check, of, "float32", 28, found)
        if device.type == "cpu":
            table.skipped("two jobs, one a card", of, "no GPU to take turns on")
            return
        turns = apart(*jobs(2, 1, device, sizes))
        found = "one after the other" if turns else "at once"
        table.add(
            "two jobs, one a card", of, "float32", "28", found, "one after the other", "ok" if turns else "FAILED"
        )


def described(device: torch.device) -> str:
    where = (
        torch.cuda.get_device_name() if device.type == "cuda" else f"the CPU with {torch.get_num_threads()} thread(s)"
    )
    return f"{where}; PyTorch {torch.__version__}, Python {sys.version.split()[0]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if there is one")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        name, width, seconds = given.job
        job(name, int(width), float(seconds))
        return 0
    start = time.monotonic()
    on_gpu = given.device == "cuda" or (given.device == "auto" and cards.granted() is not None)
    device, sizes = (torch.device("cuda"), GPU_SIZES) if on_gpu else (CPU, CPU_SIZES)
    table = Table()
    if not on_gpu:
        table.skipped("all on a GPU", "the whole", "asked for the CPU" if given.device == "cpu" else "no GPU is here")
    check_two_jobs(table, sizes, device)  # before this process takes the card
    try:
        with cards.given(device.type):
            pick(device.type, "float32")
            about = described(device)
            for check in (
                check_steps, check_determinism, check_second_derivatives, check_attributions, measure_speeds, check_compile,
            ):  # fmt: skip
                with table.reporting(check.__name__.replace("_", " "), ""):
                    check(table, sizes, device)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table)
    print(f"\n{about}; {time.monotonic() - start:.0f} s; {table.failed} of {len(table.rows)} rows failed")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
