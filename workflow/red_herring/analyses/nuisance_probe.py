"""Nuisance probe: what a linear classifier can tell of the nuisance, and of the finding, by a network's features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from red_herring.analyses.base import Analysed, Run
from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError, telling
from red_herring.training.evaluate import area_under_roc, features

TITLE = "Nuisance probe"
CITATION = "after Alain and Bengio 2017"
SETTINGS = {
    "folds": {"type": "integer", "minimum": 2, "default": 5, "description": "of the cross-validation"},
    "C": {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 1.0,
        "description": "the inverse of the weight of the ridge penalty, as in scikit-learn",
    },
}
COLUMNS = {
    "images": "balanced test images, in which nuisance and finding have no relation",
    "nuisance_auc": "AUC of a logistic regression of the nuisance group on the features before the last layer, for "
    "images of patients that it has not seen; to be held against untrained_nuisance_auc, not against 0.5",
    "finding_auc": "the same of the finding",
    "untrained_nuisance_auc": "nuisance_auc of the network before its training, normalised by training images: what "
    "images give away to features that nobody has fitted",
    "untrained_finding_auc": "the same of the finding",
}
BALANCED = "test_balanced"

ITERATIONS = 1000
"""Of the solver, at most; on standardised features it takes tens."""

AUCS = ("nuisance_auc", "finding_auc", "untrained_nuisance_auc", "untrained_finding_auc")


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """One row; where the images have too few patients there is no AUC, and a sentence says why. per_image: label,
    nuisance, fold and the log odds by each probe, nuisance_score, finding_score and those of the untrained network,
    out of fold.

    Raises StudyError for weights by which features are no numbers.
    """
    data = run.data(BALANCED)
    row: dict[str, float | None] = {"images": len(data), **dict.fromkeys(AUCS)}
    why = too_few(data.table, settings["folds"])
    if why:
        telling.warning("%s, seed %d: %s", run.task, run.seed, why)
        return Analysed(pd.DataFrame([row]))
    folds = folds_of(data, settings["folds"], run.seed)
    per_image = data.table[["source", "image", "label", "nuisance"]].assign(fold=folds)
    for prefix, network in (("", run.model), ("untrained_", run.untrained)):
        found = features(network, data, run.batch_size, run.hardware).double().numpy()
        if not np.isfinite(found).all():
            raise StudyError(f"{run.weights}: its features are not finite; its weights are spoilt, so train it again")
        for name, target in (("nuisance", data.groups.numpy()), ("finding", data.labels.numpy())):
            scores = out_of_fold(found, target, folds, settings["C"])
            per_image[f"{prefix}{name}_score"] = scores
            row[f"{prefix}{name}_auc"] = auc_within(scores, target, folds)
    return Analysed(pd.DataFrame([row]), per_image)


def too_few(table: pd.DataFrame, folds: int) -> str:
    """Why there can be no cross-validation, in a sentence, or nothing: each fold is to hold patients of each cell of
    nuisance and finding.
    """
    if table.empty:
        return "there is no balanced test set, so no probe; give the task more images"
    patients = table.groupby(["label", "nuisance"])["patient"].nunique()
    (label, group), fewest = patients.idxmin(), patients.min()
    if fewest >= folds:
        return ""
    return (
        f"of the balanced test images those of label {label} in nuisance group {group} are of {fewest} patients, fewer "
        f"than analyses.nuisance_probe.folds, {folds}, so there is no probe; ask for fewer or give the task more images"
    )


def folds_of(data: Dataset, count: int, seed: int) -> np.ndarray:
    """The fold of each image, int [n]: no patient is in two, and the four cells are spread evenly over them."""
    folds = np.empty(len(data), int)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(folds, data.cells.numpy(), data.table["patient"])):
        folds[held_out] = fold
    return folds


def out_of_fold(found: np.ndarray, target: np.ndarray, folds: np.ndarray, c: float) -> np.ndarray:
    """For each image the log odds of target 1 by a logistic regression fitted to the other folds, by which features,
    [n, d], are standardised too.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=ITERATIONS))
    scores: np.ndarray = cross_val_predict(probe, found, target, cv=PredefinedSplit(folds), method="decision_function")
    return scores


def auc_within(scores: np.ndarray, target: np.ndarray, folds: np.ndarray) -> float | None:
    """The share of pairs of a positive and a negative of one fold that are ranked rightly; None without such a pair.

    Each fold has a probe of its own, so scores of two folds are on two scales. A fold that by chance has more
    positives leaves fewer to the other ones, whose probe then gives it lower scores: over pairs of all folds, an AUC
    of features that say nothing lies below 0.5 (Parker et al. 2007).
    """
    areas, pairs = [], []
    for fold in np.unique(folds):
        own = target[folds == fold]
        area = area_under_roc(scores[folds == fold], own)
        if area is not None:
            areas.append(area)
            pairs.append((own == 1).sum() * (own == 0).sum())
    return float(np.average(areas, weights=pairs)) if areas else None
