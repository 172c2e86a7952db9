"""Runs whose model and images a test makes by hand."""

from __future__ import annotations

import numpy as np
import torch
from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.runtime.hardware import Hardware
from torch import nn


class Given(Run):
    """A run whose model and images are at hand."""

    def __init__(self, model: nn.Module, pool: Dataset, seed: int = 0):
        hardware = Hardware(torch.device("cpu"), "float32")
        super().__init__("t", seed, None, None, [], {}, 4, hardware)
        self.__dict__["model"] = model
        self.__dict__["pool"] = pool

    def data(self, *splits: str) -> Dataset:
        rows = np.flatnonzero(self.pool.table["split"].isin(splits))
        return self.pool.subset(rows)
