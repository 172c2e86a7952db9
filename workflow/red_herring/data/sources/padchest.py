"""PadChest (Bustos et al. 2019) through torchxrayvision's PC_Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
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
    "group_column": {"type": "string", "description": "column that tells the groups apart; without it the view"},
}
REQUIRED = ["imgpath", "views"]
ONE_DATA_SET = True
TERMS = (
    "PadChest: only under the data use agreement of BIMCV, which forbids handing the images on; cite Bustos et al. 2020"
)


class Source(_torchxrayvision.Source):
    """Without ROI masks."""

    dataset_class = "PC_Dataset"
    image_column = "ImageID"

    def _dataset(self, **arguments: Any) -> Any:
        return super()._dataset(unique_patients=False, **arguments)

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return np.asarray(table["Labels"].str.strip() == "['normal']")
