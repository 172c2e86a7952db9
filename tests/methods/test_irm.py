"""IRMv1 against the slope of each environment's risk, its second derivatives, and what it does with a large weight."""

from itertools import product

import pytest
import torch
from red_herring.methods import make_method
from red_herring.methods.irm import slope_of_scale
from support.small_classifier import Classifier, Pixels, batch_of, cross_entropies, slopes, smooth


def penalty(batch, model):
    return make_method("irm", model, {"lr": 1e-2, "lambda": 1.0}).losses(batch, torch.Generator())["penalty"]


def slope_of_risk(logits, labels):
    """d R(w z) / dw at 1, by central differences in float64, good to about 1e-10."""
    step = 1e-5
    above, below = (cross_entropies(scale * logits, labels) for scale in (1 + step, 1 - step))
    return (sum(above) - sum(below)) / len(labels) / (2 * step)


@pytest.mark.parametrize(
    "cells", [[0, 1, 1, 2, 3], [0, 0, 3, 3], [0, 1, 0], [2, 3], [0], [0, 1, 0, 2], [0, 1, 2, 3, 3, 2, 1, 0, 0]]
)
def test_it_is_the_mean_over_the_groups_that_are_there_of_the_squared_slope(cells):
    model, batch = smooth(), batch_of(cells)
    logits = model(batch.images)
    members = [[row for row, cell in enumerate(cells) if cell // 2 == group] for group in (0, 1)]
    squares = [slope_of_risk(logits[rows], batch.labels[rows]) ** 2 for rows in members if rows]
    assert penalty(batch, model).item() == pytest.approx(sum(squares) / len(squares), rel=1e-6, abs=1e-12)


def test_its_derivatives_are_finite_differences():
    model, batch = smooth(), batch_of([0, 1, 2, 3, 3, 2, 1, 0, 0])
    found, expected = slopes(model, lambda: penalty(batch, model))
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_noise_of_a_batch_is_in_it():
    """Over all draws of two images, with repetition, its mean exceeds the square of all by half the slopes' variance."""
    logits = torch.tensor([[3.0, -1.0], [0.5, 0.2], [-2.0, 1.0], [1.0, 4.0], [0.0, -0.3]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 0, 1])
    drawn = []
    for rows in product(range(5), repeat=2):
        batch = batch_of([0, 0], logits[list(rows)].view(2, 1, 1, 2))
        batch.labels.copy_(labels[list(rows)])
        drawn.append(penalty(batch, Pixels()).item())
    each = slope_of_scale(logits, labels)
    expected = each.mean().square() + each.var(correction=0) / 2
    assert sum(drawn) / len(drawn) == pytest.approx(expected.item(), rel=1e-12)


class Free(Classifier):
    """Logits that are parameters, a pair for each of the images that `batch_of` gives."""

    def __init__(self, images):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(images, 2, dtype=torch.float64))
        self.logits.data[:, 1] = torch.linspace(-1, 1, images)

    def forward(self, x):
        return self.logits


def test_a_large_weight_drives_no_answer_far_to_the_wrong_side():
    """The penalty cannot be below 0, so that nothing is gained by it from answers that are sure and wrong."""
    model, batch = Free(8), batch_of([0, 1, 2, 3, 0, 1, 2, 3])
    method = make_method("irm", model, {"lr": 0.05, "lambda": 100.0})
    terms = [method.update(batch, torch.Generator()) for _ in range(1000)]
    assert min(term["penalty"].item() for term in terms) >= 0
    assert terms[-1]["classification"] < terms[0]["classification"]
    wrong_by = (model.logits[:, 1] - model.logits[:, 0]) * (1 - 2 * batch.labels)
    assert wrong_by.max() < 1


def test_a_classifier_that_is_the_best_of_its_scale_in_both_groups_has_none():
    """Logits (z, -z) of three right answers and one wrong: the best z has p = 3/4, so e^(2 z) = 3."""
    z = torch.tensor(3.0, dtype=torch.float64).log() / 2
    logits = torch.stack([z, -z]).expand(4, 2)
    labels = torch.tensor([0, 0, 0, 1])
    assert slope_of_scale(logits, labels).sum().item() == pytest.approx(0, abs=1e-12)
    assert abs(slope_of_scale(1.3 * logits, labels).sum().item()) > 0.1
    batch = batch_of([0, 0, 0, 1, 2, 2, 2, 3], torch.cat([logits, logits]).view(8, 1, 1, 2))
    assert penalty(batch, Pixels()).item() == pytest.approx(0, abs=1e-24)
