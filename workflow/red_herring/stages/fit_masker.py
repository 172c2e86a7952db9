"""Fit maskers to the classifier of one run, which stays as it is, or take the one that was trained with it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import safetensors.torch

from red_herring.networks.masker import FIXED, JOINT, Masker
from red_herring.networks.weights import joint_masker
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import read_json, write_bytes, write_json, write_text
from red_herring.runtime.provenance import environment
from red_herring.stages._fitting import Fitting, arm_of
from red_herring.study.stage_settings import FittingMaskers
from red_herring.training.loop import History
from red_herring.training.masker import fit_arm
from red_herring.training.masking import measured


class Fitted(NamedTuple):
    """An arm. record: how it was fitted, and what the masks of training images do."""

    name: str
    masker: Masker
    record: dict[str, Any]
    history: History


def fit_masker(
    settings: FittingMaskers,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    seed: int,
    maskers: Annotated[Path, Output("safetensors, arm/name of a weight")],
    record: Annotated[Path, Output("JSON, how each was fitted and what it does to training images")],
    history: Annotated[Path, Output("CSV, one row per arm and epoch")],
    resume: Path,
    hyperparameters: Annotated[Path | None, Input("JSON of tune_masker, where they are searched")] = None,
    threads: int = 1,
) -> None:
    fitting = Fitting(settings, split, images, model, seed, threads)
    searched = read_json(hyperparameters)["hyperparameters"] if hyperparameters else {}
    joint = joint_masker(model)
    arms = [_joint(fitting, joint)] if joint else list(_fixed(fitting, searched, resume))
    weights = {f"{arm.name}/{name}": values.cpu() for arm in arms for name, values in arm.masker.state_dict().items()}
    epochs = [{"arm": arm.name, **epoch} for arm in arms for epoch in arm.history]
    about = {"task": settings.task, "method": settings.method, "seed": seed, "threads": threads}
    write_bytes(maskers, safetensors.torch.save(weights))
    write_json(record, {**about, "arms": {arm.name: arm.record for arm in arms}, **environment()})
    write_text(history, pd.DataFrame(epochs, columns=None if epochs else ["arm", "epoch"]).to_csv(index=False))
    shutil.rmtree(resume, ignore_errors=True)


def _joint(fitting: Fitting, masker: Masker) -> Fitted:
    """The masker that was trained with the classifier, told whether it collapsed."""
    run = fitting.run
    masker = masker.to(run.hardware.device)
    found = measured(run.model, masker, fitting.train, "mean", run.batch_size, run.seed, run.hardware)
    masker.collapsed.fill_(found.collapsed("both"))
    return Fitted(JOINT, masker, {"collapsed": bool(masker.collapsed), **asdict(found)}, [])


def _fixed(fitting: Fitting, searched: dict[str, float], resume: Path) -> Iterator[Fitted]:
    """One arm after the other."""
    run = fitting.run
    for name in (FIXED, *fitting.settings.arms):
        start, arm = time.monotonic(), arm_of(fitting.settings, name, searched)
        digest = fitting.digest("fit_masker", arm=arm)
        fitted = fit_arm(run.model, arm, fitting.train, fitting.valid, run.seed, run.hardware, resume / name, digest)
        found = {key: getattr(fitted, key) for key in ("kept_0", "kept_1", "area", "steps")}
        record = {"settings": arm, "collapsed": bool(fitted.masker.collapsed), **found}
        yield Fitted(name, fitted.masker, record | {"seconds": round(time.monotonic() - start, 1)}, fitted.history)


if __name__ == "__main__":
    command.run(fit_masker)
