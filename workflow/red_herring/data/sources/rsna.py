"""RSNA pneumonia challenge (Shih et al. 2019) through torchxrayvision's RSNA_Pneumonia_Dataset; the view is the group.

The ROI mask is the union of the image's boxes; images without pneumonia have none, so an empty mask.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from red_herring.data.sources import _torchxrayvision

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the JPEG files, named by patient"},
    "csvpath": {"type": ["string", "null"], "description": "label CSV; null: the one that torchxrayvision ships"},
    "views": {"type": "array", "items": {"enum": ["PA", "AP"]}, "minItems": 1, "description": "views to keep"},
}
REQUIRED = ["imgpath", "views"]


class Source(_torchxrayvision.Source):
    dataset_class = "RSNA_Pneumonia_Dataset"
    image_column = "patientId"
    suffix = ".jpg"
    has_masks = True

    def is_control(self, table: pd.DataFrame) -> pd.Series:
        return table["Target"] == 0

    def read(self, image: str) -> tuple[np.ndarray, np.ndarray]:
        pixels, _ = super().read(image)
        return pixels, box_mask(self._boxes.get(image.removesuffix(self.suffix), ()), pixels.shape)

    @cached_property
    def _boxes(self) -> dict[str, np.ndarray]:
        """Patient -> boxes, float [n, 4]: left, top, width, height in the 1024 x 1024 frame."""
        boxes = self._dataset().raw_csv.dropna(subset="x")
        return {patient: rows[["x", "y", "width", "height"]].to_numpy() for patient, rows in boxes.groupby("patientId")}


def box_mask(boxes: np.ndarray | tuple, shape: tuple[int, int], frame: int = 1024) -> np.ndarray:
    """The union of boxes given in a square frame of `frame` pixels, as 0/1, uint8 of `shape`."""
    mask = np.zeros(shape, np.uint8)
    scale = np.array([shape[1], shape[0], shape[1], shape[0]]) / frame
    for box in boxes:
        left, top, width, height = box * scale
        mask[round(top) : round(top + height), round(left) : round(left + width)] = 1
    return mask
