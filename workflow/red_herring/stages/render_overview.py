"""The front page of a study's report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.collect import KEYS, run_folder
from red_herring.report.pages.overview import front_page
from red_herring.report.reading import read_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import read_json, write_text
from red_herring.runtime.provenance import environment
from red_herring.stages._shown import known
from red_herring.study.stage_settings import Showing


def render_overview(
    settings: Showing,
    files: Annotated[list[Path], Input("tables of the study, each named after it")],
    records: Annotated[Path, Input("the folder of the runs")],
    rst: Annotated[Path, Output()],
    counts: Annotated[Sequence[Path], Input("CSV, the counts of the splits")] = (),
) -> None:
    read = {file.stem: read_table(file) for file in files}
    drawn = pd.concat([read_table(file) for file in counts]) if counts else pd.DataFrame()
    written = [run_folder(records, run) / "run.json" for run in read["runs"][KEYS].itertuples(index=False)]
    found = [read_json(file) for file in written if file.exists()]
    write_text(rst, front_page(known(settings), read, drawn, found, environment()))


if __name__ == "__main__":
    command.run(render_overview)
