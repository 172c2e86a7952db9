"""Steps of training by the authors' released code, and by ours with its options. RELEASED: the folder of that code."""

from __future__ import annotations

import os

import pytest
import torch
from benchmarks.bench_training import BATCH, TIMED, ours
from benchmarks.measuring import crosses, side_by_side
from benchmarks.released import WEIGHTED, Released, folder_of, imported
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18

# As many steps of the discriminator to one of the encoder as there are batches in a round, which so are all alike.
GIVEN = {"lr": 1e-4, "lambda": 0.1, "discriminator_steps": TIMED // BATCH, "discriminator_lr": 1e-4}
OPTIONS = {"masked": {"background": "zero"}, "adversarial": {"schedule": "released"}, "gradmask": {"norm": "l1"}}
"""By which a method is the released one."""

DRAWN = ("actdiff", "adversarial")
"""Methods whose loss depends on how pixels are shuffled."""


@pytest.fixture(scope="module")
def released():
    with imported(folder_of(os.environ)) as modules:
        yield modules


@pytest.mark.parametrize("threads", [2, 1])
@pytest.mark.parametrize("method", WEIGHTED)
def test_an_epoch_of_the_released_code(benchmark, released, method, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    data, options = crosses(TIMED), OPTIONS.get(method)
    theirs = Released(released, method, GIVEN, data, BATCH)
    if method not in DRAWN:
        assert theirs.loss() == pytest.approx(our_loss(theirs, method, options, data), rel=1e-3)
    alternatives = {
        "released": theirs.epoch,
        "released without collecting garbage": lambda: theirs.epoch(collects=False),
        "float32": ours(method, "float32", data, 64, GIVEN, options),
        "bfloat16": ours(method, "bfloat16", data, 64, GIVEN, options),
    }
    group = f"{TIMED} images of 28 pixels in batches of {BATCH}, width 64, against the released code"
    row = side_by_side(benchmark, group, {"method": method, "threads": threads}, alternatives, rounds=3)
    best = {name: min(taken) for name, taken in row["seconds"].items()}
    without = best["released without collecting garbage"]
    row["more"] = {f"× {name}, no garbage collected": without / best[name] for name in ("float32", "bfloat16")}


def our_loss(theirs: Released, method: str, options: dict | None, data) -> float:
    """Of the same weights on the same images, in one batch."""
    model = ResNet18().train()
    model.load_state_dict(theirs.model.encoder.state_dict())
    made = make_method(method, model, GIVEN, options)
    return made.objective(made.losses(data.batch(slice(None)), torch.Generator())).item()
