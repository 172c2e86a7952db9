"""What `make demo` must show: the shortcut learned, and repaired. Run by `make acceptance`, after `make demo`."""

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from support.memory import most_memory

DEMO = ROOT / "results" / "demo"


@pytest.fixture(scope="module")
def means():
    runs = pd.read_csv(DEMO / "runs.csv")
    assert runs.groupby("method").size().to_dict() == dict.fromkeys(
        ["actdiff", "adversarial", "classification", "gradmask", "masked", "rrr"], 3
    )
    means = runs.groupby("method").mean(numeric_only=True)
    gradient = pd.read_csv(DEMO / "localisation.csv").query("attribution == 'gradient'")
    return means.join(gradient.groupby("method")["iou"].mean())


def test_the_classifier_that_learns_the_shortcut_fails_under_the_shift(means):
    assert means.loc["classification", "test_auc"] <= 0.05


@pytest.mark.parametrize("method", ["masked", "actdiff"])
def test_masking_and_actdiff_repair_it(means, method):
    assert means.loc[method, "test_auc"] >= 0.95
    assert means.loc[method, "iou"] > means.loc["classification", "iou"]


FIGURES = [
    *(f"figure_{number}" for number in (1, 2, 3, 4, 5, 8, "a1", "8_iou", "8_iop", "8_iot")),
    *("masks", "mean_saliency_synthetic", "hyperparameters_synthetic", "auc_intervals"),
    *("comparisons", "comparisons_iou", "relation", "agreement"),
]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(DEMO / "figures" / f"{figure}.png").width >= 600
    assert (DEMO / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")


def test_attributions_find_the_box_or_the_crosses_and_controls_do_not():
    scores = pd.read_csv(DEMO / "localisation.csv").set_index(["method", "attribution"])["corrected_iou"]
    means = scores.groupby(level=[0, 1]).mean()
    for attribution in ("gradient", "integrated_gradients", "occlusion", "gradient_x_input"):
        assert means["actdiff", attribution] > 0.2
        assert means["actdiff", attribution] > means["classification", attribution] + 0.1
    assert means.xs("random", level=1).abs().max() < 0.02


def test_integrated_gradients_are_complete():
    rows = pd.read_csv(DEMO / "localisation.csv").query("attribution == 'integrated_gradients'")
    assert rows["completeness_error"].max() <= 0.01


def test_it_ends_with_a_report_of_moderate_size():
    report = DEMO / "report.html"
    assert 1e6 < report.stat().st_size < 20e6
    assert "Does saliency tell which classifiers generalise?" in report.read_text()


def test_no_job_took_more_than_three_gibibytes():
    assert 0 < most_memory(DEMO) < 3 * 1024  # MiB
