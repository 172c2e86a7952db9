"""MMD: features have the same distribution in both nuisance groups. It needs the nuisance, and no masks."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods._matching import Matching

TITLE = "MMD"
APPROACH = "Domain invariance"
CITATION = "Gretton et al. 2012, equation 3; Li et al. 2018, kernels as in DomainBed (Gulrajani and Lopez-Paz 2021)"
USES = ["groups"]
# The range of DomainBed (10^U(-1, 1)).
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-1, 1e1]}
# By default an epoch has as many images of one cell as of another, as a batch has hardly two of a rare one otherwise.
# A batch still has two different images of a cell only where the cell has them.
OPTIONS = {"sampling": ["groups", "shuffled"]}
NEEDS_CELLS = "train"

WIDTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)


class Method(Matching):
    """distance = mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j), the first two over pairs i != j.

    k(x, y) = sum over WIDTHS g of exp(-g |x - y|^2). This is the unbiased estimator of the squared maximum mean
    discrepancy, as no image is in a sample twice, and may be below 0; DomainBed's counts i = j, too, so that a few
    images seem closer to themselves.
    """

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        return _within(one) + _within(other) - 2 * _kernel(one, other).mean()


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """k of all pairs, [n, m]."""
    squared = (one.unsqueeze(1) - other.unsqueeze(0)).square().sum(dim=2)
    return torch.stack([(-width * squared).exp() for width in WIDTHS]).sum(dim=0)


def _within(sample: Tensor) -> Tensor:
    """Mean of k over the pairs of two different rows; that of a row with itself is one for each width."""
    n = len(sample)
    return (_kernel(sample, sample).sum() - n * len(WIDTHS)) / (n * (n - 1))
