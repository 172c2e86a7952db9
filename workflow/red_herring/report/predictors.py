"""What might tell which runs generalise: scores of runs beside their test AUC."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from red_herring.report.sweeps import beside


class Predictor(NamedTuple):
    """Its title, and the sign of its relation to test AUC if it is what it claims to be."""

    title: str
    sign: int


PREDICTORS = {
    "relative_reliance": Predictor("reliance on the outside", -1),
    "iou": Predictor("IoU", 1),
    "nuisance_auc": Predictor("probe of the nuisance", -1),
}
"""Column of `with_predictors` -> what it is."""


UNTRAINED = "untrained_nuisance_auc"
"""What the probe of an untrained network scores: what to compare with, as random features hold the nuisance, too."""


def with_predictors(
    runs: pd.DataFrame,
    localisation: pd.DataFrame,
    reliance: pd.DataFrame,
    probe: pd.DataFrame | None,
    attribution: str,
) -> pd.DataFrame:
    """The runs with those of PREDICTORS that the study has, chance_iou and UNTRAINED; the IoU is the attribution's."""
    runs = beside(runs, reliance, {"relative_reliance": "relative_reliance"})
    maps = localisation[localisation["attribution"] == attribution]
    runs = beside(runs, maps, {"iou": "iou", "chance_iou": "chance_iou"})
    return beside(runs, probe, {column: column for column in ("nuisance_auc", UNTRAINED)})


def settings_of(runs: pd.DataFrame) -> np.ndarray:
    """The method and task of each run, together."""
    return np.array(runs["task"] + "/" + runs["method"], str)


def on_every_task(runs: pd.DataFrame, predictor: str) -> pd.DataFrame:
    """The runs of the methods that have test AUC and predictor on every task, from the splits that all of these have.

    Of these runs methods can change places on all tasks together; with holes that would leave points out more often
    where few methods run, and differences between tasks would pass for a relation.
    """
    there = runs.dropna(subset=["test_auc", predictor])
    there = there[there.groupby("method")["task"].transform("nunique") == there["task"].nunique()]
    return there[there.groupby(["task", "seed"])["method"].transform("nunique") == there["method"].nunique()]
