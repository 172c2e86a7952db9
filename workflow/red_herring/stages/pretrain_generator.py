"""Train a generator that puts findings into object-free images, before there is a detector."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.generation.experiment import pretrain
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.stages._detecting import Experiment
from red_herring.study.stage_settings import Pretraining
from red_herring.training.states import write_state


def pretrain_generator(
    settings: Pretraining,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    seed: int,
    generator: Annotated[Path, Output("safetensors, all that its next step depends on")],
    history: Annotated[Path, Output("CSV, one row per epoch")],
    usage: Annotated[Path, Output("CSV, what it took")],
    resume: Path,
    threads: int = 1,
) -> None:
    own = Experiment(settings, split, images, seed, threads)
    given = settings.n_real, own.data(), settings.detection, seed, own.hardware
    made = pretrain(*given, resume, own.digest("pretrain_generator"))
    write_state(generator, made.gan.state_dict())
    write_text(history, pd.DataFrame(made.history).to_csv(index=False))
    write_text(usage, made.usage.to_csv(index=False))
    shutil.rmtree(resume, ignore_errors=True)


if __name__ == "__main__":
    command.run(pretrain_generator)
