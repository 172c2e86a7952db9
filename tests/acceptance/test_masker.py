"""What `make masker` must show on the crosses: masks that find what the classifier goes by, and that say so when they fail.

Bounds are of means over two seeds, and wide, as they rest on few. There is none on both objectives against one, on masks
against gradients, on few examples against many, and on the AUC of joint masking under the shift.
"""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

RESULTS = ROOT / "results" / "masker"
METHODS = ["classification", "actdiff", "joint_masking"]
SEEDS = 2


@pytest.fixture(scope="module")
def masks():
    return pd.read_csv(RESULTS / "learned_masks.csv")


@pytest.fixture(scope="module")
def means(masks):
    """Over seeds, by method and arm."""
    return masks.groupby(["method", "arm"]).mean(numeric_only=True)


def test_every_run_has_its_maskers(masks):
    maskers = masks.query("reference == 0")
    assert set(maskers["method"]) == set(METHODS)
    joint = maskers["method"] == "joint_masking"
    assert maskers[joint]["arm"].unique().tolist() == ["joint"]
    assert len(set(maskers[~joint].groupby(["method", "seed"])["arm"].apply(frozenset))) == 1
    assert (maskers.groupby("arm").size().drop("joint") == 2 * SEEDS).all()


@pytest.mark.parametrize(("arm", "iou", "ap"), [("in_only", 0.2, 0.3), ("fixed", 0.15, 0.25)])
def test_the_mask_of_a_classifier_that_looks_at_the_crosses_finds_them(means, arm, iou, ap):
    found = means.loc["actdiff", arm]
    assert found["collapsed"] == 0
    assert found["iou"] >= iou
    assert found["ap"] >= ap
    assert found["iou"] >= found["chance_iou"] + 0.1


def test_the_mask_of_one_that_goes_by_the_box_shows_the_box(means):
    assert (
        means.loc[("classification", "fixed"), "nuisance_iou"] >= means.loc[("actdiff", "fixed"), "nuisance_iou"] + 0.1
    )


def test_deleting_the_box_turns_the_answers_of_the_one_and_not_of_the_other(means):
    change = means["nuisance_change"] / means["logit_sd"]
    assert change["classification", "fixed"] >= 0.5
    assert change["actdiff", "fixed"] <= 0.2


def test_classifiers_know_the_task(runs):
    assert (runs["test_in_distribution_auc"] >= 0.95).all(), "that of joint masking too"


def test_a_masker_that_collapsed_has_no_score(masks):
    maskers = masks.query("reference == 0 and arm != 'out_only'")
    lost = maskers[["kept_0", "kept_1"]].min(axis=1) < 0.9
    assert (maskers["collapsed"] == lost).all()
    assert maskers.loc[lost, ["le", "om", "f1", "sm", "pxap", "iou", "nuisance_iou"]].isna().all(axis=None)
    assert maskers.loc[~lost, ["le", "om", "f1", "sm", "pxap"]].notna().all(axis=None)


def test_masks_that_need_no_classifier_score_what_they_must(means):
    for method in METHODS:
        of = means.loc[method]
        assert (of.loc["ones", "mean_mask"], of.loc["zeros", "mean_mask"]) == (1, 0)
        assert of.loc["true_box", "le"] == 0
        assert of.loc["ones", "le"] == of.loc["zeros", "le"]
        assert of.loc["input", "iou"] >= 0.5, "most bright pixels are of the crosses"
        np.testing.assert_allclose(of.loc["input", ["iou", "ap"]], means.loc["actdiff"].loc["input", ["iou", "ap"]])


def test_the_learned_mask_is_an_attribution_like_others(masks):
    localisation = pd.read_csv(RESULTS / "localisation.csv").query("attribution == 'learned_mask'")
    of_arm = masks[masks["arm"].isin(["fixed", "joint"])]
    both = localisation.merge(of_arm, on=["task", "method", "seed"], suffixes=("", "_of_arm"))
    assert len(both) == len(METHODS) * SEEDS
    np.testing.assert_allclose(both["iou"], both["iou_of_arm"], atol=1e-6)
    np.testing.assert_allclose(both["ap"], both["ap_of_arm"], atol=1e-6)
