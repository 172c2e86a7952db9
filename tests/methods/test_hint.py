"""HINT against its ranking loss, pair by pair."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from support.small_classifier import Smooth, penalty_of, small_batch

penalty = partial(penalty_of, "hint")


def importances(model, image, label):
    """What each of the 2 x 2 positions adds to the logit of the label less that of the other, row by row."""
    maps = model._maps(image)[0]
    weight = model.fc.weight[label] - model.fc.weight[1 - label]
    return [(weight @ maps[:, row, column]).item() for row in range(2) for column in range(2)]


def ranking_loss(network, human):
    """Sum of |a_i - a_j| over the pairs that the network has in the wrong order, by how many pairs have one."""
    pairs = [(i, j) for i in range(len(human)) for j in range(len(human)) if human[i] > human[j]]
    wrong = [abs(network[i] - network[j]) for i, j in pairs if network[j] > network[i]]
    return sum(wrong) / len(pairs) if pairs else 0.0


def test_it_is_the_ranking_loss_in_float64():
    torch.manual_seed(0)
    model, batch = Smooth(stride=2).double(), small_batch(7, 4)
    expected = []
    for image, label, mask in zip(batch.images, batch.labels, batch.masks, strict=True):
        human = [
            mask[0, row : row + 2, column : column + 2].double().mean().item() for row in (0, 2) for column in (0, 2)
        ]
        expected.append(ranking_loss(importances(model, image.unsqueeze(0), label), human))
    assert min(expected) < max(expected), "or nothing is compared"
    assert penalty(model, batch).item() == pytest.approx(sum(expected) / len(batch), rel=1e-12)


def test_the_logit_of_the_label_counts():
    """With the other label all pairs that were in the wrong order are in the right one, and the other way round."""
    torch.manual_seed(0)
    model, batch = Smooth(stride=2).double(), small_batch(1, 4)
    mask = torch.zeros_like(batch.masks)
    mask[..., :2, :2] = True
    one, other = (penalty(model, replace(batch, masks=mask, labels=torch.tensor([label]))) for label in (0, 1))
    found = importances(model, batch.images, 1)
    assert (other - one).item() == pytest.approx(sum(value - found[0] for value in found[1:]) / 3)


@pytest.mark.parametrize("inside", [False, True])
def test_a_mask_that_ranks_nothing_adds_nothing(inside):
    batch = small_batch(4, 4)
    assert penalty(Smooth(2).double(), replace(batch, masks=torch.full_like(batch.masks, inside))).item() == 0
