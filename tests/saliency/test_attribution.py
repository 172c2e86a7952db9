"""Attribution maps."""

import numpy as np
import pytest
import torch
from captum.attr import Saliency
from red_herring.model import ResNet18
from red_herring.saliency.attribution import attribute, gradient, mean_maps
from scipy import ndimage
from torch import nn

CPU = torch.device("cpu")


class Linear(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        return x.flatten(1) @ self.weights.T


def test_of_a_linear_model_it_is_the_weights_of_the_positive_class(tiny_data):
    weights = torch.randn(2, 256)
    data = tiny_data(6)
    maps = attribute("gradient", Linear(weights), data, sigma=0, batch_size=4, device=CPU)
    assert maps.shape == (6, 16, 16)
    np.testing.assert_allclose(maps, np.broadcast_to(weights[1].abs().view(16, 16), maps.shape), rtol=1e-6)


def test_it_is_captums_saliency():
    torch.manual_seed(0)
    model, images = ResNet18(4).eval(), torch.randn(3, 1, 16, 16)
    theirs = Saliency(model).attribute(images.clone().requires_grad_(), target=1, abs=True)
    torch.testing.assert_close(gradient(model, images), theirs)


def test_batching_changes_nothing(tiny_data):
    torch.manual_seed(0)
    model, data = ResNet18(2), tiny_data(7)
    one, all_ = (attribute("gradient", model, data, 1.0, size, CPU) for size in (1, 7))
    np.testing.assert_allclose(one, all_, rtol=1e-3, atol=1e-6)


def test_smoothing_is_within_each_map(tiny_data):
    weights = torch.zeros(2, 256)
    weights[1, 8 * 16 + 8] = 1
    maps = attribute("gradient", Linear(weights), tiny_data(3), sigma=1.0, batch_size=2, device=CPU)
    impulse = np.zeros((16, 16), np.float32)
    impulse[8, 8] = 1
    np.testing.assert_allclose(maps[2], ndimage.gaussian_filter(impulse, 1.0), atol=1e-6)
    assert maps[0].sum() == pytest.approx(1, abs=1e-4)


def test_mean_maps_are_over_images_drawn_with_the_seed(tiny_data):
    data = tiny_data(5)
    maps = np.arange(5.0)[:, None, None] * np.ones((5, 16, 16))
    all_ = mean_maps(maps, data, 500, seed=0)
    assert all_.dtype == np.float32
    assert (all_[0] == 2.0).all()
    np.testing.assert_allclose(all_[1], data.levels.numpy().mean(0) / 255, rtol=1e-6)
    np.testing.assert_array_equal(all_[2], data.masks[0].numpy())
    one = mean_maps(maps, data, 1, seed=3)
    row = int(one[0, 0, 0])
    np.testing.assert_allclose(one[1], data.levels[row].numpy() / 255, rtol=1e-6)
    assert len({mean_maps(maps, data, 1, seed=seed)[0, 0, 0] for seed in range(20)}) > 1
