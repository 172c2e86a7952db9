"""Deep feature reweighting: the last layer is fitted again to held-out images, as many of every cell."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import CELLS, Batch, ResNet18

TITLE = "DFR"
APPROACH = "Group robustness"
CITATION = "Kirichenko et al. 2023, Last Layer Re-Training, DFR on validation data"
USES = ["groups"]
NEEDS_CELLS = "valid"
# The authors' code tries 0.01 to 1 on Waterbirds and 0.003 to 3 on CelebA, for some 500 and 700 balanced images. C
# weighs a sum over images against the penalty, so that fewer images want a larger one, or every weight is 0.
HYPERPARAMETERS = {"C": ["log-uniform", 1e-2, 1e2]}

FITS = 20
"""Subsamples whose fits are averaged, as in the authors' code."""


class Method(base.Method):
    """Classification, and then a step after training on the best epoch's weights:

    1. The features of the validation images are standardised.
    2. FITS times as many of them as the smallest of the four nuisance-by-label cells has are drawn of each cell, and
       scikit-learn's logistic regression with an l1 penalty of inverse strength C is fitted to these.
    3. The mean of the fits, with the standardisation undone, is the last layer: y1 - y0 is the mean of their decision
       functions, and y0 = -y1.

    **The validation images are used twice**: they choose the epoch and, in a search, lr and C, and the last layer is
    fitted to them. So `valid_auc` of a trial and of a run is cross-validated in two halves without common patients
    (`red_herring.training.refit`), and so is the temperature fitted to the logits of these halves, while the last layer
    that is kept is fitted to all: its predictions on the validation images are too good. The labels are those of
    validation, also where those of training are permuted. The authors standardise by the training images' features.
    """

    refits = True

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        self.inverse_strength = hyperparameters["C"]

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        return {"classification": base.classification_loss(self.model(batch.images), batch.labels)}

    def finish(self, held_out: Iterable[Batch], seed: int) -> None:
        """Fit the last layer; each cell has images."""
        features, labels, cells = _described(self.model, held_out)
        scaler = StandardScaler().fit(features)
        standardised, random = scaler.transform(features), np.random.default_rng([seed, *b"dfr"])
        weights, intercepts = [], []
        for _ in range(FITS):
            rows = _balanced(cells, random)
            fitted = LogisticRegression(l1_ratio=1, C=self.inverse_strength, solver="liblinear", random_state=0)
            fitted.fit(standardised[rows], labels[rows])
            weights.append(fitted.coef_[0])
            intercepts.append(fitted.intercept_[0])
        weight = np.mean(weights, axis=0) / scaler.scale_
        bias = np.mean(intercepts) - weight @ scaler.mean_
        with torch.no_grad():
            self.model.fc.weight.copy_(torch.from_numpy(np.stack([-weight, weight]) / 2))
            self.model.fc.bias.copy_(torch.from_numpy(np.stack([-bias, bias]) / 2))
        self.notes = {"fits": FITS, "images_of_each_cell": int(np.bincount(cells, minlength=CELLS).min())}


@torch.inference_mode()
def _described(model: ResNet18, held_out: Iterable[Batch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features in evaluation mode, float64 [n, d], labels and cells [n]."""
    model.eval()
    parts = [(model.features(batch.images).double(), batch.labels, batch.cells) for batch in held_out]
    features, labels, cells = (torch.cat(some).cpu().numpy() for some in zip(*parts, strict=True))
    return features, labels, cells


def _balanced(cells: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rows drawn without replacement, as many of every cell as the smallest has."""
    count = np.bincount(cells, minlength=CELLS).min()
    return np.concatenate([random.choice(np.flatnonzero(cells == cell), count, replace=False) for cell in range(CELLS)])
