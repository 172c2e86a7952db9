"""Search the hyperparameters of an arm of a detection study by validation images of one seed; no test image is read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.generation.detector_search import Searched, search_detectors
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import sha256, write_json, write_text
from red_herring.stages._detecting import Experiment
from red_herring.study.stage_settings import SearchingDetector


def tune_detector(
    settings: SearchingDetector,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    trials: Annotated[Path, Output("CSV, one row per trial")],
    best: Annotated[Path, Output("JSON, the hyperparameters to use")],
    resume: Path,
    generator: Annotated[Path | None, Input("of pretrain_generator")] = None,
    threads: int = 1,
) -> None:
    own = Experiment(settings, split, images, settings.seed, threads)
    data = own.training_data()
    fingerprint = own.digest("tune_detector", generator=generator and sha256(generator))
    given = settings.n_real, data, settings.detection, settings.seed, own.hardware
    searched = Searched(settings.arm_is, *given, lambda: own.pretrained(generator, data), fingerprint)
    counts = settings.initial_points, settings.iterations
    tried, chosen = search_detectors(searched, settings.space, counts, resume)
    write_text(trials, pd.DataFrame(tried).to_csv(index=False))
    about = {"task": settings.task, "arm": settings.arm, "n_real": settings.n_real, "seed": settings.seed}
    write_json(best, {**about, **chosen})
    shutil.rmtree(resume, ignore_errors=True)


if __name__ == "__main__":
    command.run(tune_detector)
