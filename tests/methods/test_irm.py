"""IRMv1 against the slope of each environment's risk, and the estimator against all draws of two images."""

from itertools import product

import pytest
import torch
from red_herring.methods import make_method
from red_herring.methods.irm import slope_of_scale
from support.small_classifier import Pixels, batch_of, cross_entropies, smooth


def penalty(batch, model):
    return make_method("irm", model, {"lr": 1e-2, "lambda": 1.0}).losses(batch, torch.Generator())["penalty"]


def slopes(logits, labels):
    """d loss(w z) / dw at 1, by central differences in float64, good to about 1e-10."""
    step = 1e-5
    above, below = (cross_entropies(scale * logits, labels) for scale in (1 + step, 1 - step))
    return [(high - low) / (2 * step) for high, low in zip(above, below, strict=True)]


def squared(own):
    """The mean product of two different images' slopes."""
    pairs = [one * other for i, one in enumerate(own) for j, other in enumerate(own) if i != j]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("cells", [[0, 1, 1, 2, 3], [0, 0, 3, 3], [0, 1, 2, 3, 3, 2, 1, 0, 0]])
def test_it_is_the_mean_over_the_groups_of_the_squared_slope(cells):
    model, batch = smooth(), batch_of(cells)
    each = slopes(model(batch.images), batch.labels)
    groups = [[slope for slope, cell in zip(each, cells, strict=True) if cell // 2 == group] for group in (0, 1)]
    assert penalty(batch, model).item() == pytest.approx(sum(map(squared, groups)) / 2, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("cells", [[0, 1, 0], [0, 1, 0, 2], [2, 3]])
def test_a_group_with_fewer_than_two_images_does_not_count(cells):
    model, batch = smooth(), batch_of(cells)
    each = slopes(model(batch.images), batch.labels)
    group = 1 if cells == [2, 3] else 0
    own = [slope for slope, cell in zip(each, cells, strict=True) if cell // 2 == group]
    assert penalty(batch, model).item() == pytest.approx(squared(own), rel=1e-6)


@pytest.mark.parametrize("cells", [[0], [0, 2], [1, 2]])
def test_without_two_images_of_any_group_it_is_classification(cells):
    model, batch = smooth(), batch_of(cells)
    found = penalty(batch, model)
    assert found.item() == 0
    assert all(not gradient.any() for gradient in torch.autograd.grad(found, list(model.parameters())))


def test_the_estimator_is_unbiased():
    """The mean over all draws of two images, with repetition, is the squared slope of all of them, to rounding."""
    logits = torch.tensor([[3.0, -1.0], [0.5, 0.2], [-2.0, 1.0], [1.0, 4.0], [0.0, -0.3]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 1, 0, 1])
    drawn = []
    for rows in product(range(5), repeat=2):
        batch = batch_of([0, 0], logits[list(rows)].view(2, 1, 1, 2))
        batch.labels.copy_(labels[list(rows)])
        drawn.append(penalty(batch, Pixels()).item())
    truth = slope_of_scale(logits, labels).mean().square().item()
    assert sum(drawn) / len(drawn) == pytest.approx(truth, rel=1e-12)
    biased = sum(
        slope_of_scale(logits, labels)[list(rows)].mean().square().item() for rows in product(range(5), repeat=2)
    )
    assert biased / 25 > 1.5 * truth, "or it makes no difference which form one takes"
    assert min(drawn) < 0, "as products of two slopes may be"


def test_a_classifier_that_is_the_best_of_its_scale_in_both_groups_has_none():
    """Logits (z, -z) of three right answers and one wrong: the best z has p = 3/4, so e^(2 z) = 3."""
    z = torch.tensor(3.0, dtype=torch.float64).log() / 2
    logits = torch.stack([z, -z]).expand(4, 2)
    labels = torch.tensor([0, 0, 0, 1])
    assert slope_of_scale(logits, labels).sum().item() == pytest.approx(0, abs=1e-12)
    assert abs(slope_of_scale(1.3 * logits, labels).sum().item()) > 0.1
