"""What `make robust` must show on the crosses: which methods without masks do as well, where they can, and what tells it.

Bounds are of means over three seeds, after a short search of the same budget for each method.
"""

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from scipy.stats import spearmanr

RESULTS = ROOT / "results" / "robust"
KEYS = ["task", "method", "seed"]
EASY, HARD = "synthetic", "synthetic_ratio=1"


def test_every_pair_has_its_three_runs(runs):
    assert set(runs.groupby(["task", "method"]).size()) == {3}
    assert {"coral", "mmd", "irm"}.isdisjoint(runs.query("task == @HARD")["method"])


@pytest.mark.parametrize("method", ["classification", "resampling", "reweighting", "groupdro", "vrex"])
def test_cells_without_images_cannot_be_reweighted(auc, method):
    assert auc[HARD, method] <= 0.10


@pytest.mark.parametrize("method", ["reweighting", "vrex"])
def test_a_few_images_of_the_rare_cells_are_enough_for_what_reweights_them(auc, method):
    assert auc[EASY, method] >= auc[EASY, "classification"] + 0.2


def test_actdiff_needs_none_of_them(auc):
    assert auc[EASY, "actdiff"] >= 0.95
    assert auc[HARD, "actdiff"] >= 0.95


def test_actdiff_removes_some_of_the_nuisance_from_the_features():
    probe = pd.read_csv(RESULTS / "nuisance_probe.csv").groupby(["task", "method"])["nuisance_auc"].mean()
    assert probe[HARD, "actdiff"] <= probe[HARD, "classification"] - 0.15


def test_reliance_tells_better_than_iou_which_runs_generalise(runs):
    iou = pd.read_csv(RESULTS / "localisation.csv").query("attribution == 'gradient'")
    reliance = pd.read_csv(RESULTS / "reliance.csv")
    table = runs.merge(iou[[*KEYS, "corrected_iou"]], on=KEYS).merge(reliance[[*KEYS, "relative_reliance"]], on=KEYS)
    assert len(table) == len(runs)
    rho = {name: spearmanr(table[name], table["test_auc"]).statistic for name in ("corrected_iou", "relative_reliance")}
    assert rho["relative_reliance"] < 0
    assert abs(rho["relative_reliance"]) > abs(rho["corrected_iou"])


@pytest.mark.parametrize("figure", ["doses", "ranking", "predictors"])
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(RESULTS / "figures" / f"{figure}.png").width >= 600
    assert (RESULTS / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")
