"""Attribution maps."""

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import FeatureAblation, GuidedGradCam
from red_herring.data.dataset import Dataset
from red_herring.networks.masker import initialised_masker
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency import attribution
from red_herring.saliency.attribution import Request, attribute
from red_herring.saliency.attributions import integrated_gradients
from red_herring.saliency.attributions.integrated_gradients import completeness_error
from red_herring.study.catalogue import attribution_card, attribution_names
from scipy import ndimage, special
from torch import nn

CPU = Hardware(torch.device("cpu"), "float32")
ATTRIBUTIONS = attribution_names()
CONTROLS = [name for name in ATTRIBUTIONS if attribution_card(name).control]
OF_THE_MODEL = [name for name in ATTRIBUTIONS if name not in CONTROLS]


class Linear(nn.Module):
    """Logits are weighted sums of the pixels. weights: [2, height, width]."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights.flatten(1))

    def forward(self, x):
        return x.flatten(1) @ self.weights.T


class Function(nn.Module):
    """y1 is a given function of the images, y0 is always larger, so that no map is of it by way of the arg-max."""

    def __init__(self, logit, **modules):
        super().__init__()
        self.logit = logit
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        y1 = self.logit(self, x)
        return torch.stack([2 * y1.abs() + 9, y1], dim=1)


def explain(name, model, data, sigma=0.0, batch_size=4, described="model.safetensors", **options):
    return attribute(name, model, data, sigma, batch_size, CPU, described, **options)


def signed_maps(name, model, data):
    return attribution.explain(name, model, data, 4, CPU, "model.safetensors").maps


def pixels(data):
    return data.batch(slice(None)).images.squeeze(1).numpy()


def with_weights(convolution, values):
    with torch.no_grad():
        convolution.weight.copy_(torch.as_tensor(values, dtype=torch.float32).view_as(convolution.weight))
    return convolution


@pytest.fixture
def rough():
    """A small ResNet with biases, as without these the gradient is the same all along the path from zero."""
    torch.manual_seed(0)
    model = ResNet18(4)
    model.masker = initialised_masker(4, "all", 16, seed=0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.5)
    return model.eval()


def test_the_controls_are_those_of_the_documents():
    assert CONTROLS == ["centre_prior", "edges", "edges_x_input", "random"]
    assert len(OF_THE_MODEL) == 10


@pytest.mark.parametrize("name", ["gradient", "smoothgrad"])
def test_of_a_linear_model_they_are_the_weights_of_the_positive_class(name, tiny_data):
    weights = torch.randn(2, 16, 16)
    maps = explain(name, Linear(weights), tiny_data(6)).maps
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, np.broadcast_to(weights[1].abs(), (6, 16, 16)), rtol=1e-5)


@pytest.mark.parametrize("name", ["integrated_gradients", "gradient_x_input"])
def test_of_a_linear_model_they_are_each_pixels_share_of_the_logit(name, tiny_data):
    weights, data = torch.randn(2, 16, 16), tiny_data(6)
    done = explain(name, Linear(weights), data)
    np.testing.assert_allclose(done.maps, np.abs(pixels(data) * weights[1].numpy()), rtol=1e-5, atol=1e-7)
    if name == "integrated_gradients":
        assert (done.details["steps"] == 16).all()
        assert (done.details["completeness_error"] < 1e-4).all()
    else:
        assert done.details.shape == (6, 0)


@pytest.mark.parametrize(
    ("name", "multiplied"),
    [
        ("gradient", False),
        ("smoothgrad", False),
        ("local_integrated_gradients", False),
        ("integrated_gradients", True),
        ("gradient_x_input", True),
    ],
)
def test_signed_maps_of_a_linear_model_are_its_weights_or_these_times_the_image(name, multiplied, tiny_data):
    weights, data = torch.randn(2, 16, 16), tiny_data(6)
    expected = weights[1].numpy() * (pixels(data) if multiplied else np.ones((6, 1, 1)))
    assert (expected < 0).any()
    maps = signed_maps(name, Linear(weights), data)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["guided_backprop", "occlusion", "edges"])
def test_absolute_maps_are_the_signed_ones_without_their_sign_then_smoothed(name, rough, tiny_data):
    data = tiny_data(3)
    sigma = 1.0 if attribution_card(name).smoothed else 0.0
    expected = [ndimage.gaussian_filter(np.abs(map_), sigma) for map_ in signed_maps(name, rough, data)]
    np.testing.assert_array_equal(explain(name, rough, data, sigma=1.0).maps, expected)


def test_occlusion_by_what_is_there_already_is_exactly_zero(rough, tiny_data):
    data = tiny_data(2)
    data.levels[:, :8] = 0
    map_ = explain("occlusion", rough, data).maps
    assert (map_[:, :8] == 0).all()
    assert (map_[:, 8:] > 0).any()


def test_gradient_of_a_convolution_with_relu_and_sum_is_a_sum_of_weights_where_it_is_active(tiny_data):
    data = tiny_data(3)
    kernel = np.random.default_rng(0).standard_normal((3, 3))
    convolution = with_weights(nn.Conv2d(1, 1, 3, padding=1, bias=False), kernel)
    model = Function(lambda self, x: self.relu(self.conv(x)).sum((1, 2, 3)), conv=convolution, relu=nn.ReLU())
    expected = np.zeros((3, 16, 16))
    for image, map_ in zip(pixels(data), expected, strict=True):
        for row in range(16):
            for column in range(16):
                seen = [
                    (row + k, column + j, kernel[k + 1, j + 1])
                    for k in (-1, 0, 1)
                    for j in (-1, 0, 1)
                    if 0 <= row + k < 16 and 0 <= column + j < 16
                ]
                if sum(weight * image[i, j] for i, j, weight in seen) > 0:
                    for i, j, weight in seen:
                        map_[i, j] += weight
    np.testing.assert_allclose(explain("gradient", model, data).maps, np.abs(expected), rtol=1e-4, atol=1e-5)


def test_a_convolution_with_relu_and_sum_draws_edges_in_at_most_512_values(tiny_data):
    """The weights are powers of two, so that sums of any of them are exact, and one of their own each."""
    kernel = 2.0 ** np.arange(9) * [1, -1, 1, -1, 1, -1, -1, -1, 1]
    convolution = with_weights(nn.Conv2d(1, 1, 3, padding=1, bias=False), kernel)
    model = Function(lambda self, x: self.relu(self.conv(x)).sum((1, 2, 3)), conv=convolution, relu=nn.ReLU())
    random = np.random.default_rng(0)
    levels = random.integers(1, 255, (4, 60, 60), dtype=np.uint8)
    levels[3] = np.kron(random.integers(1, 255, (5, 5)), np.ones((12, 12)))
    data = Dataset(levels, np.ones((60, 60), bool), tiny_data(4).table, (0.0, 1.0))
    maps = signed_maps("gradient", model, data)
    values = np.unique(maps[:, 1:-1, 1:-1])
    sums = np.ravel(sum(np.ix_(*[[0, weight] for weight in kernel])))
    assert 100 < len(values) <= 512
    assert np.isin(values, sums).all()
    inner = maps[3].reshape(5, 12, 5, 12)[:, 2:-2, :, 2:-2]
    assert (inner == inner[:, :1, :, :1]).all()
    assert len(np.unique(maps[3])) > 2


def test_guided_backprop_is_not_the_gradient(rough, tiny_data):
    gradient, guided = (signed_maps(name, rough, tiny_data(6)) for name in ("gradient", "guided_backprop"))
    assert np.abs(guided - gradient).max() > 0.5 * np.abs(gradient).max()
    assert np.corrcoef(gradient.ravel(), guided.ravel())[0, 1] < 0.5


def test_guided_backprop_drops_negative_values_at_each_relu(tiny_data):
    """a, b, e = 2x, x, 4x; c = ReLU(a - b) = x; d = e; y1 = sum 3c - 5d, so dy1/dx = 3 (2 - 1) - 5 * 4. Guided, -5 stops
    at d and -3 at b: 3 * 2.
    """
    first = with_weights(nn.Conv2d(1, 3, 1, bias=False), [2, 1, 4])
    second = with_weights(nn.Conv2d(3, 2, 1, bias=False), [1, -1, 0, 0, 0, 1])
    last = with_weights(nn.Conv2d(2, 1, 1, bias=False), [3, -5])
    layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)
    model, data = Function(lambda self, x: self.layers(x).sum((1, 2, 3)), layers=layers), tiny_data(3)
    lit = pixels(data) > 0
    np.testing.assert_allclose(explain("gradient", model, data).maps, 17 * lit, rtol=1e-6)
    np.testing.assert_allclose(explain("guided_backprop", model, data).maps, 6 * lit, rtol=1e-6)


def test_grad_cam_is_the_naive_sum_of_activations_upsampled(tiny_data):
    torch.manual_seed(0)
    slopes = torch.randn(3, 4, 4)
    model = Function(lambda self, x: (self.layer4(x) * slopes).sum((1, 2, 3)), layer4=nn.Conv2d(1, 3, 4, stride=4))
    data = tiny_data(5)
    activations = model.layer4(data.batch(slice(None)).images).detach().double().numpy()
    alphas = slopes.double().mean((1, 2)).numpy()
    coarse = np.zeros((5, 4, 4))
    for image in range(5):
        for channel in range(3):
            coarse[image] += alphas[channel] * activations[image, channel]
    coarse = np.maximum(coarse, 0)
    expected = np.zeros((5, 16, 16))
    for row in range(16):
        for column in range(16):
            y, x = (min(max((place + 0.5) / 4 - 0.5, 0), 3) for place in (row, column))
            for i in range(4):
                for j in range(4):
                    expected[:, row, column] += max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j)) * coarse[:, i, j]
    assert (coarse == 0).any()
    assert (coarse > 0).any()
    np.testing.assert_allclose(explain("grad_cam", model, data).maps, expected, rtol=1e-4, atol=1e-5)


def test_guided_grad_cam_is_the_product_of_both_and_captums(rough, tiny_data):
    data = tiny_data(3)
    maps = explain("guided_grad_cam", rough, data).maps
    product = explain("guided_backprop", rough, data).maps * explain("grad_cam", rough, data).maps
    images = data.batch(slice(None)).images.requires_grad_()
    with pytest.warns(UserWarning, match="Setting backward hooks"):
        theirs = GuidedGradCam(rough, rough.layer4).attribute(images, target=1, interpolate_mode="bilinear")
    assert maps.max() > 0
    np.testing.assert_allclose(maps, product, rtol=1e-5)
    np.testing.assert_allclose(maps, theirs.abs().squeeze(1).detach().numpy(), rtol=1e-3, atol=1e-6)


def test_smoothgrad_is_the_mean_of_fifty_gradients_at_noise_of_a_share_of_the_range(tiny_data):
    """Of y1 = sum x^2 + 9x it is |2x + 9 + 2 mean(noise)|, whose variance about 2x + 9 is 4 sigma^2 / 50."""
    model, data = Function(lambda self, x: (x**2 + 9 * x).sum((1, 2, 3))), tiny_data(16)
    images = pixels(data)
    noise = explain("smoothgrad", model, data).maps - (2 * images + 9)
    sigma = 0.15 * (images.max(axis=(1, 2)) - images.min(axis=(1, 2)))
    assert (noise**2 / sigma[:, None, None] ** 2).mean() == pytest.approx(4 / 50, rel=0.1)
    assert len(np.unique(sigma)) > 1


@pytest.mark.parametrize("name", ["smoothgrad", "random"])
def test_noise_is_of_the_seed_and_the_image(name, rough, tiny_data):
    one = tiny_data(1)
    data = one.subset(np.zeros(4, int))
    first = explain(name, rough, data, batch_size=4, seed=3).maps
    torch.manual_seed(99)
    np.testing.assert_allclose(explain(name, rough, data, batch_size=3, seed=3).maps, first, rtol=1e-3, atol=1e-6)
    everything = [*first, *explain(name, rough, data, seed=4).maps]
    scale = np.abs(first).max()
    for i, map_ in enumerate(everything):
        for other in everything[:i]:
            assert np.abs(map_ - other).max() > 0.02 * scale


def test_random_is_uniform(rough, tiny_data):
    values = explain("random", rough, tiny_data(20)).maps
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    assert counts.sum() == values.size
    assert np.abs(counts / values.size - 0.1).max() < 0.015


@pytest.mark.parametrize("size", [15, 16])
def test_centre_prior_is_a_gaussian_in_the_middle(size, rough, tiny_data):
    maps = explain("centre_prior", rough, tiny_data(2, size)).maps
    map_, centre, sigma = maps[0], (size - 1) / 2, size / 4
    np.testing.assert_array_equal(maps[1], map_)
    for symmetric in (map_[::-1], map_[:, ::-1], map_.T):
        np.testing.assert_allclose(map_, symmetric, rtol=1e-6)
    assert map_.max() == map_[size // 2, size // 2]
    distance = (2 - centre) ** 2 + (5 - centre) ** 2
    assert map_[2, 5] == pytest.approx(np.exp(-distance / (2 * sigma**2)), rel=1e-5)


def test_edges_are_the_sobel_magnitude_within_each_image(rough, tiny_data):
    data = tiny_data(3)
    expected = [np.hypot(ndimage.sobel(image, 0), ndimage.sobel(image, 1)) for image in pixels(data)]
    np.testing.assert_allclose(explain("edges", rough, data).maps, expected, rtol=1e-4, atol=1e-6)


def test_edges_x_input_are_the_edges_times_the_image(rough, tiny_data):
    data = tiny_data(3)
    expected = [image * np.hypot(ndimage.sobel(image, 0), ndimage.sobel(image, 1)) for image in pixels(data)]
    np.testing.assert_allclose(signed_maps("edges_x_input", rough, data), expected, rtol=1e-4, atol=1e-6)


def naive_integrated_gradients(model, image, steps, start=0.0, end=1.0):
    """Signed map [height, width] of a piece of the way, one point at a time."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(image)
    for node, weight in zip(nodes, weights, strict=True):
        point = ((start + (end - start) * (1 + node) / 2) * image).requires_grad_()
        total += (end - start) * weight / 2 * torch.autograd.grad(model(point)[0, 1], point)[0]
    return (total * image)[0, 0].numpy()


def signed(model, images, steps="adaptive"):
    request = Request(model.eval(), images, range(len(images)), 16, 0, steps)
    return integrated_gradients.explain(request)


@pytest.mark.slow
def test_integrated_gradients_are_complete_and_report_their_own_error(rough, tiny_data):
    images = tiny_data(6).batch(slice(None)).images
    maps, details = signed(rough, images)
    model, images = rough.double(), images.double()
    black = model(torch.zeros_like(images[:1]))[0, 1].item()
    for row, map_ in enumerate(maps[:, 0].double().numpy()):
        change = model(images[row : row + 1])[0, 1].item() - black
        error = abs(map_.sum() - change) / max(abs(change), 0.1 * np.abs(map_).sum())
        assert details["completeness_error"][row].item() == pytest.approx(error, abs=1e-4)
        assert error <= 0.01
        fine = naive_integrated_gradients(model, images[row : row + 1], 1000)
        np.testing.assert_allclose(map_, fine, atol=0.05 * np.abs(fine).max())  # 1 % of the sum


def test_local_integrated_gradients_are_the_mean_of_gradients_and_integrated_ones_that_times_the_image(
    rough, tiny_data
):
    data = tiny_data(3)
    local = attribution.explain("local_integrated_gradients", rough, data, 4, CPU, "the model")
    whole = attribution.explain("integrated_gradients", rough, data, 4, CPU, "the model")
    np.testing.assert_allclose(pixels(data) * local.maps, whole.maps, rtol=1e-5, atol=1e-8)
    pd.testing.assert_frame_equal(local.details, whole.details)
    model = rough.double()
    for image, map_ in zip(data.batch(slice(None)).images.double(), local.maps, strict=True):
        points = ((torch.arange(500).double() + 0.5).view(-1, 1, 1, 1) / 500 * image).requires_grad_()
        (gradients,) = torch.autograd.grad(model(points)[:, 1].sum(), points)
        expected = gradients.mean(0)[0].numpy()
        np.testing.assert_allclose(map_, expected, atol=0.05 * np.abs(expected).max())


def test_only_the_ways_of_incomplete_images_are_halved(rough, tiny_data):
    images = tiny_data(8).batch(slice(None)).images
    adaptive, fixed = signed(rough, images), signed(rough, images, steps=16)
    complete = fixed.details["completeness_error"] <= 0.01
    assert complete.any()
    assert not complete.all()
    steps = adaptive.details["steps"]
    assert (steps[complete] == 16).all()
    assert (steps[~complete] > 16).all()
    assert (steps % 16 == 0).all()
    torch.testing.assert_close(adaptive.maps[complete], fixed.maps[complete], rtol=1e-3, atol=1e-6)


def test_a_number_of_steps_is_used_for_all(rough, tiny_data):
    details = explain("integrated_gradients", rough, tiny_data(3), steps=200).details
    assert details["steps"].tolist() == [200] * 3


def test_a_map_that_stays_incomplete_is_kept_with_its_error(rough, tiny_data, monkeypatch):
    monkeypatch.setattr(integrated_gradients, "MOST_PIECES", 2)
    monkeypatch.setattr(integrated_gradients, "TOLERANCE", 0.0)
    images = tiny_data(3).batch(slice(None)).images
    maps, details = signed(rough, images)
    assert details["steps"].tolist() == [32] * 3
    assert (details["completeness_error"] > 0).all()
    for row, map_ in enumerate(maps[:, 0].numpy()):
        halves = [naive_integrated_gradients(rough, images[row : row + 1], 16, *ends) for ends in ((0, 0.5), (0.5, 1))]
        np.testing.assert_allclose(map_, sum(halves), rtol=1e-3, atol=1e-5)


def test_a_black_image_is_complete_at_once(rough, tiny_data):
    """Its map is zero and nothing changes, whatever rounding makes of two passes."""
    images = tiny_data(3).batch(slice(None)).images
    images[1] = 0
    maps, details = signed(rough, images)
    assert details["steps"][1] == 16
    assert details["completeness_error"][1] == 0
    assert (maps[1] == 0).all()


def test_a_constant_network_is_complete_at_once(rough, tiny_data):
    """What is left of its logits is rounding, which no number of points brings down."""
    with torch.no_grad():
        rough.fc.weight.mul_(1e-9)
        rough.fc.bias.fill_(1.0)
    details = signed(rough, tiny_data(4).batch(slice(None)).images).details
    assert (details["steps"] == 16).all()


def test_a_way_is_divided_no_further_than_allowed(rough, tiny_data, monkeypatch):
    monkeypatch.setattr(integrated_gradients, "TOLERANCE", -1.0)
    monkeypatch.setattr(integrated_gradients, "MOST_PIECES", 5)
    details = signed(rough, tiny_data(2).batch(slice(None)).images).details
    assert (details["steps"] >= 5 * 16).all()
    assert (details["steps"] < 2 * 5 * 16).all()


def test_completeness_error_has_a_floor_where_relevance_cancels():
    maps = torch.tensor([[1.0, 1.0], [5.0, -5.0], [0.0, 0.0], [0.0, 0.0]]).view(4, 1, 1, 2)
    errors = completeness_error(maps, torch.tensor([2.5, 0.1, 0.0, 0.5]), torch.zeros(4))
    np.testing.assert_allclose(errors, [0.5 / 2.5, 0.1 / (0.1 * 10), 0, 1], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_batching_changes_nothing(name, rough, tiny_data, monkeypatch):
    data = tiny_data(7, 8)
    together = explain(name, rough, data, sigma=1.0, batch_size=7)
    monkeypatch.setattr(attribution, "PIXELS", 3 * 64)
    for batch_size in (1, 7):
        done = explain(name, rough, data, sigma=1.0, batch_size=batch_size)
        np.testing.assert_allclose(done.maps, together.maps, rtol=1e-3, atol=1e-4 * together.maps.max())
        assert done.details.columns.tolist() == together.details.columns.tolist()
        assert len(done.details) == 7


def test_a_pass_holds_no_more_pixels_than_allowed(rough, tiny_data, monkeypatch):
    monkeypatch.setattr(attribution, "PIXELS", 5 * 64)
    sizes = []
    rough.conv1.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    for name in OF_THE_MODEL:
        sizes.clear()
        explain(name, rough, tiny_data(6, 8), batch_size=6)
        assert max(sizes) == 5, name


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_the_model_and_torchs_random_state_are_left_as_they_were(name, rough, tiny_data):
    rough.train()
    state, before = torch.get_rng_state(), {key: value.clone() for key, value in rough.state_dict().items()}
    explain(name, rough, tiny_data(3))
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(module.training for module in rough.modules())
    assert all(torch.equal(value, before[key]) for key, value in rough.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in rough.parameters())
    for module in rough.modules():
        hooks = module._forward_hooks | module._forward_pre_hooks | module._backward_hooks
        assert not hooks


@pytest.mark.parametrize("name", ATTRIBUTIONS)
def test_frozen_parameters_do_and_nobody_is_warned(name, rough, tiny_data, recwarn):
    explain(name, rough.requires_grad_(False), tiny_data(2))
    assert not recwarn.list


@pytest.mark.parametrize("name", OF_THE_MODEL)
def test_a_map_that_is_not_finite_names_attribution_and_model(name, rough, tiny_data):
    nn.init.constant_(rough.layer2[0].conv1.weight, float("nan"))
    with pytest.raises(StudyError, match=rf"^runs/seed=1/model\.safetensors: {name} is not finite for 3 of 3 .*image0"):
        explain(name, rough, tiny_data(3), described="runs/seed=1/model.safetensors")


@pytest.mark.parametrize("name", [name for name in OF_THE_MODEL if name != "learned_mask"])
def test_a_model_that_an_attribution_cannot_explain_is_named(name, tiny_data):
    model = ResNet18(2)
    model.conv1 = nn.Conv2d(3, 2, 3, padding=1)
    with pytest.raises(StudyError, match=rf"^the model: {name} cannot explain it \(.*channels.*\)"):
        explain(name, model, tiny_data(3), described="the model")


def test_a_mask_is_between_0_and_1_and_of_compared_maps_the_values_before(rough, tiny_data):
    data = tiny_data(3)
    _, activations = rough.eval().logits_and_stages(data.batch(slice(None)).images)
    before = rough.masker(activations, 16).detach().squeeze(1).numpy()
    given = ("learned_mask", rough, data, 8, CPU, "the model")
    mask, compared = attribution.explain(*given).maps, attribution.explain(*given, compared=True).maps
    np.testing.assert_allclose(mask, special.expit(before), rtol=1e-5)
    np.testing.assert_allclose(compared, before - before.min(axis=(1, 2), keepdims=True), rtol=1e-5, atol=1e-6)


def test_a_masker_that_collapsed_has_no_map(rough, tiny_data):
    rough.masker.collapsed.fill_(True)
    assert (explain("learned_mask", rough, tiny_data(3)).maps == 0).all()


def test_a_network_without_a_masker_is_named(rough, tiny_data):
    rough.masker = None
    with pytest.raises(StudyError, match=r"^the model: learned_mask cannot explain it \(it has no masker\)"):
        explain("learned_mask", rough, tiny_data(3), described="the model")


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_know_nothing_of_the_model(name, rough, tiny_data):
    expected = explain(name, rough, tiny_data(3)).maps
    nn.init.constant_(rough.conv1.weight, float("nan"))
    np.testing.assert_array_equal(explain(name, rough, tiny_data(3)).maps, expected)


def test_smoothing_is_within_each_map_and_spares_occlusion(rough, tiny_data):
    weights = torch.zeros(2, 16, 16)
    weights[1, 8, 8] = 1
    impulse = weights[1].numpy()
    data = Dataset(np.full((3, 16, 16), 255, np.uint8), np.ones((16, 16), bool), tiny_data(3).table, (0.0, 1.0))
    maps = explain("gradient", Linear(weights), data, sigma=1.0).maps
    np.testing.assert_allclose(maps[2], ndimage.gaussian_filter(impulse, 1.0), atol=1e-6)
    assert maps[0].sum() == pytest.approx(1, abs=1e-4)
    unsmoothed = np.abs(signed_maps("occlusion", rough, data))
    np.testing.assert_array_equal(explain("occlusion", rough, data, sigma=1.0).maps, unsmoothed)


@pytest.mark.parametrize("name", OF_THE_MODEL)
def test_in_bfloat16_maps_are_near_those_in_float32(name, rough, tiny_data):
    """Those that are no mean of many passes are in float32 whatever the study's precision."""
    data, hardware = tiny_data(4), Hardware(torch.device("cpu"), "bfloat16")
    exact, rounded = (attribute(name, rough, data, 1.0, 4, each, "the model") for each in (CPU, hardware))
    assert rounded.maps.dtype == np.float32
    if attribution_card(name).mixed:
        assert not np.array_equal(rounded.maps, exact.maps)
        assert np.corrcoef(rounded.maps.ravel(), exact.maps.ravel())[0, 1] > 0.99
    else:
        np.testing.assert_array_equal(rounded.maps, exact.maps)
    if name.endswith("integrated_gradients"):
        assert (rounded.details["completeness_error"] <= 0.01).all()


def test_where_rounding_hides_what_is_missed_integrated_gradients_go_on_in_float32(rough, tiny_data, monkeypatch):
    seen = []
    original = integrated_gradients.piece

    def piece(request, *others):
        seen.append(torch.is_autocast_enabled("cpu"))
        return original(request, *others)

    monkeypatch.setattr(integrated_gradients, "piece", piece)
    monkeypatch.setattr(integrated_gradients, "TOLERANCE", 1e-5)
    attribute(
        "integrated_gradients", rough, tiny_data(2), 1.0, 4, Hardware(torch.device("cpu"), "bfloat16"), "the model"
    )
    assert seen[:3] == [True, True, True]
    assert seen[3:]
    assert not any(seen[3:])


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize(("size", "window"), [(20, 1), (28, 2), (37, 2), (64, 4)])
def test_occlusion_is_captums_whatever_is_black(size, window, folded, rough, tiny_data):
    data = tiny_data(3, size)
    data.levels[0, : size // 2] = 0
    data.levels[1] = 0
    maps = signed_maps("occlusion", rough.folded() if folded else rough, data)
    places = torch.arange(size) // window
    ablation = FeatureAblation(rough.double().requires_grad_(False))
    images = data.batch(slice(None)).images.double()
    expected = ablation.attribute(images, target=1, feature_mask=places[:, None] * size + places, show_progress=False)
    np.testing.assert_allclose(maps, expected.squeeze(1), rtol=1e-4, atol=1e-6)
    assert (maps[1] == 0).all()
