"""A folder of images and a CSV that describes them: for data of your own."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from red_herring.data.folders import check_folder, find_file, given
from red_herring.data.images import read_picture
from red_herring.data.mask_images import read_mask
from red_herring.data.names import tidy
from red_herring.data.picture import Picture
from red_herring.data.sources import base
from red_herring.data.sources._labels import find_names
from red_herring.data.table import read_table
from red_herring.runtime.files import StudyError

SETTINGS = {
    "imgpath": {"type": ["string", "null"], "description": "folder of the images"},
    "csvpath": {"type": "string", "description": "CSV with one row per image"},
    "columns": {
        "type": "object",
        "description": "which column of the CSV holds what",
        "additionalProperties": False,
        "required": ["file", "label", "group", "patient"],
        "properties": {
            "file": {"type": "string", "description": "path of the image below imgpath; unique"},
            "label": {"type": "string", "description": "the finding, or several joined by |"},
            "group": {"type": "string", "description": "view, scanner, site or another nuisance"},
            "patient": {"type": "string", "description": "patient"},
            "mask": {"type": "string", "description": "path of the ROI mask below maskpath; empty for none"},
        },
    },
    "maskpath": {"type": "string", "description": "folder of the masks; without it imgpath"},
    "findings": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "label in the CSV -> finding as tasks name it; other labels stay as they are",
    },
    "people": {
        "type": "string",
        "minLength": 1,
        "description": "whose patients these are: sources with the same word have the same patients",
    },
}
REQUIRED = ["imgpath", "csvpath", "columns"]
MASKS = "columns.mask"


class Source(base.Source):
    """A mask is an image file of the image's size, or of its aspect, that is bright inside the region of interest."""

    def __init__(
        self,
        imgpath: str | None,
        csvpath: str,
        columns: dict[str, str],
        findings: dict[str, str] | None = None,
        maskpath: str | None = None,
    ):
        self.imgpath, self.maskpath, self.csvpath = imgpath, maskpath or imgpath, csvpath
        self.columns = columns
        self.findings = findings or {}
        self.has_masks = "mask" in columns

    def index(self) -> pd.DataFrame:
        table = self._table()
        index = pd.DataFrame(
            {
                "image": table["file"],
                "patient": table["patient"].map(tidy),
                "group": table["group"].map(tidy),
                "findings": find_names(table["label"], self.findings, self.csvpath),
            }
        )
        return index.reset_index(drop=True)

    def check(self, images: Collection[str], max_missing: int) -> None:
        check_folder(self.imgpath, images, max_missing)
        _ = self._masks

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        picture = read_picture(find_file(given(self.imgpath), image))
        mask = self._masks.get(image)
        return picture, read_mask(find_file(given(self.maskpath), mask), picture.shape) if mask else None

    @cached_property
    def _masks(self) -> dict[str, str]:
        """Image -> its mask, empty for none."""
        if not self.has_masks:
            return {}
        table = self._table()
        return dict(zip(table["file"], table["mask"], strict=True))

    def _table(self) -> pd.DataFrame:
        """The columns by what they hold: file, label, group, patient and, if there are masks, mask."""
        columns = self.columns
        table = read_table(self.csvpath, dict.fromkeys(columns.values()), "csvpath", columns.get("mask"))
        table = pd.DataFrame({what: table[column] for what, column in columns.items()})
        for what in [what for what in columns if what in ("file", "mask")]:
            escaping = [path for path in table[what] if Path(path).is_absolute() or ".." in Path(path).parts]
            if escaping:
                raise StudyError(f"{self.csvpath}: {escaping[0]!r} is not a path below imgpath")
            table[what] = table[what].map(lambda path: path and str(PurePosixPath(path)))
        return table
