"""What a trained classifier says about a data set, and how well it ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from red_herring.data.dataset import Dataset
from red_herring.data.splits import SHIFTED_TEST
from red_herring.networks.resnet import CLASSES, ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.statistics.calibration import brier, calibration_error, temperature


@torch.inference_mode()
def predict(model: nn.Module, data: Dataset, batch_size: int, hardware: Hardware) -> torch.Tensor:
    """Logits of all images in evaluation mode, float32 [n, 2], on the CPU."""
    model.eval()
    return _outputs(model, data, batch_size, hardware) if len(data) else torch.empty(0, CLASSES)


@torch.inference_mode()
def features(model: ResNet18, data: Dataset, batch_size: int, hardware: Hardware) -> torch.Tensor:
    """What the last layer is given of each image in evaluation mode, float32 [n, 8 * width], on the CPU; n not 0."""
    model.eval()
    return _outputs(model.features, data, batch_size, hardware)


def _outputs(
    function: Callable[[torch.Tensor], torch.Tensor], data: Dataset, batch_size: int, hardware: Hardware
) -> torch.Tensor:
    with hardware.mixed():
        return torch.cat([function(batch.images) for batch in data.batches(batch_size, hardware.device)]).cpu()


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean over the images: the loss by which the best epoch is chosen."""
    return F.cross_entropy(logits.double(), labels).item()


def auc(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Area under the ROC curve of the logit difference, which ranks as the probability does, without its ties at 1.

    Both labels have to be among them.
    """
    return cast(float, area_under_roc((logits[:, 1] - logits[:, 0]).numpy(), labels.numpy()))


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of images whose label has the larger logit."""
    return (logits.argmax(dim=1) == labels).double().mean().item()


def area_under_roc(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """The share of pairs of a positive and a negative that are ranked rightly, ties counting half; None without a pair.

    Written out, as importing scikit-learn takes longer than an epoch of a small study; a test compares the two.
    """
    positive, negative = scores[labels == 1], np.sort(scores[labels == 0])
    if len(positive) == 0 or len(negative) == 0:
        return None
    below, not_above = (np.searchsorted(negative, positive, side) for side in ("left", "right"))
    return float((below + not_above).sum() / (2 * len(positive) * len(negative)))


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float | None:
    """Area under the precision-recall curve: the mean over the positives of the precision among all images of the same
    score or a higher one; None without a positive or a negative. Chance is the share of positives.
    """
    positive = np.sort(scores[labels == 1])
    if len(positive) in (0, len(scores)):
        return None
    found = len(positive) - np.searchsorted(positive, positive, side="left")
    shown = len(scores) - np.searchsorted(np.sort(scores), positive, side="left")
    return float((found / shown).mean())


def measure_tests(tables: dict[str, pd.DataFrame], valid: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Test set -> how good its answers and probabilities are, see `measures`, by the temperature of the validation set.

    tables, valid: those of `prediction_table`; valid of logits that were not fitted to these images.
    """
    fitted = temperature(_margins(valid), valid["label"].to_numpy())
    return {name: measures(table, fitted) for name, table in tables.items()}


def measures(table: pd.DataFrame, fitted: float) -> dict[str, Any]:
    """Of one test set: prevalence (of label 1), accuracy, worst_group_accuracy over those nuisance-by-label cells that
    have images, empty_cells (how many have none), auprc, ece and ece_scaled (`calibration_error`, as it is and by the
    temperature), for both what a calibrated classifier would score (ece_calibrated, ece_scaled_calibrated), brier, and
    the temperature. All but the last are None for a set without images, auprc
    also where a class is missing.
    """
    if table.empty:
        return dict.fromkeys(MEASURED) | {"temperature": fitted}
    margins, labels = _margins(table), table["label"].to_numpy()
    right = pd.Series((margins > 0) == (labels == 1), table.index)
    of_cells = right.groupby([table["nuisance"], table["label"]]).mean()
    plain, scaled = (calibration_error(margins / heat, labels) for heat in (1.0, fitted))
    values = {
        "prevalence": float(labels.mean()),
        "accuracy": float(right.mean()),
        "worst_group_accuracy": float(of_cells.min()),
        "empty_cells": 4 - len(of_cells),
        "auprc": average_precision(margins, labels),
        "ece": plain.value,
        "ece_calibrated": plain.if_calibrated,
        "ece_scaled": scaled.value,
        "ece_scaled_calibrated": scaled.if_calibrated,
        "brier": brier(margins, labels),
    }
    return {name: values[name] for name in MEASURED} | {"temperature": fitted}


MEASURED = (
    *("prevalence", "accuracy", "worst_group_accuracy", "empty_cells", "auprc"),
    *("ece", "ece_calibrated", "ece_scaled", "ece_scaled_calibrated", "brier"),
)


def _margins(table: pd.DataFrame) -> np.ndarray:
    margins: np.ndarray = (table["logit_1"] - table["logit_0"]).to_numpy(float)
    return margins


def score_tests(tables: dict[str, pd.DataFrame]) -> dict[str, float | None]:
    """AUC on each test set and within each nuisance group, None where one class is missing.

    tables: those of `prediction_table` for `test` (the shifted one) and the sets beside it. Returned are {set}_auc;
    within_0_auc and within_1_auc, over all images of the group in any of the sets, which the nuisance cannot help; and
    floor_auc, what a classifier that sees only the nuisance scores on `test`: 1 - ratio.
    """

    def area(table: pd.DataFrame) -> float | None:
        return area_under_roc(_margins(table), table["label"].to_numpy())

    scores = {f"{name}_auc": area(table) for name, table in tables.items()}
    tested = pd.concat(tables.values()).drop_duplicates(["source", "image"])
    scores |= {f"within_{group}_auc": area(tested[tested["nuisance"] == group]) for group in (0, 1)}
    shifted = tables[SHIFTED_TEST]
    return scores | {"floor_auc": area_under_roc(shifted["nuisance"].to_numpy(), shifted["label"].to_numpy())}


def prediction_table(logits: torch.Tensor, data: Dataset) -> pd.DataFrame:
    """One row per image: split, source, image, patient, label, nuisance, the logits, and the probability of label 1."""
    table = data.table[["split", "source", "image", "patient", "label", "nuisance"]].copy()
    values = logits.double().numpy()
    table["logit_0"], table["logit_1"] = values[:, 0], values[:, 1]
    table["probability"] = 1 / (1 + np.exp(values[:, 0] - values[:, 1]))
    return table
