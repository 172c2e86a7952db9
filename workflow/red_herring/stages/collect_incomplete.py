"""Collect those runs of a study that are there, and say why the others are not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.collect import MISSING, answers_of, runs_of, study_tables
from red_herring.report.missing import without_maps
from red_herring.report.splits_table import overlaps_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError
from red_herring.stages._tables import write_tables
from red_herring.study.stage_settings import CollectingIncomplete


def collect_incomplete(
    settings: CollectingIncomplete,
    results: Annotated[Path, Input("the folder of runs/, tuning/ and the analyses")],
    tables: Annotated[list[Path], Output("CSV of each table of a study, named after it")],
) -> None:
    runs = runs_of(settings.tasks, settings.seeds)
    given = settings.analyses, settings.made_by["train"], settings.searched, settings.generated
    reasons = without_maps(results, runs, *given)
    there = [run for run in runs if run not in reasons]
    if not there:
        raise StudyError(f"{results}: holds no finished run of the study; make some with `snakemake all`")
    missing = pd.DataFrame([(*run, why) for run, why in reasons.items()], columns=MISSING)
    shared = overlaps_table(results, list(settings.tasks), settings.seeds, settings.drawn_seeds)
    answers = answers_of(results, settings.analyses, there)
    write_tables(
        study_tables(results, there, settings.searched, settings.spaces)
        | answers
        | {"missing": missing, "overlaps": shared},
        tables,
    )


if __name__ == "__main__":
    command.run(collect_incomplete)
