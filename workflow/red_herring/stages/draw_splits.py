"""Draw the images of one task and seed for training, validation and the test sets, or add generated ones to a split."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from red_herring.data.exchange import draw_as_posed
from red_herring.data.generated import with_generated
from red_herring.data.intensity import warnings_between_sources
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Drawing

log = logging.getLogger(__name__)


def draw_splits(
    settings: Drawing,
    seed: int,
    split: Annotated[Path, Output("CSV")],
    counts: Annotated[Path, Output("CSV")],
    index: Annotated[Sequence[Path], Input("index.csv of each source, decoded.csv beside it")] = (),
    base: Annotated[Path | None, Input("CSV of the task that this one is of, its counts beside it")] = None,
    generated: Annotated[Path | None, Input("index.csv of generate_images, to be added to it")] = None,
) -> None:
    if base and generated:
        drawn, cells = with_generated(base, generated)
        cells.insert(0, "task", settings.task)
    else:
        folders = {path.parent.name: path.parent for path in index}
        ((drawn, cells),) = draw_as_posed(settings, folders, [seed])
        for sentence in warnings_between_sources(drawn, folders):
            log.warning("%s", sentence)
    write_text(split, drawn.to_csv(index=False))
    write_text(counts, cells.to_csv(index=False))


if __name__ == "__main__":
    command.run(draw_splits)
