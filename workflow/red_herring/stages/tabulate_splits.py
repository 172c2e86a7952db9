"""One table of how many images the splits of all tasks and seeds have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.files import write_text
from red_herring.results.reading import read_table
from red_herring.results.splits import splits_to_markdown
from red_herring.stages import command
from red_herring.stages.command import Input, Output, Settings


def tabulate_splits(
    settings: Settings,
    counts: Annotated[list[Path], Input("CSVs of draw_splits or plan_splits")],
    csv: Annotated[Path, Output("one row per cell of every split")],
    markdown: Annotated[Path, Output("one row per split")],
) -> None:
    table = pd.concat((read_table(path) for path in counts), ignore_index=True)
    write_text(csv, table.to_csv(index=False))
    write_text(markdown, splits_to_markdown(table, settings["tasks"]))


if __name__ == "__main__":
    command.run(tabulate_splits)
