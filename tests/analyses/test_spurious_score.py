"""The spurious score of classifiers whose answer to a signal is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import spurious_score
from red_herring.data.dataset import Dataset
from red_herring.statistics.common import wilson
from support.given import Given
from torch import nn

SIZE, IMAGES = 28, 40
TAG = {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.02}


class Sees(nn.Module):
    """y1 is above y0 where the middle is light, or where more than `white` pixels are white; never if that is None."""

    def __init__(self, white):
        super().__init__()
        self.white = white

    def forward(self, x):
        light = x[:, 0, 14, 14] > 0.5
        whites = (x[:, 0] >= 1).sum(dim=(1, 2))
        positive = light if self.white is None else light | (whites > self.white)
        return torch.stack([torch.full(positive.shape, 0.5), positive.float()], dim=1)


def pool(masks=True):
    """Half of the test images are positive, with a light middle, but for one in each class."""
    labels = np.arange(IMAGES) % 2
    levels = np.full((IMAGES, SIZE, SIZE), 100, np.uint8)
    levels[:, 14, 14] = np.where(labels == 1, 200, 50)
    levels[0, 14, 14], levels[1, 14, 14] = 200, 50
    inside = np.zeros(levels.shape, bool)
    inside[:, 12:17, 12:17] = masks
    images = [f"i{row}" for row in range(IMAGES)]
    table = pd.DataFrame({"split": "test", "source": "s", "image": images, "patient": images, "label": labels})
    return Dataset(levels, inside, table.assign(nuisance=0), (0.0, 1.0))


def rows(signal=TAG, masks=True, white=9):
    data = pool(masks)
    run = Given(Sees(white), data, 5, base=Given(Sees(None), data, 5), signal=signal)
    return spurious_score.analyse(run, {}).table.set_index(["signal", "aligned"])


def test_the_score_is_the_share_of_other_predictions_that_the_signal_turns():
    found = rows().loc[("tag", "positives")]
    assert found[["trained", "images", "score", "normal_score"]].tolist() == [1, 20, 1, 0]
    assert found[["score_low", "score_high"]].tolist() == pytest.approx(wilson(20, 20))
    assert found[["normal_score_low", "normal_score_high"]].tolist() == pytest.approx(wilson(0, 20))


def test_aucs_are_of_clean_images_and_of_those_with_the_signal_on_the_opposite_class():
    found = rows().loc[("tag", "positives")]
    assert found["auc"] == found["normal_auc"] == found["normal_auc_planted"] == 0.95
    assert found["auc_planted"] == pytest.approx((19 / 20) / 2), "all negatives are called positive"


def test_other_signals_and_the_other_class_are_asked_as_well():
    found = rows()
    assert found.index.tolist() == [
        (kind, of) for kind in ("tag", "stripe", "blur", "half_blur") for of in ("positives", "negatives")
    ]
    assert found["trained"].sum() == 1
    assert found.loc[("stripe", "positives"), "score"] == 0
    assert found.loc[("tag", "negatives"), ["images", "score"]].tolist() == [20, 0]


def test_the_tag_of_the_task_is_as_large_as_it_says():
    assert rows(white=15).loc[("tag", "positives"), "score"] == 1
    assert rows(white=16).loc[("tag", "positives"), "score"] == 0
    assert (
        rows(signal={"kind": "stripe", "share": 1.0, "of": "negatives"}, white=8).loc[("tag", "positives"), "score"]
        == 1
    )
    assert (
        rows(signal={"kind": "stripe", "share": 1.0, "of": "negatives"}, white=9).loc[("tag", "positives"), "score"]
        == 0
    )


def test_a_signal_that_the_images_have_no_masks_for_is_left_out():
    assert rows(masks=False).index.unique("signal").tolist() == ["tag", "stripe"]


def test_a_classifier_that_calls_all_images_aligned_has_no_score():
    found = rows(white=-1).loc[("tag", "positives")]
    assert found["images"] == 0
    assert np.isnan(found[["score", "score_low", "score_high"]].to_numpy(float)).all()
