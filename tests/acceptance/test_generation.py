"""What `make generation` must show on the crosses: further images help a detector that has few real ones.

Bounds are of means over three seeds, and are those of a first try on other images. There is none on unrolling, on the
detector's loss, on copy-paste against generated images, and on what generated images do to the shortcut.
"""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

RESULTS = ROOT / "results" / "generation"
SEEDS = 3
ARMS = ["real", "copy_paste", "gan", "detector_loss", "unrolled"]
TASK = "find_crosses"


@pytest.fixture(scope="module")
def measures():
    table = pd.read_csv(RESULTS / "detection.csv")
    return table[table["task"] == TASK]


@pytest.fixture(scope="module")
def ap(measures):
    """Mean average precision over seeds by arm and number of real images."""
    return measures[measures["measure"] == "ap"].groupby(["arm", "n_real"])["value"].mean()


def test_every_arm_has_all_its_seeds(measures):
    of_ap = measures[measures["measure"] == "ap"]
    counts = of_ap.groupby(["arm", "n_real"])["seed"].nunique()
    assert set(counts.index) == {(arm, n) for arm in ARMS for n in (10, 50)} | {("real", 100)}
    assert (counts == SEEDS).all()
    assert of_ap["value"].between(0, 1).all()


@pytest.mark.parametrize(("arm", "gain"), [("copy_paste", 0.10), ("gan", 0.05)])
def test_further_images_help_where_there_are_ten_real_ones(ap, arm, gain):
    assert ap[arm, 10] >= ap["real", 10] + gain


def test_more_real_images_help_more(ap):
    assert ap["real", 100] >= 0.6
    assert ap["real", 100] >= ap["real", 10] + 0.1


def test_a_looser_threshold_finds_as_many(measures):
    of_boxes = measures[measures["measure"].isin(["iou", "iobb"])]
    curves = of_boxes.pivot_table(index=["arm", "n_real", "seed", "measure"], columns="threshold", values="value")
    assert (np.diff(curves.to_numpy(), axis=1) <= 0).all()


def test_every_arm_takes_as_many_steps(measures):
    usage = pd.read_csv(RESULTS / "detection_usage.csv").query("task == @TASK and part == 'detector'")
    assert usage["steps"].nunique() == 1
    assert (usage["seconds"] > 0).all()


def test_images_are_inserted_where_positives_are_rare(runs):
    """And the classifiers that they are for are there; no bound on what they make of them."""
    assert {"shortcut", "shortcut_generated", "shortcut_pasted"} <= set(runs["task"])
    base, more = (_training(task) for task in ("shortcut", "shortcut_generated"))
    assert (base["label"] == 1).sum() < (more["label"] == 1).sum()
    assert (more["source"] == "generated").sum() == len(more) - len(base)
    assert (more[more["source"] == "generated"]["label"] == 1).all()
    counts = more.groupby(["nuisance", "label"]).size().unstack(fill_value=0)
    assert (counts[1] >= counts[0]).all(), "no group has fewer positives than negatives"


def _training(task):
    split = pd.read_csv(RESULTS / "splits" / task / "seed=1234.csv")
    return split[split["split"] == "train"]
