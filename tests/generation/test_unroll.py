"""The unrolled step: its gradient by finite differences and by equation 3, its sign, and what it leaves alone."""

import pytest
import torch
from red_herring.generation.detector import initialised_detector
from red_herring.generation.examples import Examples
from red_herring.generation.generator import Generator
from red_herring.generation.unroll import (
    evaluating,
    loss_of,
    parameters_of,
    stepped,
    unrolled_loss,
)
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

SIDE = 12
PLACES = torch.tensor([[2, 3, 8, 9], [1, 1, 7, 10]])
RATE = 0.01


class SmoothDetector(nn.Module):
    """Says where the middle of a box is, by functions that have all derivatives."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, stride=2)
        self.norm = nn.BatchNorm2d(3)
        self.last = nn.Linear(75, 2)

    def forward(self, images):
        return self.last(torch.tanh(self.norm(self.conv(images))).flatten(1))

    def loss(self, outputs, boxes):
        middles = torch.stack([(own[0, :2] + own[0, 2:]) / 2 for own in boxes]).to(outputs) / SIDE
        return (outputs - middles).square().mean()


def smooth(training=False):
    torch.manual_seed(0)
    detector = SmoothDetector().double()
    detector(torch.randn(4, 1, SIDE, SIDE, dtype=torch.float64))  # running statistics of their own
    return detector.train(training)


def real(training=False):
    return initialised_detector(1, 0).double().train(training)


def drawn(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))) * 2 - 1


def scene():
    """A generator that changes its images visibly, and what it makes as a function of its parameters."""
    torch.manual_seed(1)
    generator = Generator(SIDE, 2).double()
    with torch.no_grad():
        generator.last.weight.mul_(50)
    free, noise = drawn(2, 1, SIDE, SIDE) / 2, drawn(2, 1, SIDE, SIDE)
    shown = Examples(drawn(3, 1, SIDE, SIDE), list(torch.tensor([[[0, 0, 5, 6]], [[4, 5, 11, 12]], [[3, 3, 9, 9]]])))

    def generated():
        return Examples(generator(free, PLACES, noise), list(PLACES.unsqueeze(1)))

    return generator, generated, shown


def gradient_of(loss, generator):
    return parameters_to_vector(torch.autograd.grad(loss, list(generator.parameters())))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("make", [smooth, real])
def test_the_gradient_agrees_with_finite_differences(make, training):
    """Along the gradient and two other directions, of length 1, at the best of three steps; kinks spoil large ones."""
    detector, (generator, generated, shown) = make(training), scene()
    gradient = gradient_of(unrolled_loss(detector, generated(), shown, RATE), generator).detach()
    start = parameters_to_vector(generator.parameters()).detach()

    def loss_at(point):
        with torch.no_grad():
            vector_to_parameters(point, generator.parameters())
        return unrolled_loss(detector, generated(), shown, RATE).detach()

    for direction in (gradient, gradient.sign(), gradient * (1 + drawn(len(gradient)))):
        unit = direction / direction.norm()
        expected = gradient @ unit
        errors = [
            abs((loss_at(start + step * unit) - loss_at(start - step * unit)) / (2 * step) / expected - 1)
            for step in (1e-6, 1e-7, 1e-8)
        ]
        assert min(errors) <= 1e-6, errors


def test_the_gradient_is_that_of_equation_3():
    """With the matrix of mixed second derivatives written out, a row for each parameter of the detector."""
    detector, (generator, generated, shown) = smooth(), scene()
    made = generated()
    own = parameters_of(detector)
    gradients = torch.autograd.grad(loss_of(detector, own, made), list(own.values()), create_graph=True)
    each = parameters_to_vector(gradients)
    (mixed,) = torch.autograd.grad(
        each, made.images, torch.eye(len(each)).double(), retain_graph=True, is_grads_batched=True
    )

    after = {name: value.detach().requires_grad_() for name, value in stepped(detector, own, made, RATE).items()}
    on_real = parameters_to_vector(torch.autograd.grad(loss_of(detector, after, shown), list(after.values())))
    of_images = -RATE * torch.tensordot(on_real, mixed, dims=1)
    expected = parameters_to_vector(torch.autograd.grad(made.images, list(generator.parameters()), of_images))

    found = gradient_of(unrolled_loss(detector, generated(), shown, RATE), generator)
    assert found.norm() > 0
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("make", [smooth, real])
def test_a_small_step_of_the_generator_lowers_the_loss_on_real_images_after_the_detectors_step(make, training):
    """By about what the gradient says."""
    detector, (generator, generated, shown) = make(training), scene()
    before = unrolled_loss(detector, generated(), shown, RATE)
    gradient = gradient_of(before, generator)
    step = 1e-6 / gradient.norm()
    with torch.no_grad():
        vector_to_parameters(parameters_to_vector(generator.parameters()) - step * gradient, generator.parameters())
    after = unrolled_loss(detector, generated(), shown, RATE)
    assert (before - after).item() == pytest.approx((step * gradient.square().sum()).item(), rel=0.01)
    assert after < before


@pytest.mark.parametrize("make", [smooth, real])
def test_at_rate_zero_the_gradient_is_exactly_zero(make):
    detector, (generator, generated, shown) = make(), scene()
    loss = unrolled_loss(detector, generated(), shown, rate=0.0)
    assert loss == loss_of(detector, parameters_of(detector), shown)
    assert gradient_of(loss, generator).abs().max() == 0


def test_without_a_step_that_depends_on_it_the_generator_has_no_gradient():
    """From the loss on real images itself, and after an ordinary step, which forgets where its images came from."""
    detector, (generator, generated, shown) = smooth(), scene()
    own = parameters_of(detector)
    detached = {
        name: value.detach().requires_grad_() for name, value in stepped(detector, own, generated(), RATE).items()
    }
    for parameters in (own, detached):
        loss = loss_of(detector, parameters, shown)
        found = torch.autograd.grad(loss, list(generator.parameters()), allow_unused=True)
        assert all(gradient is None for gradient in found)


def test_the_inner_step_is_plain_gradient_descent_on_generated_images_only():
    detector, (_, generated, shown) = smooth(), scene()
    made = generated()
    expected = smooth()
    torch.autograd.backward(expected.loss(expected(made.images.detach()), made.boxes))
    after = stepped(detector, parameters_of(detector), made, 0.3)
    for name, value in expected.named_parameters():
        torch.testing.assert_close(after[name], (value - 0.3 * value.grad).detach())
    own = expected.state_dict() | {name: value.detach() for name, value in after.items()}
    expected.load_state_dict(own)
    found = unrolled_loss(detector, made, shown, 0.3)
    torch.testing.assert_close(found, expected.loss(expected(shown.images), shown.boxes))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("make", [smooth, real])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_detector_stays_as_it_is(make, training, frozen):
    """Its parameters, their gradients and the running statistics of its batch norm; frozen, it gives the same."""
    detector, (_, generated, shown) = make(training), scene()
    expected = unrolled_loss(make(training), generated(), shown, RATE)
    detector.requires_grad_(not frozen)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    loss = unrolled_loss(detector, generated(), shown, RATE)
    torch.autograd.backward(loss)
    assert loss == expected
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    assert all(parameter.grad is None for parameter in detector.parameters())


def test_each_pass_begins_with_the_running_statistics_as_they_are():
    """In training the second pass would otherwise find what the first one wrote."""
    detector, (_, generated, shown) = smooth(training=True), scene()
    own = parameters_of(detector)
    expected = loss_of(detector, own, shown)
    loss_of(detector, own, generated())
    assert loss_of(detector, own, shown) == expected


def test_evaluating_gives_the_mode_back_also_after_an_error():
    detector = smooth(training=True)
    with pytest.raises(RuntimeError), evaluating(detector):
        assert not detector.norm.training
        raise RuntimeError
    assert detector.norm.training
