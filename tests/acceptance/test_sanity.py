"""What `make sanity` must show on the crosses: which maps depend on what was learnt.

Bounds are of means over two seeds. There is none on the signed rank correlation after the last layer, whose weights drawn
anew may turn the sign of the whole map, none on Grad-CAM, whose maps of 4 x 4 pixels are often empty, and none on verdicts.
"""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from red_herring.networks.reset import BLOCKS
from red_herring.saliency.similarity import similarity
from safetensors.numpy import load_file

RESULTS = ROOT / "results" / "sanity"
AFTER_FC, HALF_WAY, END = BLOCKS[0], BLOCKS[4], BLOCKS[-1]
TRAINED_METHODS = ["classification", "actdiff", "gradmask", "rrr"]


@pytest.fixture(scope="module")
def weights():
    """Mean over seeds by task, method, attribution, similarity and block."""
    table = pd.read_csv(RESULTS / "weight_randomisation.csv").query("order == 'cascading' and statistics == 'kept'")
    return table.groupby(["task", "method", "attribution", "similarity", "block"])["value"].mean()


def test_every_run_has_every_attribution_similarity_and_block():
    table = pd.read_csv(RESULTS / "weight_randomisation.csv").query("order == 'cascading'")
    of_run = table.groupby(["task", "method", "seed"]).size()
    assert len(of_run) == 2 * (len(TRAINED_METHODS) + 1)
    assert len(set(of_run)) == 1
    assert len(set(table.groupby("attribution").size())) == 1
    assert (table["images"] > 0).all()
    assert (table["draws"] > 0).all()


def test_guided_backprop_hardly_notices_the_upper_half_of_the_network(weights):
    ranks = weights["noisy", "classification"].xs("spearman_abs", level="similarity").unstack("block")
    assert ranks.loc["guided_backprop", AFTER_FC] >= 0.7
    assert ranks.loc["guided_backprop", HALF_WAY] >= ranks.loc["gradient", HALF_WAY] + 0.3
    assert ranks.loc["gradient", END] <= 0.25


def test_guided_backprop_is_not_the_gradient():
    files = sorted((RESULTS / "weight_randomisation" / "noisy").glob("*/*.safetensors"))
    assert len(files) == 2 * len(TRAINED_METHODS)
    maps = [load_file(file) for file in files]
    guided, gradient = (
        np.concatenate([found[f"trained/{name}"] for found in maps]) for name in ("guided_backprop", "gradient")
    )
    assert np.nanmean(similarity("spearman", guided, gradient)) < 0.5


def test_on_black_a_product_with_the_image_says_nothing_of_the_network(weights):
    """What is zero in the image is zero in the map of any network; on the strokes alone little is left."""
    product = weights["plain", "classification", "gradient_x_input"].unstack("block")
    assert product.loc["spearman_abs"].min() >= 0.99
    assert product.loc["ssim"].min() >= 0.85
    assert product.loc["spearman_abs_nonzero", END] <= 0.5


def test_permuted_labels_are_learnt_within_thirty_epochs():
    table = pd.read_csv(RESULTS / "label_randomisation.csv")
    assert table["train_accuracy"].min() >= 0.95
    runs = pd.read_csv(RESULTS / "runs.csv").query("task == 'noisy_permuted'")
    assert runs["best_epoch"].max() <= 30


@pytest.mark.parametrize(
    ("attribution", "bound"),
    [("integrated_gradients", 0.25), ("gradient_x_input", 0.15), ("guided_backprop", 0.05), ("gradient", 0.02)],
)
def test_maps_of_the_crosses_lie_on_them_and_those_of_the_side_of_the_box_do_not(attribution, bound):
    contrast = pd.read_csv(RESULTS / "task_contrast.csv").groupby("attribution")["contrast"].mean()
    assert contrast[attribution] >= bound
    assert contrast["edges"] == 0


@pytest.mark.parametrize("task", ["plain", "plain_side"])
def test_both_tasks_are_learnt(auc, task):
    assert auc[task, "classification"] >= 0.9
