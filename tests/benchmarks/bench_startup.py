"""What a job takes before it works: from the start of its process until all is imported, or the first batch is trained."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
import yaml
from benchmarks.measuring import DEMO, importing, process, python, side_by_side
from conftest import ROOT
from red_herring.runtime.preload import THREADS, Preloaded
from red_herring.runtime.typed_json import dumped
from red_herring.study import configuration
from red_herring.study import settings as study
from snakemake.utils import update_config
from support.workflow_checkout import Checkout

BARE, TORCH = python("pass"), python("import torch")
SEED = 1234


@pytest.fixture(scope="module")
def first_batch(tmp_path_factory):
    """A function that runs the stage train on the demo's data until its first batch is done."""
    checkout = Checkout(tmp_path_factory.mktemp("startup"))
    split = f"results/demo/splits/synthetic/seed={SEED}.csv"
    checkout.snakemake("-c2", split, f"--configfile={DEMO}")
    hyperparameters = checkout.folder / "best.json"
    hyperparameters.write_text(json.dumps({"hyperparameters": {"lr": 1e-3}}))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / DEMO).read_text()))
    configuration.check(config)
    settings = dumped(study.train_settings(config, "synthetic", "classification"))
    inputs = {
        "--settings": settings, "--split": split, "--images": "results/demo/data/crosses/images.npy",
        "--hyperparameters": hyperparameters, "--seed": SEED, "--threads": 1,
    }  # fmt: skip
    outputs = ("model", "history", "predictions", "record")

    def run() -> None:
        # Every time elsewhere: an earlier one leaves a lock behind.
        into = Path(tempfile.mkdtemp(dir=checkout.folder))
        arguments = inputs | {f"--{name}": into / name for name in outputs}
        command = [sys.executable, Path(__file__).with_name("first_batch.py")]
        process(*command, *(word for pair in arguments.items() for word in pair), folder=checkout.folder)
        assert not (into / "model").exists()

    return run


def from_the_start(benchmark, stage: str, until: str, piece, reference: str) -> None:
    """A row: the stage against bare Python, and against PyTorch where it needs that."""
    pieces = {"bare Python": BARE, "import torch": TORCH} if reference == "import torch" else {"bare Python": BARE}
    row = side_by_side(
        benchmark,
        f"From the start of a process, against {reference}",
        {"stage": stage, "until": until},
        pieces | {"the stage": piece},
        reference,
    )
    row["more"]["difference, s"] = min(row["seconds"]["the stage"]) - min(row["seconds"][reference])


def test_first_batch(benchmark, first_batch):
    from_the_start(benchmark, "train", "first batch trained", first_batch, "import torch")


@pytest.mark.parametrize("stage", ["train", "tune", "analyse"])
def test_ready_to_compute(benchmark, stage):
    from_the_start(benchmark, stage, "imported", python(importing(stage)), "import torch")


@pytest.mark.parametrize("stage", ["render_table", "render_figure"])
def test_ready_to_render(benchmark, stage):
    from_the_start(benchmark, stage, "imported", python(importing(stage)), "bare Python")


@pytest.fixture(scope="module")
def preloaded():
    process = Preloaded()
    while not Path(process.folder, "jobs").exists():
        time.sleep(0.1)
    yield process
    process.close()


@pytest.mark.parametrize("stage", ["train", "analyse", "collect_runs", "render_table", "render_figure"])
def test_forked(benchmark, monkeypatch, preloaded, stage):
    for name in THREADS:
        monkeypatch.setenv(name, "1")
    job = partial(process, sys.executable, "-m", f"red_herring.stages.{stage}", "--help")

    def forked() -> None:
        with monkeypatch.context() as context:
            context.setattr(os, "environ", os.environ | preloaded.environment)
            job()

    pieces = {"by itself": job, "forked": forked}
    side_by_side(benchmark, "From the start of a job to its end, of what it says of itself", {"stage": stage}, pieces)
