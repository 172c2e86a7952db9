"""Collect what an analysis says of all runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.collect import analysis_table, runs_of
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Collecting


def collect_analysis(
    analysis: Annotated[str, "the name of a file of red_herring.analyses"],
    settings: Collecting,
    results: Annotated[Path, Input("the folder of the study")],
    table: Annotated[Path, Output("CSV, task, method and seed before what each run's table has")],
) -> None:
    runs = runs_of(settings.tasks, settings.seeds)
    write_text(table, analysis_table(results, analysis, runs).to_csv(index=False))


if __name__ == "__main__":
    command.run(collect_analysis)
