"""What `make generation` must show on the crosses: further images help where few have boxes.

Bounds are of means over three seeds, and wide, as they rest on few. There is none on unrolling, on the detector's loss in
that of the generator, and on generated images against pasted ones: no difference is a result.
"""

import pandas as pd
import pytest
from conftest import ROOT

RESULTS = ROOT / "results" / "generation"
SEEDS = 3
ARMS = {"real": (10, 50, 100), **dict.fromkeys(("copy_paste", "gan", "detector_loss", "unrolled"), (10, 50))}
ARMS |= {"unrolled_alone": (10,)}


@pytest.fixture(scope="module")
def precision():
    """Average precision at 0.5 of every run."""
    table = pd.read_csv(RESULTS / "detection.csv")
    return table[(table["measure"] == "ap") & (table["threshold"] == 0.5)]


@pytest.fixture(scope="module")
def ap(precision):
    """The mean over seeds, by arm and number of boxes."""
    return precision.groupby(["arm", "n_real"])["value"].mean()


def test_every_arm_has_its_runs(precision):
    counts = precision.groupby(["arm", "n_real"]).size()
    assert counts.to_dict() == {(arm, number): SEEDS for arm, numbers in ARMS.items() for number in numbers}


def test_more_boxes_make_a_better_detector(ap):
    assert ap["real", 100] >= 0.6
    assert ap["real", 100] >= ap["real", 10] + 0.1


def test_further_images_help_where_there_are_few_boxes(ap):
    assert ap["copy_paste", 10] >= ap["real", 10] + 0.1
    assert ap["gan", 10] >= ap["real", 10] + 0.05


def test_a_higher_threshold_is_reached_by_no_more_boxes():
    table = pd.read_csv(RESULTS / "detection.csv").query("measure in ['iou', 'iobb']")
    curves = table.pivot_table(index=["arm", "n_real", "seed", "measure"], columns="threshold", values="value")
    assert (curves.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)


def test_every_detector_takes_as_many_steps():
    usage = pd.read_csv(RESULTS / "detection_usage.csv").query("part == 'detector'")
    assert len(usage) == SEEDS * sum(map(len, ARMS.values()))
    assert set(usage["steps"]) == {160}
