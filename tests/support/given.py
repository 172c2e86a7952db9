"""Runs whose model and images a test makes by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.runtime.hardware import Hardware
from torch import nn


class Given(Run):
    """A run whose model and images are at hand. pool: all of them, with the column `split`, as training saw them. trained: the model as it
    was trained, where that is not the same.
    """

    def __init__(
        self, model: nn.Module, pool: Dataset, seed: int = 0, *,
        task: str = "t", method: str = "m", trained: nn.Module | None = None, base: Run | None = None,
        other: Run | None = None, batch_size: int = 4, signal: dict[str, Any] | None = None,
    ):  # fmt: skip
        hardware = Hardware(torch.device("cpu"), "float32")
        super().__init__(task, method, seed, None, None, [], {}, batch_size, hardware, base, other, signal)
        self.__dict__ |= {"model": model, "trained": trained or model, "pool": pool}

    def listed(self, *splits: str) -> pd.DataFrame:
        return self.data(*splits).table

    def data(self, *splits: str) -> Dataset:
        rows = np.flatnonzero(self.pool.table["split"].isin(splits))
        return self.pool.subset(rows)
