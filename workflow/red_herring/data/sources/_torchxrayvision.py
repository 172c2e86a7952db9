"""What the sources built on torchxrayvision's data sets share."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.images import read_grey
from red_herring.data.sources import base
from red_herring.files import StudyError


class Source(base.Source):
    """A torchxrayvision data set: it knows labels, views and patients; the package ships the metadata."""

    dataset_class: str
    """Name of the class in torchxrayvision.datasets."""

    image_column: str
    """Column of its table that names the image; with `suffix` added, the file below imgpath."""

    suffix = ""

    def __init__(self, imgpath: str | None, views: list[str], csvpath: str | None = None):
        self.imgpath = imgpath
        self.views = views
        self.csvpath = csvpath

    def index(self) -> pd.DataFrame:
        try:
            return self._index(self._dataset())
        except (KeyError, ValueError, AttributeError) as error:
            why = f"has no column {error}" if isinstance(error, KeyError) else str(error)
            table = self.csvpath or "the shipped table"
            raise StudyError(f"{table}: cannot be read by torchxrayvision's {self.dataset_class}: {why}") from error

    def _index(self, dataset: Any) -> pd.DataFrame:
        table = dataset.csv.reset_index(drop=True)
        present = np.asarray(dataset.labels) == 1
        names = np.asarray(dataset.pathologies)
        findings = ["|".join(names[row]) for row in present]
        control = self.is_control(table).to_numpy()
        return pd.DataFrame(
            {
                "image": table[self.image_column].astype(str) + self.suffix,
                "patient": table["patientid"].astype(str),
                "group": table["view"].astype(str),
                "findings": np.where(control, base.CONTROL, findings),
            }
        )

    @abstractmethod
    def is_control(self, table: pd.DataFrame) -> pd.Series:
        """Which rows of the data set's table are free of any finding."""

    def check(self) -> None:
        base.check_folder(self.imgpath)

    def read(self, image: str) -> tuple[np.ndarray, np.ndarray | None]:
        return read_grey(Path(self.imgpath) / image), None

    def _dataset(self, **arguments: Any):
        import torchxrayvision  # 8 s and 800 MB: only where its data sets are asked for

        if self.csvpath is not None:
            if not Path(self.csvpath).is_file():
                raise StudyError(f"{self.csvpath}: there is no such file; mend `csvpath` in config.yaml")
            arguments["csvpath"] = self.csvpath
        data_set = getattr(torchxrayvision.datasets, self.dataset_class)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # It insists on a folder, but reads only the tables at this point.
            return data_set(imgpath=".", views=self.views, **arguments)
