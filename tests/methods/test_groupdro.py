"""Group DRO against the paper's algorithm, written down in float64, and its empty cells."""

import copy
import math

import pytest
import torch
from red_herring.methods import make_method
from red_herring.networks.resnet import CELLS, Batch, ResNet18
from torch import nn

STEP_SIZE = 0.1


class Tiny(nn.Module):
    """Logits of four pixels."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x.flatten(1))


def batch_of(cells, seed=0, dtype=torch.float32, size=2):
    cells = torch.tensor(cells)
    images = torch.randn(len(cells), 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return Batch(images, cells % 2, torch.zeros_like(images, dtype=torch.bool), cells // 2)


def method_of(model):
    return make_method("groupdro", model, {"lr": 1e-2, "group_step_size": STEP_SIZE})


def weights_of(method):
    return method.log_weights.exp().tolist()


def reference(model, batches):
    """Algorithm 1 in float64, image by image and cell by cell, with Adam written out; the robust losses and all q."""
    q, losses, weights = [1 / CELLS] * CELLS, [], [parameter.detach().clone() for parameter in model.parameters()]
    moments = [[torch.zeros_like(weight), torch.zeros_like(weight)] for weight in weights]
    for number, batch in enumerate(batches, 1):
        weights = [weight.requires_grad_() for weight in weights]
        of_cells = []
        for cell in range(CELLS):
            own = []
            for image, label, group in zip(batch.images, batch.labels, batch.groups, strict=True):
                if 2 * group + label == cell:
                    logits = weights[0] @ image.flatten() + weights[1]
                    own.append(-(logits[label] - logits.exp().sum().log()))
            of_cells.append(sum(own) / len(own) if own else torch.zeros((), dtype=torch.float64))
        q = [old * math.exp(STEP_SIZE * loss.item()) for old, loss in zip(q, of_cells, strict=True)]
        q = [one / sum(q) for one in q]
        robust = sum(one * loss for one, loss in zip(q, of_cells, strict=True))
        losses.append(robust.item())
        gradients = torch.autograd.grad(robust, weights)
        for index, gradient in enumerate(gradients):
            first, second = moments[index]
            first.mul_(0.9).add_(0.1 * gradient)
            second.mul_(0.999).add_(0.001 * gradient**2)
            step = (first / (1 - 0.9**number)) / ((second / (1 - 0.999**number)).sqrt() + 1e-8)
            weights[index] = weights[index].detach() - 1e-2 * step
    return losses, q, weights


CASES = {
    "all cells in every batch": [[0, 1, 2, 3, 3, 3], [0, 0, 1, 2, 2, 3], [3, 2, 1, 0]],
    "a cell missing in some batches": [[0, 0, 1, 3], [2, 2, 2], [0, 1, 1, 2, 3], [3]],
    "cells that never come": [[0, 0, 3], [3, 3, 0], [0], [3, 3]],
}


@pytest.mark.parametrize("cells", CASES.values(), ids=CASES)
def test_it_is_algorithm_1_in_float64(cells):
    torch.manual_seed(0)
    batches = [batch_of(some, seed, torch.float64) for seed, some in enumerate(cells)]
    model = Tiny().double()
    expected_losses, expected_q, expected_weights = reference(copy.deepcopy(model), batches)
    method = method_of(model)
    method.log_weights = method.log_weights.double()
    found = [method.update(batch, torch.Generator())["robust"].item() for batch in batches]
    # log(1 / 4) was rounded to float32 once, which log_softmax takes out again.
    assert found == pytest.approx(expected_losses, rel=1e-9)
    assert weights_of(method) == pytest.approx(expected_q, rel=1e-9)
    for weight, expected in zip(model.parameters(), expected_weights, strict=True):
        torch.testing.assert_close(weight.detach(), expected, rtol=1e-7, atol=1e-10)


def test_a_cell_that_never_comes_leaves_the_ratio_of_the_others_alone():
    method = method_of(Tiny())
    losses = []
    for seed in range(5):
        batch = batch_of([0, 3, 3], seed)
        with torch.no_grad():
            each = nn.functional.cross_entropy(method.model(batch.images), batch.labels, reduction="none")
        losses.append((each[0] - each[1:].mean()).item())
        method.update(batch, torch.Generator())
    q = weights_of(method)
    assert q[0] / q[3] == pytest.approx(math.exp(STEP_SIZE * sum(losses)), rel=1e-5)
    assert q[1] == pytest.approx(q[2])
    assert 0 < q[1] < min(q[0], q[3])
    assert sum(q) == pytest.approx(1)


def test_the_worst_cell_gains_weight_and_the_mean_loss_is_told_as_of_any_method():
    model = Tiny()
    with torch.no_grad():
        model.fc.weight.zero_()
        model.fc.bias.copy_(torch.tensor([2.0, 0.0]))  # label 0 whatever the image
    method, batch = method_of(model), batch_of([0, 1, 2, 2])
    plain = nn.functional.cross_entropy(model(batch.images), batch.labels).item()
    terms = method.update(batch, torch.Generator())
    assert terms["classification"].item() == pytest.approx(plain)
    assert not any(term.requires_grad for term in terms.values())
    q = weights_of(method)
    assert q[1] == max(q)
    assert q[3] == min(q)


def test_a_huge_loss_is_no_nan():
    method = method_of(Tiny())
    batch = batch_of([0, 1, 2, 3])
    batch.images.mul_(1e6)
    for _ in range(3):
        assert method.update(batch, torch.Generator())["robust"].isfinite()
    assert sum(weights_of(method)) == pytest.approx(1)


def test_its_weights_are_part_of_its_state():
    def advance(method, seeds):
        for seed in seeds:
            method.update(batch_of([0, 1, 2, 3, 0, 0], seed, size=12), torch.Generator())

    torch.manual_seed(0)
    model = ResNet18(1)
    method = method_of(model)
    advance(method, range(2))
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(method.state_dict())
    assert len(set(weights_of(method))) == CELLS, "or there is nothing to restore"
    advance(method, range(2, 4))
    restored = ResNet18(1)
    restored.load_state_dict(weights)
    again = method_of(restored)
    again.load_state_dict(state)
    advance(again, range(2, 4))
    assert torch.equal(again.log_weights, method.log_weights)
    assert all(torch.equal(value, restored.state_dict()[key]) for key, value in model.state_dict().items())
