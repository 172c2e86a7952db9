"""Trials and what was searched, as figures read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from red_herring.study.settings import described_methods

STUDY = {"tasks": {"a": {}}, "methods": described_methods(["classification", "actdiff"])}
SEARCH = ["task", "method", "hyperparameter", "law", "low", "high", "best", "on_bound"]
TRIAL = ["task", "method", "trial", "lr", "lambda", "status", "valid_auc"]
TRIALS = [
    ("a", "actdiff", 1, 1e-4, 1.0, "ok", 0.6), ("a", "actdiff", 2, 1e-3, 5.0, "failed", None), ("a", "actdiff", 3, 5e-3, 9.5, "ok", 0.8),
]  # fmt: skip
LR, LAMBDA = (
    ("a", "actdiff", "lr", "log-uniform", 1e-5, 1e-2, 5e-3, False),
    ("a", "actdiff", "lambda", "log-uniform", 1e-4, 10.0, 9.5, True),
)


def files(folder: Path, trials: Iterable[tuple] = TRIALS, searches: Iterable[tuple] = (LR, LAMBDA)) -> list[Path]:
    """searches.csv and trials.csv in the folder."""
    pd.DataFrame(trials, columns=TRIAL).to_csv(folder / "trials.csv", index=False)
    pd.DataFrame(searches, columns=SEARCH).to_csv(folder / "searches.csv", index=False)
    return [folder / "searches.csv", folder / "trials.csv"]
