"""How sure the AUC of each run is, and that of a method over its runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.splits import SHIFTED_TEST
from red_herring.report.collect import run_folder
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError
from red_herring.statistics.auc import Predictions, auc_interval, two_level_auc_interval
from red_herring.statistics.common import LEAST_SEEDS, RESAMPLES, Interval

COLUMNS = ["task", "method", "seed", "seeds", "images", "patients", "auc", "low", "high", "resamples"]


def auc_intervals(runs: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """One row per run, then one per method for all its seeds (`seed` is missing there): the AUC on the shifted test set
    with its 95 % interval, by bootstrap of patients, and of seeds (LEAST_SEEDS at least) and patients; see
    `red_herring.statistics`.

    runs: task, method, seed. folder: where {task}/{method}/seed={seed}/predictions.csv of these runs are.
    """
    rows = []
    for (task, method), own in runs.groupby(["task", "method"], sort=False):
        predictions = {seed: read_predictions(folder, (task, method, seed)) for seed in own["seed"]}
        for seed, one in predictions.items():
            rows.append(_row(task, method, seed, [one], auc_interval(one.labels, one.scores, one.patients)))
        together = list(predictions.values())
        whole = two_level_auc_interval(together)
        few = len(together) < LEAST_SEEDS  # they say too little of the spread between seeds
        rows.append(_row(task, method, None, together, Interval(whole.value, np.nan, np.nan) if few else whole))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seed": "Int64"})


def read_predictions(folder: Path, run: tuple[str, str, int]) -> Predictions:
    """What a run says of the shifted test set. Patients have names that tell people apart whatever their source."""
    file = run_folder(folder, run) / "predictions.csv"
    if not file.is_file():
        raise StudyError(f"{file}: there is no such file, but runs.csv has the run; train it again")
    table = read_table(file)
    test = table[table["split"] == SHIFTED_TEST]
    scores = test["logit_1"] - test["logit_0"]
    images = test["source"] + "/" + test["image"]
    return Predictions(*(values.to_numpy() for values in (test["label"], scores, test["patient"], images)))


def _row(task: str, method: str, seed: int | None, runs: list[Predictions], interval: Interval) -> tuple[object, ...]:
    images, patients = (len(set().union(*(getattr(run, what) for run in runs))) for what in ("images", "patients"))
    return (task, method, seed, len(runs), images, patients, *interval, RESAMPLES)
