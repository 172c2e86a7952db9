"""Localisation of maps beside what the average mask and the untrained network score."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import localisation
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.saliency.attribution import attribute
from red_herring.saliency.localisation import measured
from red_herring.study.names import ARMS, MEASURES
from sklearn.metrics import average_precision_score, roc_auc_score
from support.given import Given

SIZE = 16
SALIENCY = {
    "attributions": ["gradient", "edges"], "smoothing_sigma": 0.0, "steps": "adaptive", "example_images": 1,
    "mean_map_images": 2,
}  # fmt: skip
ROWS = pd.DataFrame(
    {
        "split": ["train"] * 4 + ["test"] * 4,
        "source": "s",
        "image": [f"i{row}" for row in range(8)],
        "patient": [f"p{row}" for row in range(8)],
        "label": [1, 1, 0, 1, 1, 1, 1, 0],
        "nuisance": [0, 1] * 4,
    }
)


def a_run(masks):
    """Boxes of four by four whose upper left corner is given, or none: of the training images, then of those tested."""
    torch.manual_seed(1)
    inside, random = np.zeros((len(ROWS), SIZE, SIZE), bool), np.random.default_rng(0)
    for image, corner in zip(inside, masks, strict=True):
        if corner is not None:
            image[corner : corner + 4, corner : corner + 4] = True
    levels = random.integers(0, 256, inside.shape, dtype=np.uint8)
    return Given(ResNet18(2).eval().folded(), Dataset(levels, inside, ROWS, (0.0, 1.0)), seed=3)


RUN = a_run([2, 4, 9, None, 4, 1, None, 2])


@pytest.fixture(scope="module")
def analysed():
    return localisation.analyse(RUN, {"saliency": SALIENCY})


def test_the_average_mask_is_that_of_positive_training_images_that_have_one(analysed):
    average = np.zeros((SIZE, SIZE))
    average[2:6, 2:6] += 1 / 2
    average[4:8, 4:8] += 1 / 2
    images = analysed.per_image.query("attribution == 'gradient'").set_index("image")
    assert list(images.index) == ["i4", "i5"], "positive test images with a mask"
    for image, corner in (("i4", 4), ("i5", 1)):
        mask = np.zeros((SIZE, SIZE), bool)
        mask[corner : corner + 4, corner : corner + 4] = True
        row = images.loc[image]
        assert row["average_mask_mass"] == pytest.approx(average[mask].sum() / average.sum())
        assert row["average_mask_auc"] == pytest.approx(roc_auc_score(mask.ravel(), average.ravel()))
        assert row["average_mask_ap"] == pytest.approx(average_precision_score(mask.ravel(), average.ravel()))
        assert row["average_mask_pointing"] == mask[4:6, 4:6].mean()
    means = analysed.table.set_index("attribution")
    for measure in MEASURES:
        assert means.loc["gradient", f"average_mask_{measure}"] == images[f"average_mask_{measure}"].mean()
        assert means.loc["edges", f"average_mask_{measure}"] == images[f"average_mask_{measure}"].mean()
    assert (means["average_mask_undefined"] == 0).all()


def test_the_untrained_network_is_explained_by_the_same_attribution(analysed):
    positive = RUN.test.subset(np.array([0, 1]))
    maps = attribute("gradient", RUN.untrained, positive, 0.0, 4, RUN.hardware, described="it").maps
    expected = measured(maps, positive.masks.numpy())
    images = analysed.per_image.query("attribution == 'gradient'")
    for measure in MEASURES:
        np.testing.assert_allclose(images[f"untrained_{measure}"], expected[measure], rtol=1e-6)
    assert not np.allclose(images["untrained_auc"], images["auc"]), "it is another network"


def test_a_control_knows_no_network_so_another_one_makes_no_difference(analysed):
    (row,) = analysed.table.query("attribution == 'edges'").to_dict("records")
    assert {row[f"untrained_{measure}"] == row[measure] for measure in MEASURES} == {True}


def test_what_an_arm_cannot_score_is_missing_and_counted():
    saliency = SALIENCY | {"attributions": ["gradient"]}
    table = localisation.analyse(a_run([None, None, 9, None, 4, 1, 3, 2]), {"saliency": saliency}).table
    (row,) = table.to_dict("records")
    assert (row["images"], row["undefined"], row["average_mask_undefined"], row["untrained_undefined"]) == (3, 0, 3, 0)
    assert np.isnan([row[f"average_mask_{measure}"] for measure in MEASURES]).all()
    assert tuple(ARMS) == localisation.ARMS
    assert {f"{arm}_{measure}" for arm in ARMS for measure in MEASURES} <= set(table)
