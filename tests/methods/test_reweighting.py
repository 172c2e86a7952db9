"""Reweighting against sums over images, and its cells without images."""

import pytest
import torch
from red_herring.methods import make_method
from support.small_classifier import batch_of, cross_entropies, smooth

TRAINING = [0] * 6 + [1] + [2] * 2 + [3] * 11
"""The cells of 20 training images."""


def method_of(model, training):
    method = make_method("reweighting", model, {"lr": 1e-2})
    method.start(torch.tensor(training))
    return method


def test_each_image_weighs_by_the_size_of_its_cell_in_training():
    model, batch = smooth(), batch_of([0, 0, 1, 2, 3, 3, 3])
    each = cross_entropies(model(batch.images), batch.labels)
    # 20 images in four cells, so a cell's weights sum to 5.
    weights = [5 / TRAINING.count(cell) for cell in batch.cells.tolist()]
    terms = method_of(model, TRAINING).losses(batch, torch.Generator())
    expected = sum(weight * loss for weight, loss in zip(weights, each, strict=True)) / len(each)
    assert terms["weighted"].item() == pytest.approx(expected, rel=1e-12)
    assert terms["classification"].item() == pytest.approx(sum(each) / len(each), rel=1e-12)
    assert not terms["classification"].requires_grad, "shown, not minimised"


@pytest.mark.parametrize("training", [TRAINING, [0] * 3 + [3] * 5, [2], [0, 1, 3, 3]])
def test_the_weights_are_one_on_the_mean_over_the_training_images(training):
    weights = method_of(smooth(), training).weights
    assert weights[torch.tensor(training)].mean().item() == pytest.approx(1)
    assert all((weights[cell] > 0) == (cell in training) for cell in range(4))
    sums = [weights[cell].item() * training.count(cell) for cell in set(training)]
    assert sums == pytest.approx([len(training) / len(sums)] * len(sums)), "all cells count the same"


def test_with_two_cells_of_one_size_it_is_classification():
    """As at ratio 1."""
    batch, found = batch_of([0, 3, 3, 0, 3]), []
    for method in (method_of(smooth(), [0] * 10 + [3] * 10), make_method("classification", smooth(), {"lr": 1e-2})):
        method.update(batch, torch.Generator())
        found.append(torch.cat([weight.flatten() for weight in method.model.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


def test_the_step_minimises_the_weighted_loss():
    model, batch = smooth(), batch_of([0, 1, 3, 3])
    method = method_of(model, TRAINING)
    weights = torch.tensor([5 / TRAINING.count(cell) for cell in batch.cells.tolist()], dtype=torch.float64)
    reference = smooth()
    logarithms = reference(batch.images).log_softmax(dim=1)
    (-(weights * logarithms[torch.arange(4), batch.labels]).mean()).backward()
    method.update(batch, torch.Generator())
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        # The first step of Adam is lr * g / (|g| + eps).
        torch.testing.assert_close(
            ours, theirs - 1e-2 * theirs.grad / (theirs.grad.abs() + 1e-8), rtol=1e-8, atol=1e-10
        )
