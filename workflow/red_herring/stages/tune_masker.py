"""Search the hyperparameters of the masker on the classifier of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.study.stage_settings import SearchingMasker


def tune_masker(
    settings: SearchingMasker,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    seed: int,
    trials: Annotated[Path, Output("CSV, one row per trial")],
    best: Annotated[Path, Output("JSON, the hyperparameters to use")],
    resume: Path,
    threads: int = 1,
) -> None:
    raise NotImplementedError


if __name__ == "__main__":
    command.run(tune_masker)
