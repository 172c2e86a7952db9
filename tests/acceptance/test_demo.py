"""What `make demo` must show: the shortcut learned, and repaired. Run by `make acceptance`, after `make demo`."""

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image

DEMO = ROOT / "results" / "demo"


@pytest.fixture(scope="module")
def means():
    runs = pd.read_csv(DEMO / "runs.csv")
    assert runs.groupby("method").size().to_dict() == dict.fromkeys(
        ["actdiff", "adversarial", "classification", "gradmask", "masked", "rrr"], 3
    )
    return runs.groupby("method").mean(numeric_only=True)


def test_the_classifier_that_learns_the_shortcut_fails_under_the_shift(means):
    assert means.loc["classification", "test_auc"] <= 0.05


@pytest.mark.parametrize("method", ["masked", "actdiff"])
def test_masking_and_actdiff_repair_it(means, method):
    assert means.loc[method, "test_auc"] >= 0.95
    assert means.loc[method, "iou_gradient"] > means.loc["classification", "iou_gradient"]


@pytest.mark.parametrize("figure", ["figure_1", "masks", "figure_3", "figure_4", "figure_5", "figure_8", "figure_a1"])
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(DEMO / "figures" / f"{figure}.png").width >= 600
    assert (DEMO / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")


def test_no_job_took_more_than_three_gibibytes():
    for file in (DEMO / "benchmarks").rglob("*.tsv"):
        assert pd.read_csv(file, sep="\t")["max_rss"].max() < 3 * 1024, file  # MiB
