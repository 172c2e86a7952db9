"""What the benchmarks share: alternatives timed in turn, and processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from conftest import ROOT
from pytest_benchmark.fixture import BenchmarkFixture
from red_herring.data.dataset import Dataset
from red_herring.data.sources.crosses import Source
from red_herring.study.catalogue import analysis_names

WORKFLOW = ROOT / "workflow"
DEMO = "workflow/studies/demo.yaml"

LATE_IMPORTS = {
    "tune": ["red_herring.training.search", "red_herring.training.run"],
    "render_figure": ["red_herring.report.figures.figure_8"],
    "index_source": ["red_herring.data.sources.crosses"],
    "prepare_images": ["red_herring.data.sources.crosses"],
}
"""What these stages import only when they know what they are asked for, here by the demo."""


def side_by_side(
    benchmark: BenchmarkFixture,
    group: str,
    row: dict[str, Any],
    alternatives: dict[str, Callable[[], object]],
    reference: str | None = None,
    rounds: int = 5,
    warmup: int = 1,
) -> dict[str, Any]:
    """Time the alternatives and record them as one row of the table `group`; table.py has the convention.

    pytest-benchmark would time one alternative after the other, and what else the machine does would hit one of them and
    not the next. So a round, which pytest-benchmark repeats, has every alternative once, and the page shows the minimum
    of each, as other work can only add to a time. A test can do this once; for more rows parametrise it.

    reference: the alternative that ratios refer to, the first unless said otherwise. Returns the row, to whose "more"
    the caller may add columns; its "seconds" has the times of all rounds.
    """
    times: dict[str, list[float]] = {name: [] for name in alternatives}

    def one_round() -> None:
        for name, piece in alternatives.items():
            start = time.perf_counter()
            piece()
            times[name].append(time.perf_counter() - start)

    benchmark.group = group
    benchmark.pedantic(one_round, rounds=rounds, warmup_rounds=warmup)
    made = {
        "row": row,
        "seconds": {name: taken[-rounds:] for name, taken in times.items()},  # without the warm-up
        "reference": reference or next(iter(alternatives)),
        "more": {},
    }
    benchmark.extra_info["rows"] = [made]
    return made


def process(*command: str | Path, folder: Path | None = None) -> str:
    """Run a command to its end, with the package importable; what it printed."""
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def python(code: str) -> Callable[[], object]:
    """A fresh Python that runs this code. It ends at once: the time is that to the end of the code."""
    return lambda: process(sys.executable, "-c", f"{code}\nimport os\nos._exit(0)")


def importing(stage: str) -> str:
    """The code that imports all that a stage of the demo needs."""
    own = [f"red_herring.stages.{stage}"]
    if stage in analysis_names():
        own = ["red_herring.stages.analyse", f"red_herring.analyses.{stage}"]
    return "\n".join(f"import {module}" for module in [*own, *LATE_IMPORTS.get(stage, [])])


def crosses(images: int, seed: int = 0) -> Dataset:
    """Images of both counts of crosses with the box on both sides, as the synthetic task has them."""
    source = Source(-(-images // 4), seed)
    index = source.index()
    pairs = [source.read(image) for image in index["image"]]
    levels, masks = np.stack([picture.grey() for picture, _ in pairs]), np.stack([mask for _, mask in pairs])
    label, nuisance = index["findings"] == "one cross", index["group"] == "left"
    table = index.assign(label=label.astype(int), nuisance=nuisance.astype(int))
    every = np.random.default_rng(seed).permutation(len(table))[:images]
    return Dataset(levels.astype(np.uint8), masks.astype(bool), table, source.pixel_range).subset(every)
