"""What `make masks_small` must show: runs are trained and localised where masks are rare and one-sided. Run by
`make studies`.
"""

import pandas as pd
import pytest
from conftest import ROOT
from PIL import Image
from support.memory import most_memory

RESULTS = ROOT / "results" / "masks_small"
TASKS = ("views", "sexes")


@pytest.fixture(scope="module")
def runs():
    runs = pd.read_csv(RESULTS / "runs.csv")
    methods = ["actdiff", "classification", "gradmask", "masked"]
    assert runs.groupby(["task", "method"]).size().to_dict() == {(task, m): 2 for task in TASKS for m in methods}
    return runs


def test_every_run_is_localised_on_the_masks_that_there_are(runs):
    assert runs["test_auc"].between(0, 1).all()
    scores = pd.read_csv(RESULTS / "localisation.csv")
    assert (scores["images"] > 0).all()
    assert (scores.query("task == 'views'")["images"] < 50).all(), "few positives have a box"


def test_attributions_are_corrected_for_chance(runs):
    """Edges know nothing of the model, so that they are the same for all methods of a seed."""
    scores = pd.read_csv(RESULTS / "localisation.csv")
    assert scores.groupby(["task", "method", "seed"]).ngroups == len(runs)
    edges = scores.query("attribution == 'edges'").groupby(["task", "seed"])["iou"]
    assert (edges.max() - edges.min() < 1e-9).all()
    assert scores["corrected_iou"].between(-1, 1).all()


@pytest.mark.parametrize("figure", ["figure_1", "figure_3", "figure_8", "masks", "learning_curves", "mean_saliency"])
def test_every_figure_is_there_in_both_forms(figure):
    assert Image.open(RESULTS / "figures" / f"{figure}.png").width >= 600
    assert (RESULTS / "figures" / f"{figure}.pdf").read_bytes().startswith(b"%PDF")


def test_no_job_took_more_than_three_gibibytes():
    assert 0 < most_memory(RESULTS) < 3 * 1024  # MiB
