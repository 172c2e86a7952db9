"""Methods against Classification: by hand, with one seed or none, and of the released runs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.tabulated import (
    FEW,
    OVERLAPPING,
    RELEASED,
    RUNS,
    SETTINGS,
    STUDY,
    few,
    rows,
    table,
)


def test_comparisons_by_hand():
    found = table("comparisons", STUDY, FEW)
    frame = found.frame.set_index(["score", "method"])
    rrr = frame.loc[("test_auc", "rrr")]
    assert rrr["difference"] == pytest.approx((0.3 + 0.2 + 0.8) / 3)
    assert rrr["p"] == rrr["p_holm"] == 0.25
    assert rrr["collapsed"] == pytest.approx(1 / 3), "one of two at chance works in distribution"
    assert frame.loc[("iou_gradient", "rrr"), "difference"] == pytest.approx(0.05)
    assert np.isnan(frame.loc[("iou_gradient", "rrr"), "low"]), "all differences are the same"
    differences = np.array([0.3, 0.2, 0.8])
    t = differences.mean() / np.sqrt(differences.var(ddof=1) * (1 / 3 + 0.2 / 0.8))
    assert rrr["overlap"] == pytest.approx(0.2), "of the test images of this task"
    assert rrr["p_new"] == rrr["p_new_holm"] == pytest.approx(2 * stats.t.sf(t, 2))
    assert np.isnan(frame.loc[("iou_gradient", "rrr"), "p_new"])
    assert frame["collapsed"].notna().sum() == 2
    cells = rows(found)
    assert cells[("Classification",)] == [
        "Classification",
        "3",
        "0.20 ± 0.10",
        "0.20 (0.15, 0.25)",
        "0%",
        *["–"] * 6,
    ]
    assert cells[("RRR",)][:5] == ["RRR", "3", "0.63 ± 0.23", "0.50 (0.50, 0.70)", "33%"]
    assert cells[("RRR",)][5] == "0.433", "three seeds are too few for an interval"
    assert cells[("RRR",)][6:] == ["0.250", "0.250", "[-0.623, 1.490]", "0.220", "0.220"]
    assert cells[("Masked",)] == ["Masked", "0", *["–"] * 9]
    assert found.sections[0].headings[5:] == [
        "Difference [95 % on this pool]", "p on this pool", "Holm", "[95 % on new data]", "p on new data", "Holm",
    ]  # fmt: skip
    assert found.sections[0].note == "Two seeds have 20 % of their test images in common."
    assert "a_b: 3 of 9 runs are missing (Masked 3)." in found.to_markdown()
    assert r"a\_b: test AUC" in found.to_latex()


def test_comparisons_without_classification_are_undefined():
    found = table("comparisons", few(RUNS[RUNS["method"] == "rrr"]), FEW)
    assert rows(found)[("RRR",)][-6:] == ["undefined"] * 6
    assert rows(found)[("Classification",)][1:3] == ["0", "–"]
    assert "Classification 3" in found.note


def test_one_seed_has_a_difference_and_no_more():
    found = table("comparisons", few(RUNS[RUNS["seed"] == 1]), FEW | {"seeds": [1]})
    assert rows(found)[("RRR",)][5:] == ["0.300", *["undefined"] * 5]
    assert "One seed: no interval." in found.to_markdown()
    assert found.sections[0].note == "", "nothing is compared on new data, whatever the seeds share"


@pytest.mark.slow
@pytest.mark.parametrize("overlaps", [OVERLAPPING[:0], pd.DataFrame(), OVERLAPPING.query("task == 'another'")])
def test_without_overlaps_nothing_is_said_of_new_data(overlaps):
    found = table("comparisons", STUDY | {"overlaps": overlaps}, FEW)
    assert rows(found)[("RRR",)][6:] == ["0.250", "0.250", *["undefined"] * 3]
    assert found.sections[0].note.startswith("How many test images seeds have in common is not known")


@pytest.mark.slow
def test_released_comparisons():
    frame = table("comparisons", RELEASED, SETTINGS).frame.set_index(["task", "score", "method"])
    assert frame.loc[("no_spc", "test_auc", "actdiff"), "collapsed"] == pytest.approx(0.7)
    assert frame.loc[("vpc", "test_auc", "classification"), "collapsed"] == 0
    assert frame.loc[("spc", "test_auc", "rrr"), "p_holm"] == pytest.approx(0.0098, abs=1e-4)
    assert len(frame) == 5 * 2 * 6
    aucs = frame.xs("test_auc", level="score")
    assert aucs.loc[("spc", "rrr"), "p_new_holm"] == pytest.approx(0.33, abs=0.01)
    assert aucs.loc[("no_spc", "gradmask"), "p_new_holm"] == pytest.approx(0.054, abs=0.005)
    ious = frame.xs("iou_gradient", level="score")
    assert ious.loc[("spc", "adversarial"), "p_new"] == pytest.approx(0.127, abs=0.005), "of positives seeds share 40 %"
    lasting = aucs.index[aucs["p_new_holm"] < 0.05]
    assert {task: [method for of, method in lasting if of == task] for task in SETTINGS["tasks"]} == {
        "synthetic": ["masked", "actdiff", "adversarial", "gradmask", "rrr"],
        "spc": [],
        "no_spc": ["masked", "actdiff"],
        "vpc": ["masked", "actdiff", "adversarial", "gradmask"],
        "no_vpc": ["masked", "actdiff", "adversarial"],
    }


@pytest.mark.slow
def test_whose_splits_the_shares_are_of_is_said_where_they_are_ours_alone():
    words = "those of our own splits, drawn as published"
    assert words in table("comparisons", RELEASED, SETTINGS).to_markdown()
    assert words not in table("comparisons", STUDY, FEW).to_markdown()
