"""Ranks by hand, with what the methods are told and the search that they had."""

import numpy as np
import pandas as pd
import pytest
from support.swept import runs, settings, task
from support.tabulated import table

TASKS = {"t": task(), "derived": task(0.5) | {"tuned_on": "t"}}
SETTINGS = {key: value for key, value in settings(TASKS).items() if key != "series"}
RUNS = runs(
    {
        ("t", "classification"): [0.1, 0.2, 0.3],
        ("t", "masked"): [0.9, 0.9, 0.6],
        ("t", "actdiff"): [0.8, 0.8, 0.8],
        ("derived", "masked"): [0.9],
        ("derived", "classification"): [0.9],
    }
)
TRIALS = pd.DataFrame(
    [("t", "masked", 1, "ok"), ("t", "masked", 2, "failed"), ("t", "masked", 3, "ok"), ("t", "actdiff", 1, "ok")],
    columns=["task", "method", "trial", "status"],
)
SEARCHES = pd.DataFrame(
    [
        ("t", "masked", "lr", 1e-5),
        ("t", "actdiff", "lr", 1e-5),
        ("t", "actdiff", "lambda", 1e-4),
        ("t", "actdiff", "x", np.nan),
    ],
    columns=["task", "method", "hyperparameter", "low"],
)
STUDY = {"runs": RUNS, "trials": TRIALS, "searches": SEARCHES}


def test_ranking_by_hand():
    found = table("ranking", STUDY, SETTINGS)
    frame = found.frame.set_index(["task", "score", "method"])
    ranked = found.frame.query("task == 't' and score == 'test_auc'").set_index("method")
    assert list(ranked.index) == ["masked", "actdiff", "classification"], "both have 0.8, in the order of the study"
    assert ranked["rank"].tolist() == [1, 1, 3]
    assert ranked["last"].tolist() == [2, 2, 3]
    assert ranked[["best", "worst"]].to_numpy().tolist() == [[1, 2], [1, 2], [3, 3]]
    assert ranked["uses"].tolist() == ["masks", "masks", ""]
    assert ranked[["trials", "failed", "searched"]].iloc[:2].to_numpy().tolist() == [[2, 1, 1], [1, 0, 2]]
    assert frame.loc[("derived", "test_auc", "masked"), "trials"] == 2, "of the task that it is tuned on"
    headings = found.sections[0].headings
    assert headings[:4] == ["Method", "Approach", "Uses", "n"]
    assert headings[4:8] == [
        "AUC, shifted [95 %]",
        "Rank (seeds) [95 %]",
        "AUC, balanced [95 %]",
        "Rank (seeds) [95 %]",
    ]
    masked, actdiff, classification = found.sections[0].rows
    assert masked[:6] == ["Masked", "Input masking", "masks", "3", "0.80 [0.37, 1.23]", "1–2 (1 to 2)"]
    assert actdiff[4:6] == ["0.80", "1–2 (1 to 2)"]
    assert classification[2] == "labels alone"
    assert classification[-3:] == ["–"] * 3


def test_the_worst_group_is_that_of_the_balanced_test_set():
    own = RUNS[["task", "method", "seed"]]
    measures = pd.concat(
        [
            own.assign(test_set=name, worst_group_accuracy=value)
            for name, value in [("test", 0.1), ("test_balanced", 0.7)]
        ]
    )
    found = table("ranking", STUDY | {"measures": measures}, SETTINGS)
    worst = found.frame[found.frame["score"] == "worst_group_accuracy"]
    assert worst["mean"].to_numpy() == pytest.approx(0.7)
    assert "worst group, balanced [95 %]" in found.sections[0].headings


def test_five_seeds_have_an_interval_of_the_rank():
    aucs = {"classification": 0.1, "masked": 0.9}
    own = pd.DataFrame(
        [("t", method, seed, auc) for method, auc in aucs.items() for seed in range(5)],
        columns=["task", "method", "seed", "test_auc"],
    )
    found = table("ranking", {"runs": own}, SETTINGS | {"tasks": {"t": task()}})
    assert found.sections[0].rows[0][5] == "1 (1 to 1) [1, 1]"


def test_ranks_are_of_the_seeds_that_all_have_and_the_table_says_so():
    """Classification lacks the seed on which ActDiff is the best."""
    aucs = {("t", "classification"): [0.5, 0.5], ("t", "masked"): [0.4, 0.4, 0.1], ("t", "actdiff"): [0.3, 0.3, 1.0]}
    found = table("ranking", {"runs": runs(aucs)}, SETTINGS | {"tasks": {"t": task()}})
    assert [row[0] for row in found.sections[0].rows] == ["Classification", "Masked", "ActDiff"]
    assert found.sections[0].rows[2][4:6] == ["0.53 [-0.47, 1.54]", "3 (3 to 3)"]
    assert "AUC, shifted: ranked on 2 of 3 seeds." in found.sections[0].note
