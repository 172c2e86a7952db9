"""Name the runs that are not there when Snakemake has given up on some jobs, and table those that are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.reference import PUBLISHED_RUNS, PUBLISHED_TABLES
from red_herring.report.collect import answers_of, runs_of, study_tables
from red_herring.report.missing import WAITING, failures, missing_runs, to_markdown, without_maps
from red_herring.report.reading import read_table
from red_herring.report.tables import task as of_task
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.stages._shown import known
from red_herring.study.stage_settings import ReportingMissing


def report_missing(
    settings: ReportingMissing,
    results: Annotated[Path, Input("the folder of the study")],
    report: Annotated[Path, Output("Markdown, the tables of what is there")],
) -> None:
    runs = runs_of(settings.tasks, settings.seeds)
    missing = missing_runs(results, runs, settings.analyses, settings.made_by["train"], settings.searched)
    lost = without_maps(results, runs, settings.analyses, settings.made_by["train"], settings.searched)
    there = [run for run in runs if run not in lost]
    if all(why == WAITING for why in missing.values()):
        return  # it was about something else
    print(f"\nMissing runs, {len(missing)} of {len(runs)}:", *failures(missing), sep="\n  ")
    if not there:
        return
    answers = answers_of(results, settings.analyses, there)
    collected = study_tables(results, there, settings.searched, settings.spaces) | answers
    released = {file.stem: read_table(file) for file in (PUBLISHED_TABLES, PUBLISHED_RUNS)}
    parts = [f"Missing runs: {len(lost)} of {len(runs)}.\n"]
    for task in dict.fromkeys(run[0] for run in there):
        own = known(settings.shown) | {"tasks": {task: settings.shown.tasks[task]}}
        parts += [
            of_task.tabulate(collected | released, own).to_markdown(),
            to_markdown(lost, task, settings.shown.methods),
        ]
    write_text(report, "\n".join(parts))
    print(
        f"Tables of the others: {report}; all figures and statistics of them: the target `incomplete`. Start "
        "Snakemake again to make what is missing."
    )


if __name__ == "__main__":
    command.run(report_missing)
