"""Count the images that the splits of one task would have, for all seeds, and share, from the metadata alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd

from red_herring.data.exchange import draw_as_posed
from red_herring.data.overlaps import overlaps as shared
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Planning


def plan_splits(
    settings: Planning,
    index: Annotated[list[Path], Input("index.csv of each source")],
    counts: Annotated[Path, Output("CSV")],
    overlaps: Annotated[Path, Output("CSV, what the splits of two seeds share")],
) -> None:
    folders = {path.parent.name: path.parent for path in index}
    seeds = settings.drawn_seeds
    drawn = dict(zip(seeds, draw_as_posed(settings, folders, seeds, all_readable=True), strict=True))
    write_text(counts, pd.concat(drawn[seed][1] for seed in settings.seeds).to_csv(index=False))
    splits = {seed: split for seed, (split, _) in drawn.items()}
    write_text(overlaps, shared(settings.task, splits, settings.seeds).to_csv(index=False))


if __name__ == "__main__":
    command.run(plan_splits)
