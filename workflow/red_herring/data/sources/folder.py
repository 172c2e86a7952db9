"""A folder of images and a CSV that describes them: for data of your own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.images import read_grey
from red_herring.data.sources import base
from red_herring.files import StudyError

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
            "label": {"type": "string", "description": "the finding"},
            "group": {"type": "string", "description": "view, scanner, site or another nuisance"},
            "patient": {"type": "string", "description": "patient"},
        },
    },
    "findings": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "label in the CSV -> finding as tasks name it; other labels stay as they are",
    },
}
REQUIRED = ["imgpath", "csvpath", "columns"]


class Source(base.Source):
    def __init__(
        self, imgpath: str | None, csvpath: str, columns: dict[str, str], findings: dict[str, str] | None = None
    ):
        self.imgpath = imgpath
        self.csvpath = csvpath
        self.columns = columns
        self.findings = findings or {}

    def index(self) -> pd.DataFrame:
        table = base.read_table(self.csvpath, self.columns.values(), "csvpath")
        index = pd.DataFrame(
            {
                "image": table[self.columns["file"]],
                "patient": table[self.columns["patient"]],
                "group": table[self.columns["group"]],
                "findings": table[self.columns["label"]].replace(self.findings),
            }
        )
        escaping = [image for image in index["image"] if Path(image).is_absolute() or ".." in Path(image).parts]
        if escaping:
            raise StudyError(f"{self.csvpath}: {escaping[0]!r} is not a path below imgpath")
        return index

    def check(self) -> None:
        base.check_folder(self.imgpath)

    def read(self, image: str) -> tuple[np.ndarray, None]:
        return read_grey(Path(self.imgpath) / image), None
