"""The discriminator of the nuisance, the reversal of its gradient, and the state of the two players."""

import copy

import pytest
import torch
import torch.nn.functional as F
from red_herring.methods import make_method
from red_herring.methods.dann import reverse_gradient
from red_herring.networks.resnet import ResNet18
from support.small_classifier import batch_of, cross_entropies, smooth

WEIGHT = 0.3
CELLS = [0, 1, 2, 2, 3, 0]


def method_of(model, lr=1e-2):
    torch.manual_seed(0)
    return make_method("dann", model, {"lr": lr, "lambda": WEIGHT, "discriminator_lr": 1e-3})


def in_float64():
    method = method_of(smooth())
    method.discriminator.double()
    return method


def gradients(loss, module):
    return torch.autograd.grad(
        loss, list(module.parameters()), retain_graph=True, materialize_grads=True, allow_unused=True
    )


def test_the_terms_are_two_cross_entropies():
    method, batch = in_float64(), batch_of(CELLS)
    terms = method.losses(batch, torch.Generator())
    of_labels = cross_entropies(method.model(batch.images), batch.labels)
    of_groups = cross_entropies(method.discriminator(method.model.features(batch.images)), batch.groups)
    assert terms["classification"].item() == pytest.approx(sum(of_labels) / len(CELLS), rel=1e-12)
    assert terms["discriminator"].item() == pytest.approx(sum(of_groups) / len(CELLS), rel=1e-12)


def test_the_classifier_climbs_what_the_discriminator_descends_lambda_times():
    method, batch = in_float64(), batch_of(CELLS)
    model, discriminator = method.model, method.discriminator
    plain = F.cross_entropy(discriminator(model.features(batch.images)), batch.groups)
    reversed_ = method.losses(batch, torch.Generator())["discriminator"]
    assert any(gradient.any() for gradient in gradients(plain, model)), "or there is nothing to compare"
    for found, of_plain in zip(gradients(reversed_, model), gradients(plain, model), strict=True):
        torch.testing.assert_close(found, -WEIGHT * of_plain, rtol=1e-10, atol=1e-15)
    for found, of_plain in zip(gradients(reversed_, discriminator), gradients(plain, discriminator), strict=True):
        torch.testing.assert_close(found, of_plain, rtol=1e-10, atol=1e-15)


def test_the_reversal_leaves_values_alone():
    x = torch.randn(3, 2, requires_grad=True)
    y = reverse_gradient(x, 2.0)
    assert torch.equal(x, y)
    y.backward(torch.ones(3, 2))
    assert torch.equal(x.grad, torch.full((3, 2), -2.0))


def test_both_step_once_on_the_gradients_of_the_same_weights():
    method, batch = in_float64(), batch_of(CELLS)
    model, discriminator = copy.deepcopy(method.model), copy.deepcopy(method.discriminator)
    features = model.features(batch.images)
    of_labels = F.cross_entropy(model.fc(features), batch.labels)
    of_groups = F.cross_entropy(discriminator(features), batch.groups)
    for _ in range(2):
        method.discriminator_optimizer.zero_grad()
    method.update(batch, torch.Generator())
    for mine, reference, loss, lr in (
        (method.model, model, of_labels - WEIGHT * of_groups, 1e-2),
        (method.discriminator, discriminator, of_groups, 1e-3),
    ):
        for weight, before, slope in zip(
            mine.parameters(), reference.parameters(), gradients(loss, reference), strict=True
        ):
            # The first step of Adam is lr * g / (|g| + eps).
            torch.testing.assert_close(weight, before - lr * slope / (slope.abs() + 1e-8), rtol=1e-7, atol=1e-10)


def test_the_discriminator_learns_the_group_of_features_that_stand_still():
    method = method_of(smooth().float(), lr=0.0)
    images = torch.zeros(8, 1, 3, 3)
    images[4:] = 1.0
    batch = batch_of([0, 1, 0, 1, 2, 3, 2, 3], images)
    losses = [method.update(batch, torch.Generator())["discriminator"].item() for _ in range(60)]
    assert losses[-1] < 0.2 < 0.5 < losses[0]


def test_its_whole_state_can_be_stored_and_restored():
    def advance(method, seeds):
        for seed in seeds:
            images = torch.randn(6, 1, 12, 12, generator=torch.Generator().manual_seed(seed))
            method.update(batch_of(CELLS, images), torch.Generator())

    model = ResNet18(1)
    method = method_of(model)
    advance(method, range(2))
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(method.state_dict())
    advance(method, range(2, 4))
    restored = ResNet18(1)
    restored.load_state_dict(weights)
    torch.manual_seed(1)
    again = make_method("dann", restored, {"lr": 1e-2, "lambda": WEIGHT, "discriminator_lr": 1e-3})
    again.load_state_dict(state)
    advance(again, range(2, 4))
    for one, other in ((model, restored), (method.discriminator, again.discriminator)):
        assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
