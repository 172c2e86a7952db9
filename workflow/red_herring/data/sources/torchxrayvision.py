"""Any data set class of torchxrayvision, by its name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from red_herring.data.folders import check_folder
from red_herring.data.picture import Picture, UnreadableImage
from red_herring.data.sources import _torchxrayvision
from red_herring.data.sources._classes import CLASSES, LEFT_OUT
from red_herring.runtime.files import StudyError, telling

SETTINGS = {
    "dataset": {
        "enum": [
            "BRAX_Dataset", "COVID19_Dataset", "CheX_Dataset", "CheXlocalize_Dataset", "MIMIC_Dataset", "NIH_Dataset",
            "NIH_Google_Dataset", "NLMTB_Dataset", "ObjectCXR_Dataset", "Openi_Dataset", "PC_Dataset",
            "RSNA_Pneumonia_Dataset", "SIIM_Pneumothorax_Dataset", "TBX11K_Dataset", "VinDr_Dataset",
        ],
        "description": "class in torchxrayvision.datasets",
    },
    "imgpath": {"type": ["string", "null"], "description": "its imgpath; of ObjectCXR_Dataset the zip file of images"},
    "csvpath": {"type": ["string", "null"], "description": "its csvpath; null: the one that torchxrayvision ships"},
    "views": {
        "type": ["array", "null"],
        "items": {"type": "string"},
        "minItems": 1,
        "description": "views to keep; null where the class tells none apart",
    },
    "people": {
        "type": "string",
        "minLength": 1,
        "description": "whose patients these are: sources with the same word have the same patients",
    },
    "group_column": {"type": "string", "description": "column that tells the groups apart; without it the view"},
    "image_column": {"type": "string", "description": "column that names the images; without it that of the class"},
    "patient_column": {"type": "string", "description": "column that names the patients; without it that of the class"},
    "masks": {
        "enum": [None, "pathology_masks", "semantic_masks"],
        "description": "which masks of the class are the ROI masks, as a union; null: none",
    },
    "arguments": {"type": "object", "description": "other arguments of the class"},
}  # fmt: skip
REQUIRED = ["dataset", "imgpath"]
CONDITIONS = [
    {  # classes that tell views apart
        "if": {
            "properties": {
                "dataset": {
                    "enum": [
                        "BRAX_Dataset", "COVID19_Dataset", "CheX_Dataset", "CheXlocalize_Dataset", "MIMIC_Dataset",
                        "NIH_Dataset", "NIH_Google_Dataset", "NLMTB_Dataset", "Openi_Dataset", "PC_Dataset",
                        "RSNA_Pneumonia_Dataset",
                    ]
                }
            }
        },
        "then": {"properties": {"views": {"type": "array"}}, "required": ["views"]},
        "else": {"properties": {"views": {"type": "null"}}},
    },
    {  # classes that come without a table
        "if": {
            "properties": {
                "dataset": {
                    "enum": [
                        "BRAX_Dataset", "COVID19_Dataset", "CheXlocalize_Dataset", "MIMIC_Dataset", "ObjectCXR_Dataset",
                    ]
                }
            }
        },
        "then": {"properties": {"csvpath": {"type": "string"}}, "required": ["csvpath"]},
    },
    {  # classes that take no csvpath
        "if": {"properties": {"dataset": {"enum": ["NLMTB_Dataset", "Openi_Dataset", "TBX11K_Dataset"]}}},
        "then": {"properties": {"csvpath": {"type": "null"}}},
    },
]  # fmt: skip
SIIM = "SIIM_Pneumothorax_Dataset"
MIXES_LABELS = ["CheX_Dataset", "CheXlocalize_Dataset", "MIMIC_Dataset"]
"""Classes that take the first label that is not blank of each patient's images, when they keep one image of each."""

LISTED_FROM_IMAGES = ["NLMTB_Dataset", "ObjectCXR_Dataset", "TBX11K_Dataset"]
PEOPLE = {
    "COVID19_Dataset": "covid",
    "CheXlocalize_Dataset": "CheX_Dataset",
    "NIH_Dataset": "nih",
    "NIH_Google_Dataset": "nih",
    "PC_Dataset": "padchest",
    "RSNA_Pneumonia_Dataset": "rsna",
}
MASKS = "masks"
TERMS = "see the data set's own licence"


class Source(_torchxrayvision.Source):
    """The class reads the images itself."""

    def __init__(
        self,
        dataset: str,
        imgpath: str | None,
        views: list[str] | None = None,
        image_column: str | None = None,
        patient_column: str | None = None,
        group_column: str | None = None,
        masks: str | None = None,
        arguments: dict[str, Any] | None = None,
        **settings: str | None,
    ):
        super().__init__(imgpath, views, **settings)
        if dataset not in CLASSES:
            raise StudyError(f"{dataset}: {LEFT_OUT.get(dataset, 'is no data set, only ' + ', '.join(CLASSES))}")
        self.dataset_class, self.names = dataset, CLASSES[dataset]
        self.control = self.names.control
        self.image_column = image_column or self.names.image
        self.patient_column = patient_column or self.names.patient
        self.group_column = group_column
        self.masks = masks
        self.has_masks = masks is not None
        self.arguments = arguments or {}

    def _dataset(self, **arguments: Any) -> Any:
        import torchxrayvision

        if self.imgpath is None and self.dataset_class in LISTED_FROM_IMAGES:
            raise StudyError(f"imgpath: is null, but {self.dataset_class} lists its images from there; set it")
        taken = inspect.signature(getattr(torchxrayvision.datasets, self.dataset_class)).parameters
        arguments |= self.arguments
        if self.masks:
            arguments[self.masks] = True
        for kept_out in {"unique_patients", "pathology_masks"} & set(taken):  # all images, and no masks unasked
            arguments.setdefault(kept_out, False)
        unknown = sorted(set(arguments) - set(taken))
        if unknown:
            raise StudyError(f"{self.dataset_class}: has no argument {unknown[0]!r}, only {', '.join(taken)}")
        if self.dataset_class in MIXES_LABELS and arguments["unique_patients"]:
            raise StudyError(
                f"{self.dataset_class}: `unique_patients: true` fills what an image's labels leave blank from the "
                "patient's other images; leave it out"
            )
        torchxrayvision.datasets._cache_dict.clear()  # of the files that SIIM's class found in another folder
        return super()._dataset(**arguments)

    def _table_path(self) -> str | None:
        path = super()._table_path()
        return _CheXpertTable(path) if path and self.dataset_class == "CheX_Dataset" else path

    def _index(self, dataset: Any) -> pd.DataFrame:
        index = super()._index(dataset)
        return index.drop_duplicates("image", ignore_index=True) if self.dataset_class == SIIM else index

    def _patients(self, table: pd.DataFrame) -> pd.Series:
        if self.patient_column is not None:
            return super()._patients(table)
        telling.warning("%s: nothing tells patients apart; each image counts as one of its own", self.dataset_class)
        return self._images(table)

    def is_control(self, table: pd.DataFrame, labels: np.ndarray) -> np.ndarray:
        return np.asarray(self.names.healthy(table, labels))

    def check(self, images: Collection[str], max_missing: int) -> None:
        if self.imgpath is None or not Path(self.imgpath).is_file():  # a zip file is looked into by its class
            check_folder(self.imgpath, ())  # which files the class reads, it does not tell
        _ = self._rows

    def read(self, image: str) -> tuple[Picture, np.ndarray | None]:
        dataset, rows = self._rows
        try:
            sample = dataset[rows[image]]
            masks = self._masks(dataset, image, sample)
        except Exception as error:  # each class reads files in its own way and fails in its own way
            raise UnreadableImage(f"cannot be read by {self.dataset_class}: {error}") from error
        picture = Picture((sample["img"][0] + 1024) * (255 / 2048), f"as {self.dataset_class} reads it")
        mask = np.any(masks, axis=(0, 1)) if masks else None
        return picture, mask if np.any(mask) else None  # RSNA's class has one with nothing inside for each negative

    def _masks(self, dataset: Any, image: str, sample: dict[str, Any]) -> list[np.ndarray]:
        """Those of the class, each [1, height, width]. Of SIIM's, which come one to a row, it gives only the last."""
        if not self.masks:
            return []
        if self.dataset_class != SIIM:
            return list(sample.get(self.masks, {}).values())
        masks = []
        for row in np.flatnonzero(dataset.csv["ImageId"] == image):
            single = copy.copy(dataset)
            single.csv = dataset.csv.iloc[[row]]
            masks += single.get_pathology_mask_dict(image, sample["img"].shape[2]).values()
        return masks

    @cached_property
    def _rows(self) -> tuple[Any, dict[str, int]]:
        """The data set, and image -> its row."""
        dataset = self._dataset()
        images = self._images(dataset.csv.reset_index(drop=True))
        return dataset, {image: row for row, image in enumerate(images)}


class _CheXpertTable(str):
    """The path of a CheXpert table. The class looks for `train` or `valid` in it, to know in which folder the table has
    its images; this one has the word that the images have, whatever it is called.
    """

    def __contains__(self, word: object) -> bool:
        paths = pd.read_csv(str(self), usecols=["Path"], dtype=str)["Path"]
        inside = [part for part in ("train", "valid") if paths.str.contains(f"{part}/", regex=False).all()]
        if not inside:
            raise StudyError(
                f"{self}: has images, such as {paths.iloc[0]!r}, that are not all in train/ or all in valid/; make two "
                "tables of them, or use CheXlocalize_Dataset for the test set"
            )
        return word == inside[0]
