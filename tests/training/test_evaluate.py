"""Scores of a trained classifier."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.statistics.calibration import COLDEST
from red_herring.training.evaluate import (
    auc,
    average_precision,
    cross_entropy,
    measure_tests,
    measures,
    predict,
    prediction_table,
    score_tests,
)
from sklearn.metrics import average_precision_score, roc_auc_score


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=40))
def test_auc_is_scikit_learns_with_ties(pairs):
    labels = torch.tensor([label for label, _ in pairs])
    if len(set(labels.tolist())) == 2:
        logits = torch.tensor([[0.0, float(score)] for _, score in pairs])
        assert auc(logits, labels) == pytest.approx(roc_auc_score(labels, logits[:, 1]), abs=1e-12)


def test_auc_by_hand():
    logits = torch.tensor([[0.0, 3.0], [0.0, 1.0], [0.0, 2.0], [1.0, 2.0]])  # margins 3, 1, 2, 1
    # Positives 3 and 1, negatives 2 and 1: 3 beats both, 1 ties with 1.
    assert auc(logits, torch.tensor([1, 1, 0, 0])) == pytest.approx((2 + 0.5) / 4)


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, 0.0], [0.0, math.log(3)]])
    assert cross_entropy(logits, torch.tensor([0, 1])) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_predictions_are_of_evaluation_mode_whatever_the_batch_size(tiny_data):
    torch.manual_seed(0)
    model, data = ResNet18(2), tiny_data(10)
    model.train()
    one, all_ = (predict(model, data, size, Hardware(torch.device("cpu"), "float32")) for size in (1, 10))
    torch.testing.assert_close(one, all_, rtol=1e-4, atol=1e-5)
    assert not model.training


def test_the_table_has_a_row_per_image(tiny_data):
    table = prediction_table(torch.tensor([[0.0, math.log(3)], [50.0, -50.0]]), tiny_data(2))
    assert table["image"].tolist() == ["image0", "image1"]
    np.testing.assert_allclose(table["probability"], [0.75, 0.0], atol=1e-12)
    assert table.columns[:6].tolist() == ["split", "source", "image", "patient", "label", "nuisance"]


def predictions(rows):
    """rows: image, label, nuisance, margin."""
    table = pd.DataFrame(rows, columns=["image", "label", "nuisance", "logit_1"])
    return table.assign(source="s", logit_0=0.0)


def test_scores_of_the_test_sets_by_hand():
    # A classifier that sees the nuisance, and a little of the label within group 1.
    a, b, c = ("a", 1, 0, 0.0), ("b", 0, 1, 1.0), ("c", 1, 1, 2.0)
    d, e = ("d", 0, 0, 0.0), ("e", 0, 1, 3.0)
    scores = score_tests(
        {
            "test": predictions([a, c, b, d]),
            "test_in_distribution": predictions([c, d]),
            "test_balanced": predictions([a, c, d, e]),
        }
    )
    assert scores == {
        "test_auc": (0 + 0.5 + 1 + 1) / 4,  # a: below b, ties with d; c: above both
        "test_in_distribution_auc": 1.0,
        "test_balanced_auc": (0.5 + 0 + 1 + 0) / 4,
        "within_0_auc": 0.5,  # a against d
        "within_1_auc": 0.5,  # c against b and e, each once although c is in three sets
        "floor_auc": 0.5,
    }


def test_the_floor_is_what_the_nuisance_alone_scores():
    rows = [(str(n), n % 2, n % 2 if n < 2 else 1 - n % 2, 0.0) for n in range(20)]  # one in ten of each class aligned
    scores = score_tests({"test": predictions(rows), "test_balanced": predictions([])})
    assert scores["floor_auc"] == pytest.approx(0.1)
    assert scores["test_balanced_auc"] is None


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=40))
def test_average_precision_is_scikit_learns_with_ties(pairs):
    labels, scores = np.array(pairs).T
    found = average_precision(scores, labels)
    if len(set(labels)) == 2:
        assert found == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    else:
        assert found is None


def test_a_random_order_has_the_average_precision_of_chance():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [1400, 600])
    found = [average_precision(rng.random(2000), labels) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.3, abs=0.005)


def test_measures_by_hand():
    """Cells by label and nuisance: both right, one of two right, none right; the fourth is empty."""
    rows = [("a", 1, 0, 3.0), ("b", 1, 0, 2.0), ("c", 0, 1, 1.0), ("d", 0, 1, -1.0), ("e", 1, 1, -2.0)]
    found = measures(predictions(rows), 1.0)
    assert found["prevalence"] == found["accuracy"] == pytest.approx(0.6)
    assert (found["worst_group_accuracy"], found["empty_cells"]) == (0.0, 1)
    assert found["auprc"] == pytest.approx((1 + 1 + 3 / 5) / 3)
    assert (found["ece"], found["ece_calibrated"]) == (found["ece_scaled"], found["ece_scaled_calibrated"])
    of_label = [3.0, 2.0, -1.0, 1.0, -2.0]
    assert found["brier"] == pytest.approx(np.mean([(1 / (1 + math.exp(margin))) ** 2 for margin in of_label]))


def test_all_test_sets_have_the_temperature_of_the_validation_set():
    valid = predictions([("v", 1, 0, 3.0), ("w", 0, 1, -2.0)])
    shifted = predictions([("a", 1, 0, 0.1), ("b", 0, 1, 0.2)])
    found = measure_tests({"test": shifted, "test_balanced": shifted.iloc[:0]}, valid)
    assert found["test"]["temperature"] == found["test_balanced"]["temperature"] == COLDEST
    assert found["test"]["ece_scaled"] == pytest.approx(
        (1 / (1 + math.exp(-20)) - 0) / 2 + 1 / (1 + math.exp(-10)) / 2 - 0.5, abs=1e-3
    )
    assert {value for name, value in found["test_balanced"].items() if name != "temperature"} == {None}
    assert measures(shifted.iloc[:1], 1.0)["auprc"] is None
