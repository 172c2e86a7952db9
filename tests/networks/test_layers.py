"""Layers that cost less than PyTorch's and compute the same."""

import copy

import pytest
import torch
from benchmarks.plain import of_pytorch
from red_herring.networks import layers
from red_herring.networks.resnet import ResNet18
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

GEOMETRIES = [(3, 1, 1), (3, 2, 1), (1, 2, 0)]
"""Kernel, stride and padding of the convolutions of a ResNet."""


def double(*shape):
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def native(model):
    """The same model of PyTorch's own layers."""
    return of_pytorch(copy.deepcopy(model))


@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_convolution_has_right_first_and_second_derivatives(kernel, stride, padding):
    torch.manual_seed(0)
    inputs = double(2, 2, 5, 5), double(3, 2, kernel, kernel)

    def convolution(x, weight):
        return layers._Convolution.apply(x, weight, stride, padding)

    assert gradcheck(convolution, inputs)
    assert gradgradcheck(convolution, inputs)


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (1, 0), (3, 0)])
def test_a_frozen_convolution_of_few_channels_has_right_first_and_second_derivatives(kernel, padding):
    torch.manual_seed(0)
    convolution = layers.Conv2d(2, 3, kernel, padding=padding).double().requires_grad_(False)
    x = double(2, 2, 5, 5)
    assert type(convolution(x).grad_fn).__name__ == "_FrozenConvolutionBackward"
    expected = nn.functional.conv2d(x, convolution.weight, padding=padding)
    assert torch.equal(convolution(x), expected)
    slopes = torch.randn_like(expected)
    gradients = (torch.autograd.grad((y * slopes).sum(), x)[0] for y in (convolution(x), expected))
    torch.testing.assert_close(*gradients)
    assert gradgradcheck(lambda x: convolution(x).square(), x)


def test_normalisation_has_right_first_and_second_derivatives():
    torch.manual_seed(0)
    inputs = double(3, 2, 3, 3), double(2), double(2)

    def normalisation(x, weight, bias):
        running = torch.zeros(2).double(), torch.ones(2).double()
        return layers._Normalisation.apply(x, weight, bias, *running, 0.1, 1e-5)

    assert gradcheck(normalisation, inputs)
    assert gradgradcheck(normalisation, inputs)


def penalised_gradients(model, images):
    """The gradients of all parameters of a penalty on the input gradient, and the logits."""
    model.train()
    images = images.clone().requires_grad_()
    logits = model(images)
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), images, create_graph=True)
    (logits.logsumexp(1).mean() + gradient.square().sum()).backward()
    return logits, [parameter.grad for parameter in model.parameters()]


def test_a_penalised_gradient_trains_the_network_as_with_pytorchs_layers():
    """In float64, so that what differs is no rounding."""
    torch.manual_seed(0)
    model, images = ResNet18(2).double(), torch.rand(4, 1, 16, 16).double()
    reference = native(model)
    (mine, my_gradients), (theirs, their_gradients) = (penalised_gradients(net, images) for net in (model, reference))
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(my_gradients, their_gradients, rtol=1e-6, atol=1e-9)
    for name, statistic in reference.named_buffers():
        torch.testing.assert_close(dict(model.named_buffers())[name], statistic)


def test_an_input_gradient_computes_no_gradient_of_weights(monkeypatch):
    asked = []
    original = layers._gradients
    monkeypatch.setattr(layers, "_gradients", lambda *given: asked.append(given[-1]) or original(*given))
    images = torch.rand(4, 1, 16, 16, requires_grad=True)
    logits = ResNet18(1)(images)
    torch.autograd.grad(logits.sum(), images, create_graph=True)
    assert asked
    assert not any(asked)


def test_weights_can_be_among_the_inputs_of_a_gradient():
    images, model = torch.rand(4, 1, 16, 16, requires_grad=True), ResNet18(1)
    found = torch.autograd.grad(model(images).sum(), [images, *model.parameters()], create_graph=True)
    assert all(torch.isfinite(gradient).all() for gradient in found)


@pytest.mark.parametrize(("kernel", "stride", "padding"), GEOMETRIES)
def test_the_weight_gradient_as_a_product_is_that_of_the_convolution(kernel, stride, padding):
    """On whole numbers, of which bfloat16 loses none: sums of products stay below 256."""
    torch.manual_seed(0)
    x = torch.randint(-1, 2, (3, 4, 7, 7)).to(torch.bfloat16)
    weight = torch.zeros(5, 4, kernel, kernel, dtype=torch.bfloat16)
    gradient = torch.randint(-1, 2, nn.functional.conv2d(x, weight, None, stride, padding).shape).to(torch.bfloat16)
    found = layers._weight_gradient_as_product(gradient, x, weight, (stride, padding))
    expected = torch.nn.grad.conv2d_weight(x.double(), weight.shape, gradient.double(), stride, padding)
    assert torch.equal(found.double(), expected)


def test_two_batches_in_one_pass_are_as_one_after_the_other():
    torch.manual_seed(0)
    images, others = torch.rand(2, 6, 1, 16, 16)
    together = ResNet18(2).train()
    apart = copy.deepcopy(together)
    expected = apart.features(images), apart.features(others)
    torch.testing.assert_close(together.features_of_both(images, others), expected, rtol=1e-4, atol=1e-5)
    for name, statistic in apart.named_buffers():
        torch.testing.assert_close(dict(together.named_buffers())[name], statistic, rtol=1e-4, atol=1e-6)
    together.eval(), apart.eval()
    expected = apart.features(images), apart.features(others)
    torch.testing.assert_close(together.features_of_both(images, others), expected, rtol=1e-4, atol=1e-5)


def test_in_bfloat16_the_gradients_are_as_near_to_float32_as_with_pytorchs_layers():
    """An untrained network magnifies roundings of 0.4 % to angles of 20 degrees, its own and PyTorch's alike."""
    torch.manual_seed(0)
    model, images = ResNet18(16), torch.rand(16, 1, 28, 28)
    reference = native(model)
    (exact, expected) = penalised_gradients(copy.deepcopy(model), images)
    with torch.autocast("cpu", torch.bfloat16):
        (logits, mine), (_, theirs) = (penalised_gradients(net, images) for net in (model, reference))
    assert logits.dtype == exact.dtype == torch.float32
    assert all(gradient.dtype == torch.float32 for gradient in mine)
    near, as_near = (cosine(found, expected) for found in (mine, theirs))
    assert near > as_near - 0.01
    assert as_near > 0.8  # or nothing is compared


def cosine(gradients, others):
    flat = (torch.cat([gradient.flatten() for gradient in found]) for found in (gradients, others))
    return nn.functional.cosine_similarity(*flat, dim=0)


def test_folded_normalisations_change_no_logit_and_no_gradient():
    torch.manual_seed(0)
    model, images = ResNet18(2), torch.rand(8, 1, 16, 16, requires_grad=True)
    for _ in range(3):
        model(torch.rand(8, 1, 16, 16))  # statistics that are not those of a new model
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias)
            nn.init.uniform_(module.weight, 0.5, 2.0)
    model._compiled = model._features
    folded = model.eval().folded()
    assert folded._compiled is None
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    torch.testing.assert_close(folded(images), model(images), rtol=1e-4, atol=1e-5)
    gradients = (torch.autograd.grad(net(images)[:, 1].sum(), images)[0] for net in (folded, model))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)


def test_the_spectral_norm_is_that_of_pytorch():
    torch.manual_seed(0)
    mine = layers.SpectralLinear(6, 4)
    theirs = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 4))
    theirs.parametrizations.weight.original.data.copy_(mine.weight.data)
    theirs.bias.data.copy_(mine.bias.data)
    for _ in range(100):  # both estimates end at the largest singular value
        mine(torch.zeros(1, 6)), theirs(torch.zeros(1, 6))
    x = torch.randn(5, 6, requires_grad=True)
    y, expected = mine(x), theirs(x)
    torch.testing.assert_close(y, expected)
    assert torch.linalg.matrix_norm(mine.weight, 2).item() == pytest.approx(
        (mine.left @ mine.weight @ mine.right).item(), rel=1e-5
    )
    for found, wanted in zip(
        torch.autograd.grad(y.square().sum(), [x, mine.weight, mine.bias]),
        torch.autograd.grad(expected.square().sum(), [x, theirs.parametrizations.weight.original, theirs.bias]),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    before = mine.eval().left.clone()
    mine(x)
    assert torch.equal(mine.left, before)


def test_a_singular_value_is_estimated_at_every_pass_in_training():
    torch.manual_seed(0)
    layer = layers.SpectralLinear(6, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(4, 6))
    before = layer.left.clone()
    layer(torch.zeros(1, 6))
    assert not torch.equal(layer.left, before)


def test_once_differentiated_it_is_pytorchs_own_to_the_bit():
    torch.manual_seed(0)
    model, images = ResNet18(2).train(), torch.rand(4, 1, 16, 16)
    reference = native(model)
    for net in (model, reference):
        net(images).logsumexp(1).sum().backward()
    for mine, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        assert torch.equal(mine.grad, theirs.grad)
    for mine, theirs in zip(model.buffers(), reference.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_two_batches_in_one_pass_have_one_shape():
    with pytest.raises(ValueError, match="have one shape, not"):
        ResNet18(1).features_of_both(torch.rand(4, 1, 16, 16), torch.rand(2, 1, 16, 16))


def test_one_value_per_channel_is_refused_as_by_pytorch():
    images = torch.rand(1, 1, 8, 8)
    for image in (images, images.clone().requires_grad_()):
        with pytest.raises(ValueError, match="value per channel"):
            ResNet18(1).train()(image)
