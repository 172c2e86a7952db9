"""Search the hyperparameters of the masker on the classifier of one run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.networks.masker import FIXED
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_json, write_text
from red_herring.stages._fitting import Fitting, arm_of
from red_herring.study.stage_settings import SearchingMasker
from red_herring.training.masker_search import search_maskers


def tune_masker(
    settings: SearchingMasker,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    trials: Annotated[Path, Output("CSV, one row per trial")],
    best: Annotated[Path, Output("JSON, the hyperparameters to use")],
    resume: Path,
    threads: int = 1,
) -> None:
    fitting = Fitting(settings, split, images, model, settings.seed, threads)
    run, arm, counts = fitting.run, arm_of(settings, FIXED, {}), (settings.initial_points, settings.iterations)
    fingerprint = fitting.digest("tune_masker", arm=arm, space=settings.space, counts=counts)
    data = (fitting.train, fitting.valid, settings.seed, run.hardware)
    tried, chosen = search_maskers(run.model, arm, settings.space, *data, counts, resume, fingerprint)
    write_text(trials, pd.DataFrame(tried).to_csv(index=False))
    write_json(best, {"task": settings.task, "method": settings.method, "seed": settings.seed, **chosen})
    shutil.rmtree(resume, ignore_errors=True)


if __name__ == "__main__":
    command.run(tune_masker)
