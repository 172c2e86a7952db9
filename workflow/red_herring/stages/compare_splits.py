"""What the drawn splits of every two seeds share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.splits_table import overlaps_table
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Comparing


def compare_splits(
    settings: Comparing,
    results: Annotated[Path, Input("the folder of splits/")],
    overlaps: Annotated[Path, Output("CSV, a row per ordered pair of seeds and pair of splits")],
) -> None:
    table = overlaps_table(results, settings.tasks, settings.seeds, settings.drawn_seeds)
    write_text(overlaps, table.to_csv(index=False))


if __name__ == "__main__":
    command.run(compare_splits)
