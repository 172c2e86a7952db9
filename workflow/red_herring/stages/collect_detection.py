"""Collect what the detectors of a study measured and took, and compare their arms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.detection_runs import compared_table, detector_runs, measured_table, there, used_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import CollectingDetection


def collect_detection(
    settings: CollectingDetection,
    detectors: Annotated[Path, Input("the folder of the runs of train_detector")],
    measured: Annotated[Path, Output("CSV, a row per run and measure")],
    used: Annotated[Path, Output("CSV, a row per run and part of its job")],
    compared: Annotated[Path, Output("CSV, a row per task, number of real images, measure and pair of arms")],
) -> None:
    runs = there(detectors, detector_runs(settings.cells, settings.seeds))
    write_text(measured, measured_table(detectors, runs, settings.further).to_csv(index=False))
    write_text(used, used_table(detectors, runs).to_csv(index=False))
    write_text(compared, compared_table(detectors, runs).to_csv(index=False))


if __name__ == "__main__":
    command.run(collect_detection)
