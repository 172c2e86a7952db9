"""NIH ChestX-ray14 (Wang et al. 2017) through torchxrayvision's NIH_Dataset."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.picture import Picture
from red_herring.data.sources import _torchxrayvision

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the PNG files"},
    "csvpath": {"type": ["string", "null"], "description": "Data_Entry CSV; null: the one that torchxrayvision ships"},
    "views": {"type": "array", "items": {"enum": ["PA", "AP"]}, "minItems": 1, "description": "views to keep"},
    "group_column": {"type": "string", "description": "column that tells the groups apart; without it the view"},
    "boxes": {
        "enum": [
            None, "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
            "Pneumothorax",
        ],
        "description": "finding whose expert boxes are the ROI masks (984 boxes in 880 images), and which those images "
        "have as `Mass (box)` too; null: no masks",
    },
}  # fmt: skip
REQUIRED = ["imgpath", "views"]
ONE_DATA_SET = True
MASKS = "boxes"
SHAREABLE = True
TERMS = "NIH Clinical Center: free to use and share; name the NIH Clinical Center and cite Wang et al., CVPR 2017"


BOXED = "{} (box)"
"""What images with a box have beside the finding, so that a task can be of these alone."""


class Source(_torchxrayvision.Source):
    """The boxes of one finding are the ROI masks, if it is named."""

    dataset_class = "NIH_Dataset"
    image_column = "Image Index"

    def __init__(self, imgpath: str | None, views: list[str], boxes: str | None = None, **settings: str | None):
        super().__init__(imgpath, views, **settings)
        self.boxes = boxes
        self.has_masks = boxes is not None

    def _index(self, dataset: Any) -> pd.DataFrame:
        index = super()._index(dataset)
        boxed = index["image"].isin(self._boxes_of(dataset)["Image Index"])
        return index.assign(
            findings=index["findings"].where(~boxed, index["findings"] + f"|{BOXED.format(self.boxes)}")
        )

    def _dataset(self, **arguments: Any) -> Any:
        return super()._dataset(unique_patients=False, **arguments)

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return np.asarray(table["Finding Labels"] == "No Finding")

    def check(self, images: Collection[str], max_missing: int) -> None:
        super().check(images, max_missing)
        _ = self._boxes

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        picture, _ = super().read(image)
        return picture, _torchxrayvision.box_mask(self._boxes[image], picture.shape) if image in self._boxes else None

    @cached_property
    def _boxes(self) -> dict[str, np.ndarray]:
        """Image -> boxes of the finding."""
        if not self.has_masks:
            return {}
        table = self._boxes_of(self._dataset())
        return {image: rows[["x", "y", "w", "h"]].to_numpy(float) for image, rows in table.groupby("Image Index")}

    def _boxes_of(self, dataset: Any) -> pd.DataFrame:
        """A row for each box of the finding; none if none is named."""
        table: pd.DataFrame = dataset.pathology_maskscsv
        return table[table["Finding Label"] == self.boxes]
