"""What a source of images has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

import numpy as np
import pandas as pd

from red_herring.data.names import alike, names_nobody
from red_herring.data.picture import Picture
from red_herring.runtime.files import StudyError, telling

INDEX = ["image", "patient", "group", "findings"]
CONTROL = "No Finding"

Rectangle = tuple[int, int, int, int]
"""First row and column, and those after the last ones."""


class Source(ABC):
    """Images with labels; the metadata can be had before the images are there."""

    has_masks = False
    """Whether `read` gives ROI masks."""

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

    def nuisance(self, size: int) -> dict[str, Rectangle]:
        """Group -> the pixels by which its images can be told to be of it, as they are stored at `size` pixels a side;
        none where they are not known.
        """
        return {}


def check_index(index: pd.DataFrame, source: str) -> None:
    """StudyError for an index with no image, with two rows for one image, or with rows that name no patient; a word
    about names that are written in two ways.
    """
    if index.empty:
        raise StudyError(f"source {source}: its metadata list no image")
    twice = index["image"][index["image"].duplicated()]
    if len(twice):
        raise StudyError(
            f"source {source}: image {twice.iloc[0]!r} has two rows in its metadata, as have {len(twice) - 1} others"
        )
    nobody = index["patient"][index["patient"].isin(list(filter(names_nobody, index["patient"].unique())))]
    if len(nobody) > 1:
        raise StudyError(
            f"source {source}: {len(nobody)} of {len(index)} images have patients such as {nobody.iloc[0]!r}, which "
            f"names nobody, and would count as one; give the column that tells patients apart, or, if there is none, "
            f"that of the images as `patient`, which takes each for a patient of its own"
        )
    for column in ("patient", "group", "findings"):
        _tell_of_writings(column, set(index[column]), source)


def _tell_of_writings(column: str, cells: set[str], source: str) -> None:
    """A word about names that count as different and differ in little but case: only their writer knows."""
    found = alike(sorted(name for cell in cells for name in (cell.split("|") if column == "findings" else [cell])))
    if found:
        others = f", and {len(found) - 1} others" if len(found) > 1 else ""
        telling.warning(
            "source %s: its %s %s%s count as different; write them alike if they are the same",
            source, column, " and ".join(map(repr, found[0])), others,
        )  # fmt: skip
