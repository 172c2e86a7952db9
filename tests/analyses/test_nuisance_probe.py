"""Nuisance probe: its cross-validation, its AUC and its chance level, and what it says of networks that are known."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import nuisance_probe as probe
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18, initialised
from red_herring.runtime.files import StudyError
from sklearn.metrics import roc_auc_score
from support.given import Given

SETTINGS = {"folds": 5, "C": 1.0}


def table(cells, images_each=1):
    """Images of patients with `images_each` images. cells: (label, nuisance) -> patients."""
    rows = [
        {
            "split": "test_balanced",
            "source": "s",
            "patient": f"p{label}{group}{patient}",
            "label": label,
            "nuisance": group,
        }
        for (label, group), patients in cells.items()
        for patient in range(patients)
        for _ in range(images_each)
    ]
    return pd.DataFrame(rows).assign(image=[f"i{row}" for row in range(len(rows))])


EVEN = {(label, group): 12 for label in (0, 1) for group in (0, 1)}


def data(cells=EVEN, images_each=1, size=16):
    """The left side says the nuisance, the right one the label, in noise."""
    rows, random = table(cells, images_each), np.random.default_rng(0)
    levels = random.integers(60, 120, (len(rows), size, size))
    levels[:, :, : size // 2] += 60 * rows["nuisance"].to_numpy()[:, None, None]
    levels[:, 4:8, size // 2 :] += 60 * rows["label"].to_numpy()[:, None, None]
    return Dataset(levels.astype(np.uint8), np.zeros((size, size), bool), rows, (0.0, 1.0))


def a_run(pool, seed=3, width=2):
    """It trained on the images that it is tested on."""
    both = pd.concat([pool.table, pool.table.assign(split="train")])
    images = Dataset(
        pool.levels.repeat(2, 1, 1).numpy(), pool.masks.repeat(2, 1, 1).numpy(), both, (pool.low, pool.high)
    )
    torch.manual_seed(1)
    return Given(ResNet18(width).folded(), images, seed)


def test_no_patient_straddles_folds_and_each_has_a_fair_part_of_each_cell():
    images = data({(0, 0): 20, (0, 1): 20, (1, 0): 20, (1, 1): 20}, images_each=3)
    folds = probe.folds_of(images, 5, seed=0)
    assert pd.Series(folds).groupby(images.table["patient"]).nunique().max() == 1
    counts = pd.crosstab(folds, images.cells.numpy())
    assert (counts == 12).all(axis=None)


def test_patients_of_several_cells_and_of_many_images_straddle_no_fold():
    rows, random = table(EVEN, images_each=4), np.random.default_rng(0)
    rows["patient"] = [f"p{number}" for number in np.minimum(random.geometric(0.05, len(rows)), 60)]
    images = Dataset(np.zeros((len(rows), 2, 2), np.uint8), np.zeros((2, 2), bool), rows, (0.0, 1.0))
    folds = probe.folds_of(images, 5, seed=1)
    assert pd.Series(folds).groupby(images.table["patient"]).nunique().max() == 1
    assert set(folds) == set(range(5))


def newton(features, target, c, steps=30):
    """Weights and intercept that minimise |w|^2 / 2 + c times the sum of the log losses; the intercept is free."""
    x = np.column_stack([features, np.ones(len(features))])
    ridge, w = np.diag([*np.ones(features.shape[1]), 0.0]), np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve(c * (x.T * (p * (1 - p))) @ x + ridge, c * x.T @ (p - target) + ridge @ w)
    return w


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_scores_are_those_of_a_ridge_logistic_regression_fitted_to_the_other_folds(c):
    random = np.random.default_rng(0)
    features, target = random.normal(5, 3, (60, 7)), random.integers(0, 2, 60)
    features[:, 0] += 3 * target
    features[:, 6] = 4.0  # a feature that never varies
    folds = np.arange(60) % 4
    found = probe.out_of_fold(features, target, folds, c)
    for fold in range(4):
        seen = folds != fold
        mean, sd = features[seen].mean(axis=0), features[seen].std(axis=0)
        scaled = (features - mean) / np.where(sd > 0, sd, 1)
        w = newton(scaled[seen], target[seen], c)
        np.testing.assert_allclose(found[~seen], scaled[~seen] @ w[:-1] + w[-1], atol=2e-3)


def test_the_auc_is_over_pairs_of_one_fold():
    scores = np.array([1.0, 2.0, 3.0, 101.0, 103.0, 102.0, 9.0])
    target, folds = np.array([0, 1, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 2])
    # Fold 0: 2 beats 1, not 3. Fold 1: 102 beats 101, not 103. Fold 2 has no negative.
    assert probe.auc_within(scores, target, folds) == 2 / 4
    assert probe.auc_within(scores, np.ones(7), folds) is None


def test_larger_folds_count_for_more():
    random, folds = np.random.default_rng(0), np.repeat([0, 1], [10, 30])
    scores, target = random.normal(size=40), random.integers(0, 2, 40)
    pairs = [target[folds == fold].sum() * (1 - target[folds == fold]).sum() for fold in (0, 1)]
    areas = [roc_auc_score(target[folds == fold], scores[folds == fold]) for fold in (0, 1)]
    assert probe.auc_within(scores, target, folds) == pytest.approx(np.average(areas, weights=pairs))


@pytest.mark.slow
def test_random_labels_give_one_half():
    """Of 100 draws the mean is within four standard errors of it."""
    random, images = np.random.default_rng(0), data(dict.fromkeys(EVEN, 8), size=2)
    folds, target = probe.folds_of(images, 4, seed=0), images.groups.numpy()
    found = []
    for _ in range(100):
        features = random.normal(size=(len(target), 10))
        found.append(probe.auc_within(probe.out_of_fold(features, target, folds, 1.0), target, folds))
    assert abs(np.mean(found) - 0.5) < 4 * np.std(found) / 10


def test_features_that_hold_the_nuisance_and_the_finding_show_it():
    analysed = probe.analyse(a_run(data()), SETTINGS)
    row, images = analysed.table.iloc[0], analysed.per_image
    assert row["images"] == 48
    assert row["nuisance_auc"] > 0.8
    assert 0.5 < row["untrained_nuisance_auc"] <= 1
    for prefix in ("", "untrained_"):
        for name, column in (("nuisance", "nuisance"), ("finding", "label")):
            areas = [roc_auc_score(part[column], part[f"{prefix}{name}_score"]) for _, part in images.groupby("fold")]
            assert row[f"{prefix}{name}_auc"] == pytest.approx(np.mean(areas), abs=0.05)


def test_features_without_anything_in_them_show_nothing():
    """A network whose last convolutions are all zero gives every image the same features."""
    run = a_run(data())
    with torch.no_grad():
        for block in run.model.layer4:
            for module in (block.conv1, block.conv2, *(block.downsample or [])):
                for parameter in module.parameters():
                    parameter.zero_()
    row = probe.analyse(run, SETTINGS).table.iloc[0]
    assert (row["nuisance_auc"], row["finding_auc"]) == (0.5, 0.5)
    assert row["untrained_nuisance_auc"] > 0.6


def test_the_untrained_network_is_that_of_the_seed():
    run, other = a_run(data(), seed=3), a_run(data(), seed=4)
    one, again, another = (probe.analyse(each, SETTINGS).per_image for each in (run, run, other))
    pd.testing.assert_frame_equal(one, again)
    assert not np.allclose(one["untrained_nuisance_score"], another["untrained_nuisance_score"])
    torch.manual_seed(3)
    weights = ResNet18(2).state_dict()
    assert all((value == weights[name]).all() for name, value in initialised(2, 3).state_dict().items())


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({**EVEN, (1, 0): 4}, r"t, seed 3: of the balanced test images those of label 1 in nuisance group 0 are of 4 "
         r"patients, fewer than analyses.nuisance_probe.folds, 5, so there is no probe; ask for fewer or give the task "
         r"more images"),
        ({}, "t, seed 3: there is no balanced test set, so no probe; give the task more images"),
    ],
)  # fmt: skip
def test_too_few_patients_are_no_probe_and_it_says_why(cells, sentence, caplog):
    pool = data(cells) if cells else data().subset(np.arange(0))
    with caplog.at_level(logging.WARNING):
        analysed = probe.analyse(a_run(pool), SETTINGS)
    assert caplog.messages == [sentence]
    row = analysed.table.iloc[0]
    assert row["images"] == len(pool)
    assert row[list(probe.AUCS)].isna().all()
    assert set(probe.COLUMNS) == set(analysed.table)


def test_the_fewest_patients_that_will_do():
    row = probe.analyse(a_run(data(dict.fromkeys(EVEN, 5))), SETTINGS).table.iloc[0]
    assert row[list(probe.AUCS)].notna().all()


def test_spoilt_weights_are_named():
    run = a_run(data())
    with torch.no_grad():
        run.model.layer4[1].conv2.weight.fill_(float("nan"))
    with pytest.raises(StudyError, match=r"its features are not finite; its weights are spoilt, so train it again"):
        probe.analyse(run, SETTINGS)
