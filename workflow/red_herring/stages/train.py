"""Train one run: a task, a method, a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.study.stage_settings import Training
from red_herring.training.run import Run


def train(
    settings: Training,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    hyperparameters: Annotated[Path, Input("best.json of tune")],
    seed: int,
    model: Annotated[Path, Output("safetensors")],
    history: Annotated[Path, Output("CSV, one row per epoch")],
    predictions: Annotated[Path, Output("CSV, one row per image")],
    record: Annotated[Path, Output("JSON")],
    resume: Path,
    threads: int = 1,
) -> None:
    run = Run(settings, split, images, seed, threads)
    run.final(hyperparameters, resume, model, history, predictions, record)


if __name__ == "__main__":
    command.run(train)
