"""RSNA pneumonia challenge (Shih et al. 2019) through torchxrayvision's RSNA_Pneumonia_Dataset.

The ROI mask is the union of the image's boxes; images without pneumonia have none. Its negatives are all without
pneumonia, so they are named: the challenge's classes `Normal` and `No Lung Opacity / Not Normal`, which have other
findings. The table does not tell the two apart.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import numpy as np
import pandas as pd

from red_herring.data.picture import Picture
from red_herring.data.sources import _torchxrayvision
from red_herring.data.sources._classes import CLASSES

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the image files, named by patient"},
    "csvpath": {"type": ["string", "null"], "description": "label CSV; null: the one that torchxrayvision ships"},
    "views": {"type": "array", "items": {"enum": ["PA", "AP"]}, "minItems": 1, "description": "views to keep"},
    "group_column": {"type": "string", "description": "column that tells the groups apart; without it the view"},
    "extension": {"enum": [".jpg", ".dcm"], "description": ".dcm as Kaggle has them; without it .jpg"},
}
REQUIRED = ["imgpath", "views"]
ONE_DATA_SET = True
MASKS = True
TERMS = "RSNA Pneumonia Detection Challenge: academic and commercial use with attribution; cite Shih et al. 2019"


class Source(_torchxrayvision.Source):
    """The union of its boxes is the ROI mask of an image."""

    dataset_class = "RSNA_Pneumonia_Dataset"
    image_column = "patientId"
    control = CLASSES["RSNA_Pneumonia_Dataset"].control
    has_masks = True

    def __init__(self, imgpath: str | None, views: list[str], extension: str = ".jpg", **settings: str | None):
        super().__init__(imgpath, views, **settings)
        self.suffix = extension

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return np.asarray(table["Target"] == 0)

    def check(self, images: Collection[str], max_missing: int) -> None:
        super().check(images, max_missing)
        _ = self._boxes

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        picture, _ = super().read(image)
        boxes = self._boxes.get(image.removesuffix(self.suffix))
        return picture, None if boxes is None else _torchxrayvision.box_mask(boxes, picture.shape)

    @cached_property
    def _boxes(self) -> dict[str, np.ndarray]:
        """Patient -> boxes."""
        boxes = self._dataset().raw_csv.dropna(subset="x")
        return {patient: rows[["x", "y", "width", "height"]].to_numpy() for patient, rows in boxes.groupby("patientId")}
