"""Train the detector of one run of a detection study, and find with it what is in the test images."""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import safetensors.torch
from torch import Tensor

from red_herring.generation.cycle_gan import CycleGAN
from red_herring.generation.detection_data import DetectionData
from red_herring.generation.detection_tables import predictions_table, shown_arrays, truths_table
from red_herring.generation.detector_search import in_place
from red_herring.generation.experiment import Measured, run_arm
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import read_json, sha256, write_bytes, write_json, write_text
from red_herring.runtime.frames import read_frame
from red_herring.runtime.provenance import environment
from red_herring.stages._detecting import Experiment
from red_herring.study.stage_settings import Detecting, SearchingDetector


def train_detector(
    settings: Detecting | SearchingDetector,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    seed: int,
    weights: Annotated[Path, Output("safetensors, detector/name and insert/name of a weight")],
    history: Annotated[Path, Output("CSV, one row per epoch")],
    predictions: Annotated[Path, Output("CSV, one row per predicted box of the test images")],
    truths: Annotated[Path, Output("CSV, one row per true box, and per image without one")],
    measures: Annotated[Path, Output("CSV, one row per measure")],
    usage: Annotated[Path, Output("CSV, what each part took")],
    shown: Annotated[Path, Output("safetensors, further and real images, with boxes")],
    record: Annotated[Path, Output("JSON")],
    resume: Path,
    generator: Annotated[Path | None, Input("of pretrain_generator, usage.csv beside it")] = None,
    hyperparameters: Annotated[Path | None, Input("JSON of tune_detector, where they are searched")] = None,
    threads: int = 1,
) -> None:
    start = time.monotonic()
    own = Experiment(settings, split, images, seed, threads)
    data = own.data()
    gan = own.pretrained(generator, data)
    searched = read_json(hyperparameters)["hyperparameters"] if hyperparameters else {}
    detection, arm = in_place(settings.detection, settings.arm_is, searched)
    digest = own.digest("train_detector", generator=generator and sha256(generator), searched=searched)
    made = run_arm(arm, settings.n_real, data, detection, seed, own.hardware, gan, resume, digest)
    before = [read_frame(generator.parent / "usage.csv", ["part"])] if generator else []
    real = data.first_real(settings.n_real, seed)
    write_bytes(weights, safetensors.torch.save(_weights(made, gan)))
    write_text(history, pd.DataFrame(made.history).to_csv(index=False))
    write_text(predictions, predictions_table(made.predictions, data.test).to_csv(index=False))
    write_text(truths, truths_table(data.test).to_csv(index=False))
    write_text(measures, made.measures.to_csv(index=False))
    write_text(usage, pd.concat([*before, made.usage]).to_csv(index=False))
    write_bytes(shown, safetensors.torch.save(shown_arrays(made.shown, real)))
    about = {**_about(own, made, data), "hyperparameters": searched}
    write_json(record, {**about, "seconds": round(time.monotonic() - start, 1), **environment()})
    shutil.rmtree(resume, ignore_errors=True)


def _weights(made: Measured, gan: CycleGAN | None) -> dict[str, Tensor]:
    parts = {"detector": made.detector.state_dict()} | ({"insert": gan.insert.state_dict()} if gan else {})
    return {f"{part}/{name}": value.cpu().contiguous() for part, of in parts.items() for name, value in of.items()}


def _about(own: Experiment, made: Measured, data: DetectionData) -> dict[str, Any]:
    """What the record says of a run, but for what ran where."""
    settings = own.settings
    assert isinstance(settings, Detecting)
    parts = {"real": settings.n_real, "free": len(data.free.examples), "valid": len(data.valid.examples)}
    ap = float(made.measures.set_index("measure").loc["ap", "value"])
    return {
        "task": settings.task,
        "arm": settings.arm,
        "n_real": settings.n_real,
        "seed": own.seed,
        "ap": None if math.isnan(ap) else ap,
        "images": parts | {"test": len(data.test.examples)},
        "settings": asdict(settings),
        "device": str(own.hardware.device),
        "precision": own.hardware.precision,
        "threads": own.threads,
    }


if __name__ == "__main__":
    command.run(train_detector)
