"""PadChest (Bustos et al. 2019) through torchxrayvision's PC_Dataset; the view is the group."""

from __future__ import annotations

import pandas as pd

from red_herring.data.sources import _torchxrayvision

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the PNG files, all in one"},
    "csvpath": {"type": ["string", "null"], "description": "label CSV; null: the one that torchxrayvision ships"},
    "views": {
        "type": "array",
        "items": {"enum": ["PA", "AP", "AP Supine"]},
        "minItems": 1,
        "description": "views to keep",
    },
}
REQUIRED = ["imgpath", "views"]


class Source(_torchxrayvision.Source):
    dataset_class = "PC_Dataset"
    image_column = "ImageID"

    def _dataset(self):
        return super()._dataset(unique_patients=False)

    def is_control(self, table: pd.DataFrame) -> pd.Series:
        return table["Labels"].str.strip() == "['normal']"
