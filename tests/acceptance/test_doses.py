"""What `make doses` must show on the crosses: where the benefit of masks begins, how many it takes, and whose.

Bounds are of means over three seeds. Nothing here is tuned: all methods have middling hyperparameters.
"""

import pytest
from conftest import ROOT
from PIL import Image

RESULTS = ROOT / "results" / "doses"
RATIOS = {ratio: f"synthetic_ratio={ratio}" for ratio in (0.5, 0.9, 0.95, 0.98)} | {1.0: "synthetic"}


def test_every_pair_has_its_three_runs(runs):
    assert set(runs.groupby(["task", "method"]).size()) == {3}
    assert set(runs.query("task == 'synthetic_mask.budget=0.5'")["method"]) == {"actdiff"}


def test_the_classifier_falls_between_095_and_1(auc):
    assert auc[RATIOS[0.5], "classification"] >= 0.95
    assert auc[RATIOS[0.9], "classification"] >= 0.95
    assert auc[RATIOS[0.95], "classification"] >= auc[RATIOS[1.0], "classification"] + 0.5
    assert auc[RATIOS[1.0], "classification"] <= 0.10


def test_in_distribution_nothing_is_to_be_seen_of_it(runs):
    plain = runs[(runs["method"] == "classification") & runs["task"].isin(RATIOS.values())]
    assert plain.groupby("task")["test_in_distribution_auc"].mean().min() >= 0.97


@pytest.mark.parametrize("method", ["masked", "actdiff"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_with_masks_no_ratio_does_harm(auc, method, ratio):
    assert auc[RATIOS[ratio], method] >= 0.95


def test_masks_for_half_of_the_images_do_and_for_one_in_fifty_do_not(auc):
    assert auc["synthetic_mask.budget=0.02", "actdiff"] <= 0.25
    assert auc["synthetic_mask.budget=0.5", "actdiff"] >= 0.90


@pytest.mark.parametrize("control", ["random", "other"])
def test_for_actdiff_it_must_be_the_images_own_mask(auc, control):
    assert auc[f"synthetic_mask.control={control}", "actdiff"] <= auc["synthetic", "actdiff"] - 0.25


@pytest.mark.parametrize("figure", ["doses", "budgets", "mask_controls", "ranking"])
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(RESULTS / "figures" / f"{figure}.png").width >= 600
    assert (RESULTS / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")
