"""One table of how many images the splits of all tasks and seeds have, and of what they share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.report.reading import read_table
from red_herring.report.splits_table import overlaps_to_markdown, splits_to_markdown
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Tabulating


def tabulate_splits(
    settings: Tabulating,
    counts: Annotated[list[Path], Input("CSVs of draw_splits or plan_splits")],
    overlaps: Annotated[list[Path], Input("CSVs of compare_splits or plan_splits")],
    csv: Annotated[Path, Output("one row per cell of every split")],
    markdown: Annotated[Path, Output("one row per split, and one per task of what seeds share")],
) -> None:
    table = pd.concat((read_table(path) for path in counts), ignore_index=True)
    write_text(csv, table.to_csv(index=False))
    shared = pd.concat((read_table(path) for path in overlaps), ignore_index=True)
    sections = [
        splits_to_markdown(table, settings.tasks),
        overlaps_to_markdown(shared, settings.tasks, settings.tuning_seed, settings.searched),
    ]
    write_text(markdown, "\n".join(section for section in sections if section))


if __name__ == "__main__":
    command.run(tabulate_splits)
