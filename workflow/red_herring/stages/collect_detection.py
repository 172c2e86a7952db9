"""Collect what the detectors of a study that are there measured and took, and compare their arms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.detection_runs import (
    compared_table,
    detector_folder,
    detector_runs,
    measured_table,
    there,
    used_table,
)
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import StudyError, write_text
from red_herring.stages._tables import drop_incomplete
from red_herring.study.stage_settings import CollectingDetection


def collect_detection(
    settings: CollectingDetection,
    detectors: Annotated[Path, Input("the folder of the runs of train_detector")],
    measured: Annotated[Path, Output("CSV, a row per run and measure")],
    used: Annotated[Path, Output("CSV, a row per run and part of its job")],
    compared: Annotated[Path, Output("CSV, a row per task, number of real images, measure and pair of arms")],
) -> None:
    wanted = detector_runs(settings.cells, settings.seeds)
    runs = there(detectors, wanted, settings.made_with)
    of_all = measured.parent == detectors.parent  # or else of those that are there
    if of_all and runs != wanted:
        lost = next(run for run in wanted if run not in runs)
        raise StudyError(
            f"{detector_folder(detectors, lost) / 'run.json'}: is not there, or of other settings than those at "
            "Snakemake's start, expected the same for all; start it again with --forcerun and this file"
        )
    write_text(measured, measured_table(detectors, runs, settings.further).to_csv(index=False))
    write_text(used, used_table(detectors, runs).to_csv(index=False))
    write_text(compared, compared_table(detectors, runs).to_csv(index=False))
    if of_all:
        drop_incomplete(detectors.parent)


if __name__ == "__main__":
    command.run(collect_detection)
