"""NIH ChestX-ray14 (Wang et al. 2017) through torchxrayvision's NIH_Dataset; the view is the group."""

from __future__ import annotations

import pandas as pd

from red_herring.data.sources import _torchxrayvision

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the PNG files"},
    "csvpath": {"type": ["string", "null"], "description": "Data_Entry CSV; null: the one that torchxrayvision ships"},
    "views": {"type": "array", "items": {"enum": ["PA", "AP"]}, "minItems": 1, "description": "views to keep"},
}
REQUIRED = ["imgpath", "views"]


class Source(_torchxrayvision.Source):
    dataset_class = "NIH_Dataset"
    image_column = "Image Index"

    def _dataset(self):
        return super()._dataset(unique_patients=False)

    def is_control(self, table: pd.DataFrame) -> pd.Series:
        return table["Finding Labels"] == "No Finding"
