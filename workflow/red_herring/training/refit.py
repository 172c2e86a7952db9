"""The step after training that a method may have (`finish`), and how good its result is.

The step is given the validation images, which are held out of training but not of what is chosen by them: the best
epoch, and in a search the hyperparameters. A score on the images that the step was fitted to would be too good. So it
is scored by cross-validation in two halves, of which no patient has images in both: each half is scored after a step on
the other one, and what is fitted to the logits of validation, a temperature, is fitted to those after such a step. The
model that is kept has its step on all of them. Kirichenko et al. (2023) tune on one half after
fitting to the other, and fit to all at the end.
"""

from __future__ import annotations

import numpy as np
import torch

from red_herring.data.dataset import Dataset
from red_herring.methods.base import Method
from red_herring.networks.resnet import CELLS, CLASSES
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training.evaluate import auc, predict

Halves = tuple[np.ndarray, np.ndarray]
"""Rows of a data set, each in one of the two."""


def halves_by_patient(valid: Dataset, method: str, seed: int) -> Halves:
    """The validation images in two parts, drawn with `seed`, of which no patient is in both.

    They have about as many images of each nuisance-by-label cell; StudyError when one has none of a cell.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second to import, which most methods need not

    cells, patients = valid.cells.numpy(), valid.table["patient"].to_numpy(str)
    for cell in range(CELLS):
        count = len(set(patients[cells == cell]))
        if count < 2:
            raise _too_few(method, cell, f"are of {count} patients" if count else "do not exist")
    folds = StratifiedGroupKFold(n_splits=2, shuffle=True, random_state=seed)
    one, other = (rows for _, rows in folds.split(patients, cells, patients))
    for rows in (one, other):
        for cell in range(CELLS):
            if not (cells[rows] == cell).any():
                raise _too_few(method, cell, "are of patients whose images could not be divided")
    return one, other


def _too_few(method: str, cell: int, why: str) -> StudyError:
    return StudyError(
        f"{method}: is fitted to one half of the validation images and scored on the other, no patient in both and "
        f"images of each label and nuisance group in each, but those of label {cell % CLASSES} in nuisance group "
        f"{cell // CLASSES} {why}; give the task more validation images or `selection: balanced`, or leave out {method}"
    )


def refit(
    method: Method, valid: Dataset, halves: Halves, batch_size: int, seed: int, hardware: Hardware
) -> tuple[float, torch.Tensor]:
    """Let the method take its step on all validation images; returns the mean AUC of the halves, each after a step on
    the other one, and the logits of the images after these, float32 [n, 2].
    """
    trained = {name: value.clone() for name, value in method.model.state_dict().items()}

    def step(images: Dataset) -> None:
        method.model.load_state_dict(trained)
        with hardware.mixed():
            method.finish(images.batches(batch_size, hardware.device), seed)

    scores, held_out = [], torch.empty(len(valid), CLASSES)
    for fitted, scored in (halves, halves[::-1]):
        step(valid.subset(fitted))
        images = valid.subset(scored)
        logits = predict(method.model, images, batch_size, hardware)
        scores.append(auc(logits, images.labels))
        held_out[scored] = logits
    step(valid)
    return sum(scores) / len(scores), held_out
