"""What a source of images has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.picture import Picture
from red_herring.files import StudyError

INDEX = ["image", "patient", "group", "findings"]
CONTROL = "No Finding"


class Source(ABC):
    """Images with labels; the metadata can be had before the images are there."""

    has_masks = False
    """Whether `read` gives ROI masks."""

    one_picture_one_patient = True
    """Whether the same pixels under two patients' names must be a mistake; not so for generated images."""

    pixel_range = (-1024.0, 1024.0)
    """What the stored levels 0 and 255 become in training: torchxrayvision's `normalize`."""

    @abstractmethod
    def index(self) -> pd.DataFrame:
        """One row per image, all values strings: image (unique), patient, group (such as the view), findings (joined
        by `|`).
        """

    def check(self, images: Collection[str], max_missing: int) -> None:  # noqa: B027 - generated images are never missing
        """Called once before the images are read: load what all reads share, and raise StudyError when more than
        `max_missing` of the images are not there.
        """

    @abstractmethod
    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        """The image, and its ROI mask (0/1, same shape) or None where it has none.

        Raises data.picture.UnreadableImage.
        """


def read_table(path: str | Path, columns: Collection[str], key: str, may_be_empty: str | None = None) -> pd.DataFrame:
    """A CSV as strings, with all of `columns` there and no empty cell in them, but for one; StudyError otherwise."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such file; mend `{key}` in config.yaml") from error
    except (ValueError, OSError) as error:
        raise StudyError(f"{path}: cannot be read as CSV: {error}") from error
    for column in columns:
        if column not in table.columns:
            raise StudyError(f"{path}: has no column {column!r}, only {', '.join(table.columns)}")
        blank = table.index[table[column].str.strip() == ""]
        if len(blank) and column != may_be_empty:
            raise StudyError(f"{path}: row {blank[0] + 2} has nothing in column {column!r}")
    return table


def check_index(index: pd.DataFrame, source: str) -> None:
    """StudyError for an index with no image, or with two rows for one image."""
    if index.empty:
        raise StudyError(f"source {source}: its metadata list no image")
    twice = index["image"][index["image"].duplicated()]
    if len(twice):
        raise StudyError(
            f"source {source}: image {twice.iloc[0]!r} has two rows in its metadata, as have {len(twice) - 1} others"
        )
