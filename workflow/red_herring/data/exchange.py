"""Tasks whose label is the nuisance (`labels: nuisance`): the same splits, image by image, the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from red_herring.data.splits import ALL_SPLITS, draw_task
from red_herring.study.stage_settings import Drawing

ORDER = ["split", "label", "nuisance", "source", "row"]
"""By what splits and their counts are ordered, as far as they have it."""


def draw_as_posed(
    settings: Drawing, folders: dict[str, Path], seeds: Iterable[int], all_readable: bool = False
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """What `draw_task` gives, of a task that is `exchanged` with label and nuisance in each other's place.

    The shares that a ratio asks for are the same from either side: P(nuisance = label) where both classes have as many
    images, as they have in every split. So an exchanged task has the ratio that it was drawn with.
    """
    for tables in draw_task(settings, folders, seeds, all_readable):
        split, counts = map(exchanged, tables) if settings.exchanged else tables
        yield split, counts


def exchanged(table: pd.DataFrame) -> pd.DataFrame:
    """A split or its counts with label and nuisance in each other's place, ordered as others are."""
    found = table.rename(columns={"label": "nuisance", "nuisance": "label"})[list(table)]
    order = found.assign(split=pd.Categorical(found["split"], ALL_SPLITS, ordered=True))
    rows = order.sort_values([name for name in ORDER if name in found], kind="stable").index
    return found.loc[rows].reset_index(drop=True)
