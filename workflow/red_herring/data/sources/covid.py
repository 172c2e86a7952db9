"""COVID-19 image data collection (Cohen et al. 2020) through torchxrayvision's COVID19_Dataset.

Its table, metadata.csv, comes with the images. The ROI masks are the lungs, outlined by v7labs for 517 of the images,
which torchxrayvision ships.
"""

from __future__ import annotations

import importlib.util
import io
import logging
import zipfile
from collections.abc import Collection
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.mask_images import read_mask
from red_herring.data.picture import Picture, UnreadableImage
from red_herring.data.sources import _torchxrayvision, base
from red_herring.runtime.files import StudyError

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "the collection's folder images"},
    "csvpath": {"type": ["string", "null"], "description": "its metadata.csv; null: the one that is fetched"},
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
MASKS = True
METADATA_SHIPPED = False
TERMS = (
    "COVID-19 image data collection: a licence per image, most CC BY-NC-SA; tables CC BY-NC-SA; cite arXiv:2006.11988"
)

LUNG = 255
"""The level of the lungs in v7labs' masks; 127, in 51 of the 517, are arrows, devices and scale bars."""

log = logging.getLogger(__name__)


class Source(_torchxrayvision.Source):
    """The lungs are the ROI masks."""

    dataset_class = "COVID19_Dataset"
    image_column = "filename"
    has_masks = True

    def _dataset(self, **arguments: Any) -> Any:
        if self.csvpath is None:
            raise StudyError("csvpath: is null, expected the collection's metadata.csv; set it in config.yaml")
        return super()._dataset(**arguments)

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return np.asarray(table["finding"] == base.CONTROL)

    def check(self, images: Collection[str], max_missing: int) -> None:
        super().check(images, max_missing)
        _ = self._lungs

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        picture, _ = super().read(image)
        archive, members = self._lungs
        if image not in members:
            return picture, None
        with zipfile.ZipFile(archive) as lungs:  # opened for each, as processes must not share a file's position
            content = io.BytesIO(lungs.read(members[image]))
        try:
            return picture, read_mask(content, picture.shape, level=LUNG)
        except UnreadableImage as error:  # some were drawn on another version of the image
            log.warning("%s: goes without a mask: %s", image, error)
            return picture, None

    @cached_property
    def _lungs(self) -> tuple[Path, dict[str, str]]:
        """The archive of lung masks, and image -> its member."""
        package = importlib.util.find_spec("torchxrayvision")  # without importing it
        if package is None or package.origin is None:
            raise ModuleNotFoundError("torchxrayvision")
        archive = Path(package.origin).parent / "data" / "semantic_masks_v7labs_lungs.zip"
        with zipfile.ZipFile(archive) as lungs:
            return archive, {PurePosixPath(member).name: member for member in lungs.namelist() if member[-1] != "/"}
