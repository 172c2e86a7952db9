"""What the sources built on torchxrayvision's data sets share."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.folders import check_folder
from red_herring.data.images import read_picture
from red_herring.data.picture import Picture
from red_herring.data.sources import base
from red_herring.files import StudyError

FRAME = 1024
"""Width and height of the frame in which NIH and RSNA give their boxes, pixels."""


class Source(base.Source):
    """A torchxrayvision data set: it knows labels, views and patients; the package ships most of the tables."""

    dataset_class: str
    """Name of the class in torchxrayvision.datasets."""

    image_column: str
    """Column of its table that names the image; with `suffix` added, the file below imgpath."""

    suffix = ""
    patient_column = "patientid"

    def __init__(self, imgpath: str | None, views: list[str], csvpath: str | None = None, group_column: str = "view"):
        self.imgpath = imgpath
        self.views = views
        self.csvpath = csvpath
        self.group_column = group_column

    def index(self) -> pd.DataFrame:
        try:
            dataset = self._dataset()
            self._check_views(dataset.csv)
            return self._index(dataset)
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            why = f"has no column {error}" if isinstance(error, KeyError) else str(error)
            table = self.csvpath or "the shipped table"
            raise StudyError(f"{table}: cannot be read by torchxrayvision's {self.dataset_class}: {why}") from error

    def _check_views(self, table: pd.DataFrame) -> None:
        absent = set(self.views) - set(table["view"])
        if absent:
            there = sorted(set(self._dataset(views=["*"]).csv["view"].astype(str)))
            raise StudyError(
                f"{self.dataset_class}: no image has the view {min(absent)!r}, only {', '.join(there)}; "
                f"mend `views` in config.yaml"
            )

    def _index(self, dataset: Any) -> pd.DataFrame:
        table = dataset.csv.reset_index(drop=True)
        labels, names = np.asarray(dataset.labels), np.asarray(dataset.pathologies)
        findings = ["|".join(names[row]) for row in labels == 1]
        return pd.DataFrame(
            {
                "image": self._images(table),
                "patient": table[self.patient_column].astype(str),
                "group": table[self.group_column].astype("string").fillna("unknown").astype(str),
                "findings": np.where(self.is_control(table, labels), base.CONTROL, findings),
            }
        )

    def _images(self, table: pd.DataFrame) -> pd.Series:
        return table[self.image_column].astype(str) + self.suffix

    @abstractmethod
    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        """Which rows are free of any finding, bool [n]. labels: 1, 0 or NaN, [n, pathologies of the data set]."""

    def check(self, images: Collection[str], max_missing: int) -> None:
        check_folder(self.imgpath, images, max_missing)

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        return read_picture(Path(self.imgpath) / image), None

    def _dataset(self, **arguments: Any):
        import torchxrayvision  # 8 s and 800 MB: only where its data sets are asked for

        available = [name for name in vars(torchxrayvision.datasets) if name.endswith("_Dataset")]
        if self.dataset_class not in available:
            raise StudyError(f"torchxrayvision has no data set {self.dataset_class!r}, only {', '.join(available)}")
        if self.csvpath is not None:
            if not Path(self.csvpath).is_file():
                raise StudyError(f"{self.csvpath}: there is no such file; mend `csvpath` in config.yaml")
            arguments["csvpath"] = self.csvpath
        # It insists on a folder even where only its tables are read.
        arguments = {"imgpath": self.imgpath or ".", "views": self.views} | arguments
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(torchxrayvision.datasets, self.dataset_class)(**arguments)


def box_mask(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The union of boxes, float [n, 4] of left, top, width and height in the frame, as bool of `shape`."""
    mask = np.zeros(shape, bool)
    scale = np.array([shape[1], shape[0], shape[1], shape[0]]) / FRAME
    for box in boxes:
        left, top, width, height = box * scale
        mask[round(top) : round(top + height), round(left) : round(left + width)] = True
    return mask
