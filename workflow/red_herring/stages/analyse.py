"""Ask one question of one run."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
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
from red_herring.study.stage_settings import Analysing, AnalysingBeside


def analyse(
    analysis: Annotated[str, "the name of a file of red_herring.analyses"],
    settings: Analysing | AnalysingBeside,
    split: Annotated[Path, Input("CSV of draw_splits")],
    images: Annotated[list[Path], Input("images.npy of each source, the rest beside it")],
    model: Annotated[Path, Input("safetensors of train")],
    method: str,
    seed: int,
    table: Annotated[Path, Output("CSV, the answer")],
    per_image: Annotated[Path, Output("CSV, one row per image")],
    arrays: Annotated[Path, Output("safetensors, such as maps")],
    base_split: Annotated[Path | None, Input("of the base run, where the analysis needs that: the same")] = None,
    base_images: Annotated[Sequence[Path], Input("of the base run")] = (),
    base_model: Annotated[Path | None, Input("of the base run")] = None,
    other_split: Annotated[Path | None, Input("of the run of another seed, where the analysis needs that")] = None,
    other_model: Annotated[Path | None, Input("of the run of another seed")] = None,
    base_other_split: Annotated[Path | None, Input("of the base run of another seed, where it needs both")] = None,
    base_other_model: Annotated[Path | None, Input("of the base run of another seed")] = None,
    masker: Annotated[Path | None, Input("safetensors of fit_masker, where the analysis needs that")] = None,
    base_masker: Annotated[Path | None, Input("of the base run")] = None,
    other_masker: Annotated[Path | None, Input("of the run of another seed")] = None,
    base_other_masker: Annotated[Path | None, Input("of the base run of another seed")] = None,
    threads: int = 1,
) -> None:
    hardware = pick(settings.device, settings.precision, threads)
    given = settings.task, method, seed, model, split, images, settings.mask, settings.batch_size, hardware
    run = Run(*given, signal=settings.signal, masker_file=masker)
    if isinstance(settings, AnalysingBeside):
        run = replace(run, other=_of_seed(run, settings.other_seed, other_model, other_split, other_masker))
        if settings.base and base_model and base_split:
            base = replace(run, **settings.base, weights=base_model, split=base_split, images=base_images)
            base = replace(base, masker_file=base_masker)
            other = _of_seed(base, settings.other_seed, base_other_model, base_other_split, base_other_masker)
            run = replace(run, base=replace(base, other=other))
    found = importlib.import_module(f"red_herring.analyses.{analysis}").analyse(run, settings.analysis)
    card = analysis_card(analysis)
    check_declared(analysis, found.table, card.by, card.columns)
    write_text(table, found.table.to_csv(index=False))
    write_text(per_image, found.per_image.to_csv(index=False))
    named = {name: np.ascontiguousarray(array) for name, array in found.arrays.items()}
    with replacing(arrays) as temporary:
        safetensors.numpy.save_file(named, temporary)


def _of_seed(run: Run, seed: int | None, model: Path | None, split: Path | None, masker: Path | None) -> Run | None:
    """The run on the same task of another seed, where there is one."""
    if seed is None or model is None or split is None:
        return None
    return replace(run, seed=seed, weights=model, split=split, masker_file=masker, base=None, other=None)


if __name__ == "__main__":
    command.run(analyse)
