"""Collect the runs, epochs, searches and trials of a whole study into tidy tables."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.collect import MISSING, check_made_by, run_folder, runs_of, study_tables
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.stages._tables import drop_incomplete, write_tables
from red_herring.study.stage_settings import CollectingRuns


def collect_runs(
    settings: CollectingRuns,
    results: Annotated[Path, Input("the folder of runs/, tuning/ and the analyses")],
    tables: Annotated[list[Path], Output("CSV of each table of a study, named after it")],
) -> None:
    runs = runs_of(settings.tasks, settings.seeds)
    check_made_by(results, runs, settings.made_by, settings.searched)
    write_tables(
        study_tables(results, runs, settings.searched, settings.spaces) | {"missing": pd.DataFrame(columns=MISSING)},
        tables,
    )
    # Snakemake has a record of all of them by now, so none will be started again for want of one.
    searches = [results / "tuning" / search for search in settings.made_by["tune"]]
    for folder in [*(run_folder(results / "runs", run) for run in runs), *searches]:
        shutil.rmtree(folder / command.RESUME, ignore_errors=True)
    drop_incomplete(results)


if __name__ == "__main__":
    command.run(collect_runs)
