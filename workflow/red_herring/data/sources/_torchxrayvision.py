"""What the sources built on torchxrayvision's data sets share."""

from __future__ import annotations

import tempfile
import warnings
from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.folders import check_folder, given
from red_herring.data.images import read_picture
from red_herring.data.names import tidy
from red_herring.data.picture import Picture
from red_herring.data.sources import base
from red_herring.runtime.files import StudyError
from red_herring.study.places import named

FRAME = 1024
"""Width and height of the frame in which NIH and RSNA give their boxes, pixels."""


class Source(base.Source):
    """A torchxrayvision data set: it knows labels, views and patients; the package ships most of the tables."""

    dataset_class: str
    """Name of the class in torchxrayvision.datasets."""

    image_column: str
    """Column of its table that names the image; with `suffix` added, the file below imgpath."""

    suffix = ""
    patient_column: str | None = "patientid"
    control = base.CONTROL
    """What its controls are called: another name where its labels tell less than that nothing was found."""

    def __init__(
        self,
        imgpath: str | None,
        views: list[str] | None,
        csvpath: str | None = None,
        group_column: str | None = None,
    ):
        self.imgpath = imgpath
        self.views = views
        self.csvpath = csvpath
        self.group_column = group_column

    def index(self) -> pd.DataFrame:
        try:
            dataset = self._dataset()
            self._check_views(dataset.csv)
            return self._index(dataset)
        except StudyError:
            raise
        except Exception as error:  # each class reads tables in its own way and fails in its own way
            why = f"has no column {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
            table = self.csvpath or "the shipped table"
            raise StudyError(f"{table}: cannot be read by torchxrayvision's {self.dataset_class}: {why}") from error

    def _check_views(self, table: pd.DataFrame) -> None:
        absent = set(self.views or ()) - set(table.get("view", ()))
        if absent:
            there = sorted(set(self._dataset(views=["*"]).csv["view"].astype(str)))
            raise StudyError(
                f"{self.dataset_class}: no image has the view {min(absent)!r}, only {', '.join(there)}; "
                f"fix `views` in config.yaml"
            )

    def _index(self, dataset: Any) -> pd.DataFrame:
        table = dataset.csv.reset_index(drop=True)
        labels, names = np.asarray(dataset.labels), np.asarray(dataset.pathologies)
        controls = np.asarray(self.is_control(table, labels), bool)
        index = pd.DataFrame(
            {
                "image": self._images(table),
                "patient": self._patients(table),
                "group": self._groups(table),
                "findings": [
                    "|".join(dict.fromkeys([*names[row], *[self.control] * int(control)]))
                    for row, control in zip(labels == 1, controls, strict=True)
                ],
            }
        )
        return index.assign(patient=index["patient"].map(tidy), group=index["group"].map(tidy))

    def _images(self, table: pd.DataFrame) -> pd.Series:
        return table[self.image_column].astype(str) + self.suffix

    def _patients(self, table: pd.DataFrame) -> pd.Series:
        return table[self.patient_column].convert_dtypes().astype(str)  # whole numbers without a point

    def _groups(self, table: pd.DataFrame) -> pd.Series:
        if self.group_column is None and "view" not in table:
            return pd.Series("all", table.index)
        return table[self.group_column or "view"].astype("string").fillna("unknown").astype(str)

    @abstractmethod
    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        """Which rows are free of what is labelled, bool [n]. labels: 1, 0 or NaN, [n, pathologies of the data set]."""

    def check(self, images: Collection[str], max_missing: int) -> None:
        check_folder(self.imgpath, images, max_missing)

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        return read_picture(given(self.imgpath) / image), None

    def _table_path(self) -> str | None:
        if self.csvpath is not None and not Path(self.csvpath).is_file():
            raise StudyError(f"{named(self.csvpath)}: there is no such file; fix `csvpath` in config.yaml")
        return self.csvpath

    def _dataset(self, **arguments: Any) -> Any:
        """The class, opened. arguments: besides imgpath, csvpath and views, of which it gets those that it takes."""
        import torchxrayvision  # 8 s and 800 MB: only where its data sets are asked for

        opened = getattr(torchxrayvision.datasets, self.dataset_class)
        given = {"csvpath": self._table_path(), "views": self.views}
        arguments = {name: value for name, value in given.items() if value is not None} | arguments
        with warnings.catch_warnings(), tempfile.TemporaryDirectory() as nothing:
            warnings.simplefilter("ignore")
            # It insists on a folder even where only its tables are read.
            return opened(self.imgpath or nothing, **arguments)


def box_mask(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The union of boxes, float [n, 4] of left, top, width and height in the frame, as bool of `shape`."""
    mask = np.zeros(shape, bool)
    scale = np.array([shape[1], shape[0], shape[1], shape[0]]) / FRAME
    for box in boxes:
        left, top, width, height = box * scale
        mask[round(top) : round(top + height), round(left) : round(left + width)] = True
    return mask
