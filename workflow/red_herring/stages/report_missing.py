"""Name the runs and detectors that are not there when Snakemake has given up on some jobs, and table those that are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from red_herring.reference import PUBLISHED_RUNS, PUBLISHED_TABLES
from red_herring.report.collect import Run, answers_of, runs_of, study_tables
from red_herring.report.detection_runs import DetectorRun, detector_runs, measured_table, used_table
from red_herring.report.missing import (
    WAITING,
    failures,
    missing_detector_runs,
    missing_runs,
    to_markdown,
    without_maps,
)
from red_herring.report.reading import read_table
from red_herring.report.tables import detection as of_detectors
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
    given = settings.analyses, settings.made_by["train"], settings.searched, settings.generated
    missing = missing_runs(results, runs, *given)
    detectors = detector_runs(settings.detection.cells, settings.detection.seeds)
    undetected = missing_detector_runs(results, detectors, settings.detection.further, settings.detection.made_with)
    if all(why == WAITING for why in [*missing.values(), *undetected.values()]):
        return  # it was about something else
    _name("runs", missing, len(runs))
    _name("detectors", undetected, len(detectors))
    parts = _of_runs(settings, results, runs, without_maps(results, runs, *given))
    parts += _of_detectors(settings, results, detectors, undetected)
    if parts:
        write_text(report, "\n".join(parts))
        print(
            f"Tables of the others: {report}; all figures and statistics of them: the target `incomplete`. Start "
            "Snakemake again to make what is missing."
        )


def _name(what: str, missing: Mapping[Run, str] | Mapping[DetectorRun, str], of: int) -> None:
    if missing:
        print(f"\nMissing {what}, {len(missing)} of {of}:", *failures(missing), sep="\n  ")


def _of_runs(settings: ReportingMissing, results: Path, runs: list[Run], lost: dict[Run, str]) -> list[str]:
    """The tables of tasks, each with what it lacks; nothing where no run is there."""
    there = [run for run in runs if run not in lost]
    if not there:
        return []
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
    return parts


def _of_detectors(
    settings: ReportingMissing, results: Path, runs: list[DetectorRun], lost: dict[DetectorRun, str]
) -> list[str]:
    """The table of detectors with what it lacks; nothing where no detector is there."""
    there = [run for run in runs if run not in lost]
    if not there:
        return []
    collected = {
        "detection": measured_table(results / "detectors", there, settings.detection.further),
        "detection_usage": used_table(results / "detectors", there),
    }
    own = known(settings.shown) | {"tasks": settings.shown.more["detection"]}
    return [
        f"Missing detectors: {len(lost)} of {len(runs)}.\n",
        of_detectors.tabulate(collected, own).to_markdown(),
        "".join(f"* {line}\n" for line in failures(lost)),
    ]


if __name__ == "__main__":
    command.run(report_missing)
