"""What a trained classifier says about a data set, and how well it ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from red_herring.data.dataset import Dataset


@torch.no_grad()
def predict(model: nn.Module, data: Dataset, batch_size: int, device: torch.device) -> torch.Tensor:
    """Logits of all images in evaluation mode, float32 [n, 2], on the CPU."""
    model.eval()
    return torch.cat([model(batch.images).cpu() for batch in data.batches(batch_size, device)])


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean over the images: the loss by which the best epoch is chosen."""
    return F.cross_entropy(logits.double(), labels).item()


def auc(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """Area under the ROC curve of the logit difference, which ranks as the probability does, without its ties at 1.

    The share of pairs of a positive and a negative that are ranked rightly, ties counting half. Written out, as
    importing scikit-learn takes longer than an epoch of a small study; a test compares the two.
    """
    scores = (logits[:, 1] - logits[:, 0]).numpy()
    positive, negative = scores[labels.numpy() == 1], np.sort(scores[labels.numpy() == 0])
    below, not_above = (np.searchsorted(negative, positive, side) for side in ("left", "right"))
    return float((below + not_above).sum() / (2 * len(positive) * len(negative)))


def prediction_table(logits: torch.Tensor, data: Dataset) -> pd.DataFrame:
    """One row per image: split, source, image, patient, label, nuisance, the logits, and the probability of label 1."""
    table = data.table[["split", "source", "image", "patient", "label", "nuisance"]].copy()
    values = logits.double().numpy()
    table["logit_0"], table["logit_1"] = values[:, 0], values[:, 1]
    table["probability"] = 1 / (1 + np.exp(values[:, 0] - values[:, 1]))
    return table
