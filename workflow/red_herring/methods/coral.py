"""CORAL: features have the same mean and covariance in both nuisance groups. It needs the nuisance, and no masks."""

from __future__ import annotations

from torch import Tensor

from red_herring.methods._matching import Matching

TITLE = "CORAL"
APPROACH = "Domain invariance"
CITATION = "Sun and Saenko 2016, with the means as in DomainBed (Gulrajani and Lopez-Paz 2021)"
USES = ["groups"]
# The range of DomainBed (10^U(-1, 1)).
HYPERPARAMETERS = {"lambda": ["log-uniform", 1e-1, 1e1]}
# By default an epoch has as many images of one cell as of another, as a batch has hardly two of a rare one otherwise.
# A batch still has two different images of a cell only where the cell has them.
OPTIONS = {"sampling": ["groups", "shuffled"]}
NEEDS_CELLS = "train"


class Method(Matching):
    """distance = 1/d sum_i (m_i - m'_i)^2 + 1/d^2 sum_ij (C_ij - C'_ij)^2, m means and C covariances of d features.

    C is divided by n - 1. The paper has the second term alone, divided by 4, and no classes.
    """

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        means = (one.mean(dim=0) - other.mean(dim=0)).square().mean()
        return means + (one.T.cov() - other.T.cov()).square().mean()
