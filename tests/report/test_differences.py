"""Two studies side by side."""

import numpy as np
import pandas as pd
import pytest
from red_herring.reference import PUBLISHED_RUNS
from red_herring.report import differences as module
from red_herring.report.differences import compared, differences
from red_herring.study.settings import PUBLISHED_TASKS, known_titles
from scipy import stats


def study(runs: dict[str, list[float]], seeds=range(10), task="synthetic") -> dict[str, pd.DataFrame]:
    """method -> the test AUC of each seed; every IoU is half of it."""
    rows = [(task, method, seed, auc) for method, aucs in runs.items() for seed, auc in zip(seeds, aucs, strict=False)]
    table = pd.DataFrame(rows, columns=["task", "method", "seed", "test_auc"])
    localisation = table.assign(attribution="gradient", iou=table["test_auc"] / 2).drop(columns="test_auc")
    return {"runs": table, "localisation": localisation}


def verdicts(table, score="test_auc"):
    return table[table["score"] == score].set_index("method")["verdict"].to_dict()


BASE = {"classification": [0.1 + 0.01 * n for n in range(10)], "rrr": [0.5 + 0.02 * (n % 3) for n in range(10)]}


def test_a_study_and_itself_are_identical():
    found = differences(study(BASE), study(BASE))
    assert set(found["verdict"]) == {"identical"}
    assert (found["difference"] == 0).all()


def test_a_shift_differs_and_jitter_does_not():
    moved = {
        "classification": [auc + 0.2 + 0.001 * n for n, auc in enumerate(BASE["classification"])],
        "rrr": [auc + 0.001 * (-1) ** n for n, auc in enumerate(BASE["rrr"])],
    }
    found = differences(study(BASE), study(moved)).set_index(["score", "method"])
    assert verdicts(found.reset_index()) == {"classification": "differs", "rrr": "within noise"}
    row = found.loc["test_auc", "classification"]
    # All ten differences have the same sign: of the 1024 sign flips two are as extreme. Holm doubles the smaller p.
    assert row["same_seeds"]
    assert row["p"] == pytest.approx(2 / 1024)
    assert row["p_holm"] == pytest.approx(4 / 1024)
    assert row["difference"] == pytest.approx(0.2045)
    assert row["low"] < 0.2045 < row["high"]


def test_other_seeds_are_compared_without_pairs():
    other = study({"rrr": [0.9, 0.95, 1.0, 0.92]}, seeds=range(100, 104))
    row = differences(study({"rrr": BASE["rrr"]}), other).set_index("score").loc["test_auc"]
    assert not row["same_seeds"]
    assert row["p"] == pytest.approx(2 / 1001)
    interval = stats.ttest_ind([0.9, 0.95, 1.0, 0.92], BASE["rrr"], equal_var=False).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_with_few_runs_nothing_can_be_told(seeds):
    few = {"rrr": BASE["rrr"][:seeds]}
    found = differences(study(few), study({"rrr": [auc + 0.4 for auc in few["rrr"]]}))
    assert set(found["verdict"]) == {"too few runs to tell"}  # 2 / 2^5 is above 0.05
    assert found["low"].isna().all() == (seeds == 1)


@pytest.mark.parametrize("paired", [True, False])
def test_the_least_p_is_one_that_can_be_reached(monkeypatch, paired):
    """Where permutations are drawn, by runs that could not differ more."""
    monkeypatch.setattr(module, "RESAMPLES", 500)
    p, least = module._permutation(np.arange(30.0), np.arange(30.0) + 100, paired)
    assert p == least == pytest.approx(2 / 501)


def test_what_cannot_be_scored_is_undefined():
    empty = {"rrr": [float("nan")] * 10}
    assert set(differences(study({"rrr": BASE["rrr"]}), study(empty))["verdict"]) == {"undefined"}


def test_a_method_with_fewer_seeds_can_differ_after_the_others_have():
    methods = ("classification", "masked", "actdiff", "gradmask", "rrr")
    before = {method: [0.01 * n for n in range(10 if method != "rrr" else 6)] for method in methods}
    after = {method: [auc + 0.5 + 0.001 * auc for auc in aucs] for method, aucs in before.items()}
    assert set(verdicts(differences(study(before), study(after))).values()) == {"differs"}


def test_every_row_is_shown_under_its_verdict():
    other = {"classification": BASE["classification"], "rrr": [float("nan")] * 10}
    text = compared(study(BASE), study(other), ("ours", "theirs"), known_titles()).to_markdown()
    assert "Identical: 2 of 4" in text
    assert "Undefined: 2 of 4" in text


def test_what_only_one_study_has_is_listed():
    table = compared(
        study(BASE), study({"rrr": BASE["rrr"], "masked": BASE["rrr"]}), ("ours", "theirs"), known_titles()
    )
    text = table.to_markdown()
    assert "ours | synthetic | Test AUC, IoU, Gradient | Classification" in text
    assert "theirs | synthetic | Test AUC, IoU, Gradient | Masked" in text
    nothing = compared(study(BASE), study(BASE, task="spc"), ("ours", "theirs"), known_titles())
    assert nothing.frame.empty
    assert "nan" not in nothing.to_markdown().lower()


def test_a_method_without_a_title_is_called_by_its_name():
    text = compared(study(BASE), study({"mine": BASE["rrr"]}), ("ours", "theirs"), {"rrr": "RRR"}).to_markdown()
    assert "ours | synthetic | Test AUC, IoU, gradient | classification, RRR" in text
    assert "theirs | synthetic | Test AUC, IoU, gradient | mine" in text


def test_the_published_tasks_with_and_without_correlation_differ():
    runs = pd.read_csv(PUBLISHED_RUNS)
    localisation = runs.assign(attribution="gradient", iou=runs["iou_gradient"])
    with_it, without = (
        {
            "runs": runs[runs["task"] == task].assign(task="cardiomegaly"),
            "localisation": localisation[localisation["task"] == task].assign(task="cardiomegaly"),
        }
        for task in PUBLISHED_TASKS[1:3]
    )
    found = verdicts(differences(with_it, without))
    assert found["classification"] == "differs"
    assert found["rrr"] == "differs"
    assert found["actdiff"] == "within noise"  # it collapses in most runs without the correlation
