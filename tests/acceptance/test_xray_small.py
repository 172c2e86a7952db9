"""What `make xray_small` must show: on real X-rays the site is a shortcut that fails where it does not hold. Run by
`make studies`.
"""

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from support.memory import most_memory

RESULTS = ROOT / "results" / "xray_small"
TASKS = ("site_pneumonia", "no_site_pneumonia")


@pytest.fixture(scope="module")
def runs():
    runs = pd.read_csv(RESULTS / "runs.csv")
    methods = ["actdiff", "classification", "gradmask", "masked"]
    assert runs.groupby(["task", "method"]).size().to_dict() == {(task, m): 2 for task in TASKS for m in methods}
    return runs


@pytest.fixture(scope="module")
def plain(runs):
    """Mean scores of the classifiers that are not told where to look, by task."""
    return runs.query("method == 'classification'").groupby("task").mean(numeric_only=True)


def test_pneumonia_is_found_where_the_site_says_nothing_of_it(plain):
    assert plain.loc["no_site_pneumonia", "test_auc"] >= 0.65


def test_the_classifier_that_learns_the_site_fails_under_the_shift(plain):
    assert plain.loc["site_pneumonia", "test_auc"] <= 0.55
    assert plain.loc["site_pneumonia", "test_auc"] <= plain.loc["no_site_pneumonia", "test_auc"] - 0.2


def test_with_the_relation_of_training_it_looks_far_better_than_it_is(plain, runs):
    assert plain.loc["site_pneumonia", "test_in_distribution_auc"] >= 0.85
    shifted = runs.query("task == 'site_pneumonia' and method == 'classification'")
    assert (shifted["test_in_distribution_auc"] > shifted["test_auc"] + 0.2).all()


@pytest.mark.parametrize("figure", ["figure_1", "figure_3", "figure_8", "masks", "learning_curves", "mean_saliency"])
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(RESULTS / "figures" / f"{figure}.png").width >= 600
    assert (RESULTS / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")


def test_no_job_took_more_than_three_gibibytes():
    assert 0 < most_memory(RESULTS) < 3 * 1024  # MiB
