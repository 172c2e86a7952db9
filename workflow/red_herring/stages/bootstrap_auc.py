"""The interval of the AUC of every run, and of every method over its runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.intervals import auc_intervals
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text


def bootstrap_auc(
    runs: Annotated[Path, Input("runs.csv")],
    predictions: Annotated[Path, Input("the folder of the runs")],
    intervals: Annotated[Path, Output("CSV, one row per run and one per method")],
) -> None:
    write_text(intervals, auc_intervals(read_table(runs), predictions).to_csv(index=False))


if __name__ == "__main__":
    command.run(bootstrap_auc)
