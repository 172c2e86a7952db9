"""Ask one question of one run."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.numpy

from red_herring.analyses.base import Run, check_declared
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import replacing, write_text
from red_herring.runtime.hardware import pick
from red_herring.study.catalogue import analysis_card
from red_herring.study.stage_settings import Analysing


def analyse(
    analysis: Annotated[str, "the name of a file of red_herring.analyses"],
    settings: Analysing,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    method: str,
    seed: int,
    table: Annotated[Path, Output("CSV, the answer")],
    per_image: Annotated[Path, Output("CSV, one row per image")],
    arrays: Annotated[Path, Output("safetensors, such as maps")],
    threads: int = 1,
) -> None:
    hardware = pick(settings.device, settings.precision, threads)
    run = Run(settings.task, method, seed, model, split, images, settings.mask, settings.batch_size, hardware)
    found = importlib.import_module(f"red_herring.analyses.{analysis}").analyse(run, settings.analysis)
    card = analysis_card(analysis)
    check_declared(analysis, found.table, card.by, card.columns)
    write_text(table, found.table.to_csv(index=False))
    write_text(per_image, found.per_image.to_csv(index=False))
    named = {name: np.ascontiguousarray(array) for name, array in found.arrays.items()}
    with replacing(arrays) as temporary:
        safetensors.numpy.save_file(named, temporary)


if __name__ == "__main__":
    command.run(analyse)
