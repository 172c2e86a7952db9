"""Count the images that the splits of one task would have, for all seeds, from the metadata alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.data.splits import draw_task
from red_herring.files import write_text
from red_herring.stages import command
from red_herring.stages.command import Input, Output, Settings


def plan_splits(
    settings: Settings,
    index: Annotated[list[Path], Input("index.csv of each source")],
    counts: Annotated[Path, Output("CSV")],
) -> None:
    folders = {path.parent.name: path.parent for path in index}
    drawn = draw_task(settings, folders, settings["seeds"], all_readable=True)
    write_text(counts, pd.concat(cells for _, cells in drawn).to_csv(index=False))


if __name__ == "__main__":
    command.run(plan_splits)
