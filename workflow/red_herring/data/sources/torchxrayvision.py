"""Any data set class of torchxrayvision, by its name."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.folders import check_folder
from red_herring.data.picture import Picture, UnreadableImage
from red_herring.data.sources import _torchxrayvision

SETTINGS = {
    "dataset": {"type": "string", "description": "class in torchxrayvision.datasets, such as CheX_Dataset"},
    "imgpath": {"type": ["string", "null"], "description": "its imgpath"},
    "csvpath": {"type": ["string", "null"], "description": "its csvpath; null: the one that torchxrayvision ships"},
    "views": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "views to keep"},
    "group_column": {"type": "string", "description": "column that tells the groups apart; without it the view"},
    "image_column": {"type": "string", "description": "column that names the images; without it they are numbered"},
    "patient_column": {"type": "string", "description": "column that names the patients; without it patientid"},
    "masks": {
        "enum": [None, "pathology_masks", "semantic_masks"],
        "description": "which masks of the class are the ROI masks, as a union; null: none",
    },
    "arguments": {"type": "object", "description": "other arguments of the class"},
}
REQUIRED = ["dataset", "imgpath", "views"]
MASKS = "masks"
TERMS = "see the data set's own licence"


class Source(_torchxrayvision.Source):
    """The class reads the images itself. Negatives are the images in which it rules out all of its findings."""

    def __init__(
        self,
        dataset: str,
        imgpath: str | None,
        views: list[str],
        image_column: str | None = None,
        patient_column: str = "patientid",
        masks: str | None = None,
        arguments: dict[str, Any] | None = None,
        **settings: str | None,
    ):
        super().__init__(imgpath, views, **settings)
        self.dataset_class = dataset
        self.image_column, self.patient_column = image_column, patient_column
        self.masks = masks
        self.has_masks = masks is not None
        self.arguments = arguments or {}

    def _dataset(self, **arguments):
        if self.masks:
            arguments[self.masks] = True
        return super()._dataset(**self.arguments, **arguments)

    def _images(self, table: pd.DataFrame) -> pd.Series:
        if self.image_column is None:
            return pd.Series([f"{row:06d}" for row in range(len(table))])
        return super()._images(table)

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return (labels == 0).all(axis=1)

    def check(self, images: Collection[str], max_missing: int) -> None:
        check_folder(self.imgpath, ())  # which files the class reads, it does not tell
        _ = self._rows

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        dataset, rows = self._rows
        try:
            sample = dataset[rows[image]]
        except Exception as error:  # each class reads files in its own way and fails in its own way
            raise UnreadableImage(f"cannot be read by {self.dataset_class}: {error}") from error
        picture = Picture((sample["img"][0] + 1024) * (255 / 2048), f"as {self.dataset_class} reads it")
        masks = list(sample.get(self.masks, {}).values())
        return picture, np.any(masks, axis=(0, 1)) if masks else None

    @cached_property
    def _rows(self) -> tuple[Any, dict[str, int]]:
        """The data set, and image -> its row."""
        dataset = self._dataset()
        images = self._images(dataset.csv.reset_index(drop=True))
        return dataset, {image: row for row, image in enumerate(images)}
