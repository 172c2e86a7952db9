"""The data set classes of torchxrayvision 1.5.7: what their tables call things, and who in them is a control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from red_herring.data.sources.base import CONTROL

Healthy = Callable[[pd.DataFrame, np.ndarray], "np.ndarray | pd.Series"]
"""The table of a class and its labels (1, 0 or NaN, [n, findings]) -> which images are controls, bool [n]."""


@dataclass(frozen=True)
class Names:
    """image: the column that names an image. patient: that of patients; None where nothing tells them apart, so that
    each image counts as a patient of its own. healthy: which images are controls, and `control` what they are called,
    which is no more than is known: where a class has labels of some findings only, its controls may have others.
    """

    image: str
    patient: str | None
    healthy: Healthy
    control: str = CONTROL


def _is(column: str, value: object) -> Healthy:
    return lambda table, labels: table[column] == value


def _none_of_its_findings(table: pd.DataFrame, labels: NDArray[np.float64]) -> NDArray[np.bool]:
    return np.asarray((labels == 0).all(axis=1))


def _no_finding_is_1(table: pd.DataFrame, labels: np.ndarray) -> np.ndarray | pd.Series:
    """As CheXpert's labeller has it: nothing but support devices. What a report does not mention is blank, not 0, and
    what it is unsure of is neither; so `No Finding` says it, or, where experts have left that out, their labels.
    """
    return table["No Finding"] == 1 if "No Finding" in table else (table[FINDINGS] == 0).all(axis=1)


FINDINGS = [
    "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation", "Pneumonia",
    "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
]  # fmt: skip
"""CheXpert's, besides support devices."""

CLASSES = {
    "BRAX_Dataset": Names("PngPath", "patientid", _no_finding_is_1),
    "COVID19_Dataset": Names("filename", "patientid", _is("finding", "No Finding")),
    "CheX_Dataset": Names("Path", "patientid", _no_finding_is_1),
    "CheXlocalize_Dataset": Names("Path", "patientid", _no_finding_is_1),
    "MIMIC_Dataset": Names("dicom_id", "patientid", _no_finding_is_1),
    "NIH_Dataset": Names("Image Index", "patientid", _is("Finding Labels", "No Finding")),
    "NIH_Google_Dataset": Names("Image Index", "Patient ID", _none_of_its_findings, "None of the Four Findings"),
    "NLMTB_Dataset": Names("fname", None, _none_of_its_findings),
    "ObjectCXR_Dataset": Names("image_name", None, _none_of_its_findings, "No Foreign Object"),
    "Openi_Dataset": Names("imageid", "patientid", _is("labels_major", "normal")),
    "PC_Dataset": Names("ImageID", "patientid", lambda table, labels: table["Labels"].str.strip() == "['normal']"),
    "RSNA_Pneumonia_Dataset": Names("patientId", "patientid", _is("Target", 0), "No Pneumonia"),
    "SIIM_Pneumothorax_Dataset": Names("ImageId", None, _none_of_its_findings, "No Pneumothorax"),
    "TBX11K_Dataset": Names("file_name", None, lambda table, labels: table["file_name"].str.startswith("health/")),
    "VinDr_Dataset": Names("image_id", None, _is("class_name", "No finding")),
}

LEFT_OUT = {
    "Merge_Dataset": "joins data sets; make each a source of its own",
    "StonyBrookCOVID_Dataset": "its labels are scores, not findings; give a table with findings to kind folder",
    "VinBrain_Dataset": "is another name of VinDr_Dataset; use that",
}
"""Classes that cannot be used -> why."""
