"""What a machine with a GPU should show, as one table, in less than eight minutes: `make gpu`, or this script by itself.

It needs torch, numpy, pandas, scipy, captum, tqdm, safetensors, PyYAML, scikit-learn, scikit-image and statsmodels, and
nothing else of the project's environment; what cannot be checked for want of one of them is a row that says so. Where
there is no GPU it runs to its end on the CPU, with thin networks and small images, and says what it left out. The
status is 1 if anything that is checked is not as it should be; what is only measured has no verdict. The files beside
this one say what their tolerances are, and why.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

import torch
from gpu.asked import answer, check_analyses
from gpu.jobs import check_two_jobs, job
from gpu.maps import check_randomised_networks, check_signed_maps, measure_maps
from gpu.small import CPU, CPU_SIZES, GPU_SIZES, Sizes
from gpu.speeds import measure_cost, measure_speeds
from gpu.steps import check_compile, check_determinism, check_second_derivatives, check_steps
from gpu.table import Table
from red_herring.runtime import cards
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import pick

SECONDS = 400
"""After which nothing more is begun; what was begun then ends within eight minutes."""

CHECKS = (
    check_steps, check_second_derivatives, check_signed_maps, check_randomised_networks, check_analyses,
    check_determinism, check_compile,
)  # fmt: skip
PACKAGES = ("numpy", "pandas", "scipy", "captum", "scikit-learn", "scikit-image", "statsmodels")


def described(device: torch.device) -> str:
    where = torch.cuda.get_device_name() if device.type == "cuda" else "the CPU"
    versions = [f"PyTorch {torch.__version__}", f"Python {sys.version.split()[0]}"]
    for name in PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    return f"{where}; {', '.join(versions)}"


def check_all(table: Table, sizes: Sizes, device: torch.device) -> None:
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        if not table.late(name, ""):
            with table.reporting(name, ""):
                check(table, sizes, device)


def measure_all(table: Table, sizes: Sizes, device: torch.device) -> None:
    maps: dict[str, float] = {}
    speeds = {}
    with table.reporting("measure maps", ""):
        maps = measure_maps(table, sizes, device)
    with table.reporting("measure speeds", ""):
        speeds = measure_speeds(table, sizes, device)
    with table.reporting("measure cost", ""):
        measure_cost(table, sizes, device, speeds, maps)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: a GPU if there is one")
    parser.add_argument("--part", choices=["all", "checks", "speeds"], default="all", help="for less time at once")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--answer", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        name, width, seconds = given.job
        job(name, int(width), float(seconds))
        return 0
    if given.answer:
        folder, *arms = given.answer
        answer(folder, GPU_SIZES if given.device == "cuda" else CPU_SIZES, arms)
        return 0
    on_gpu = given.device == "cuda" or (given.device == "auto" and cards.granted() is not None)
    device, sizes = (torch.device("cuda"), GPU_SIZES) if on_gpu else (CPU, CPU_SIZES)
    table = Table(SECONDS if on_gpu else math.inf)
    if not on_gpu:
        table.skipped("all on a GPU", "the whole", "asked for the CPU" if given.device == "cpu" else "no GPU is here")
    if given.part != "checks":
        check_two_jobs(table, sizes, device)  # before this process takes the card
    try:
        with cards.given(device.type):
            pick(device.type, "float32")
            if given.part != "speeds":
                check_all(table, sizes, device)
            if given.part != "checks":
                measure_all(table, sizes, device)
            about = described(device)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table)
    print(f"\n{about}; {table.taken:.0f} s; {table.failed} of {len(table.rows)} rows failed")
    return 1 if table.failed else 0


if __name__ == "__main__":
    sys.exit(main())
