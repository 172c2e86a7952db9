"""Intervals of AUCs from the predictions of runs."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.intervals import auc_intervals, read_predictions
from red_herring.runtime.files import StudyError
from sklearn.metrics import roc_auc_score

RUNS = pd.DataFrame({"task": "t", "method": ["rrr", "rrr", "masked"], "seed": [1, 2, 1]})


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for number, run in enumerate(RUNS.itertuples()):
        labels = np.tile([0, 1], 40)
        logits = labels + random.normal(size=80) * (1 + number)
        table = pd.DataFrame(
            {
                "split": ["test"] * 60 + ["valid"] * 20, "source": ["a", "a", "b", "b"] * 20, "image": range(80),
                "patient": np.arange(80) // 4, "label": labels, "nuisance": 0, "logit_0": -logits, "logit_1": logits,
            }
        )  # fmt: skip
        file = tmp_path / run.task / run.method / f"seed={run.seed}" / "predictions.csv"
        file.parent.mkdir(parents=True)
        table.to_csv(file, index=False)
    return tmp_path


def test_a_row_for_each_run_and_one_for_each_method(folder):
    table = auc_intervals(RUNS, folder)
    assert table[["method", "seeds", "images"]].to_numpy().tolist() == [
        ["rrr", 1, 60], ["rrr", 1, 60], ["rrr", 2, 60], ["masked", 1, 60], ["masked", 1, 60],
    ]  # fmt: skip
    assert (table["patients"] == 15).all(), "the same ones in both runs"
    assert table["seed"].isna().tolist() == [False, False, True, False, True]
    runs = table[table["seed"].notna()]
    assert (runs["low"] < runs["auc"]).all()
    assert (runs["auc"] < runs["high"]).all()
    assert table.loc[table["seed"].isna(), ["low", "high"]].isna().all(axis=None), "two seeds tell too little"
    assert table["auc"][2] == pytest.approx((table["auc"][0] + table["auc"][1]) / 2)


def test_it_is_the_shifted_test_set_with_patients_by_the_names_that_the_split_gives_them(folder):
    """One person in two sources of a data set is one, as the split has named patients across sources."""
    one = read_predictions(folder, ("t", "masked", 1))
    assert len(one.labels) == 60
    assert len(set(one.patients)) == 15  # groups of four, of two sources each
    assert len(set(one.images)) == 60
    table = auc_intervals(RUNS, folder)
    assert table["auc"][3] == pytest.approx(roc_auc_score(one.labels, one.scores))


def test_lost_predictions_are_named(folder):
    (folder / "t/rrr/seed=2/predictions.csv").unlink()
    with pytest.raises(StudyError, match=r"rrr/seed=2/predictions.csv: there is no such file.*train it again"):
        auc_intervals(RUNS, folder)
