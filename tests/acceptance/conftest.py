"""What the acceptance tests of studies share. RESULTS of a module: the folder of its study."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def runs(request) -> pd.DataFrame:
    return pd.read_csv(request.module.RESULTS / "runs.csv")


@pytest.fixture(scope="module")
def auc(runs) -> pd.Series:
    """Mean AUC on the shifted test set by task and method."""
    return runs.groupby(["task", "method"])["test_auc"].mean()
