"""What small changes of images do, against passing the changed images through the whole network."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.networks.incremental import Incremental
from red_herring.networks.resnet import ResNet18
from torch import nn


def network_of(width, seed=0):
    """In evaluation mode, with normalisations that do something and are no less steep for it."""
    torch.manual_seed(seed)
    network = ResNet18(width)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def changed(images, rows, top, left, change):
    """The images of `rows`, each with its change, as far as it lies inside."""
    height, width = images.shape[-2:]
    found = images[rows].clone()
    for image, added, row, column in zip(found, change, top.tolist(), left.tolist(), strict=True):
        image[:, row : row + added.shape[1], column : column + added.shape[2]] += added[
            :, : height - row, : width - column
        ]
    return found


@st.composite
def asked(draw):
    """A width, images, and changes that may reach beyond the lower and the right border, with zeros."""
    height, width = draw(st.integers(2, 45)), draw(st.integers(2, 45))
    side = draw(st.integers(1, 6))
    places = draw(
        st.lists(
            st.tuples(st.integers(0, 1), st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=6
        )
    )
    corners = [(0, 0, 0), (1, height - 1, width - 1), (0, 0, width - 1), (1, height - 1, 0)]
    rows, top, left = torch.tensor([*places, *corners]).T
    torch.manual_seed(draw(st.integers(0, 9)))
    change = torch.randn(len(rows), 1, side, side, dtype=torch.float64)
    down, right = torch.arange(side).view(1, -1, 1) + top.view(-1, 1, 1), torch.arange(side) + left.view(-1, 1, 1)
    change *= ((down < height) & (right < width)).unsqueeze(1)
    images = torch.randn(2, 1, height, width, dtype=torch.float64)
    return draw(st.integers(1, 8)), images, rows, top, left, change


@given(asked(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_changes_are_those_of_whole_passes(given_, folded):
    width, images, *change = given_
    network = network_of(width).double()
    expected = network(changed(images, *change)) - network(images)[change[0]]
    found = Incremental(network.folded() if folded else network, images).changes(*change)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [64, 224])
def test_in_float32_a_window_that_changes_little_is_told_better_than_by_the_difference_of_two_logits(size):
    network, image = network_of(2), torch.randn(1, 1, size, size)
    side = size // 15
    top, left = (torch.arange(0, size - side, side).repeat(2), torch.arange(0, size - side, side).repeat_interleave(2))
    top, left = top[: len(left)], left[: len(top)]
    rows = torch.zeros_like(top)
    change = torch.randn(len(top), 1, side, side) / 10
    found = Incremental(network, image).changes(rows, top, left, change)
    with torch.no_grad():
        difference = network(changed(image, rows, top, left, change)) - network(image)
        network, image = network.double(), image.double()
        expected = network(changed(image, rows, top, left, change.double())) - network(image)
    assert (found - expected).abs().max() < (difference - expected).abs().max()
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


def test_what_does_not_change_changes_nothing_and_the_network_stays_as_it_is():
    network, images = network_of(4), torch.randn(2, 1, 28, 28)
    rows = top = left = torch.tensor([0, 1])
    assert (Incremental(network, images).changes(rows, top, left, torch.zeros(2, 1, 3, 3)) == 0).all()
    assert not any(module._forward_pre_hooks for module in network.modules())
