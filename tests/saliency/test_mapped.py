"""Maps of one network by many attributions."""

import copy

import numpy as np
import pytest
import torch
from red_herring.networks.masker import initialised_masker
from red_herring.networks.resnet import initialised
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import explain
from red_herring.saliency.mapped import INPUT, PRODUCTS, Mapped, replaced
from red_herring.study.catalogue import attribution_names

CPU = Hardware(torch.device("cpu"), "float32")


@pytest.fixture(scope="module")
def network():
    model = initialised(2, 1)
    torch.nn.init.normal_(model.fc.bias)
    model.masker = initialised_masker(2, "all", 16, seed=0)
    return model.folded()


@pytest.fixture
def data(tiny_data):
    return tiny_data(6)


def mapped(network, data, **how):
    return Mapped(network, data, CPU, "model", 3, 16, **how)


@pytest.mark.parametrize("name", attribution_names())
def test_the_maps_are_those_of_the_attribution(name, network, data):
    own, expected = mapped(network, data)(name), explain(name, network, data, 6, CPU, "model", 3, 16)
    np.testing.assert_array_equal(own.maps, expected.maps)
    assert own.details.equals(expected.details)


def test_a_product_is_of_what_has_been_made(network, data):
    its = mapped(network, data)
    factors = {factor for factors in PRODUCTS.values() for factor in factors}
    assert all(its(factor) is its(factor) for factor in factors)
    np.testing.assert_allclose(its(INPUT).maps, data.levels.numpy() / 255, atol=1e-6)


def test_the_other_class_is_explained_by_its_own_logit(network, data):
    images = data.batch(slice(None)).images.requires_grad_()
    (gradient,) = torch.autograd.grad(network(images)[:, 0].sum(), images)
    its = mapped(network, data)
    before = its("gradient").maps.copy()
    np.testing.assert_allclose(its.of_other_class()("gradient").maps, gradient.squeeze(1).numpy(), rtol=1e-5)
    np.testing.assert_array_equal(mapped(network, data)("gradient").maps, before, "the network is as it was")


def test_the_other_class_of_a_network_that_favours_none_has_the_same_maps_down_to_their_noise(network, data):
    """So its SmoothGrad has noise of its own for each image, the same for either class."""
    even = copy.deepcopy(network)
    even.fc.weight.copy_(even.fc.weight[:1].expand(2, -1))
    its = mapped(even, data)
    rows = np.array([4, 1])
    found = replaced(its("smoothgrad"), its.of_other_class()("smoothgrad"), rows)
    np.testing.assert_allclose(found.maps, its("smoothgrad").maps, rtol=1e-5, atol=1e-9)


def test_random_maps_are_drawn_anew_and_nothing_else_is(network, data):
    one, other = mapped(network, data), mapped(network, data, noise=4)
    assert abs(np.corrcoef(one("random").maps.ravel(), other("random").maps.ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(one("smoothgrad").maps, other("smoothgrad").maps)


@pytest.mark.parametrize("name", ["gradient", "integrated_gradients"])
def test_maps_of_some_images_are_replaced_with_their_details(name, network, data):
    its = mapped(network, data)
    whole, others = its(name), its.of_other_class()(name)
    found = replaced(whole, others, np.array([3, 0]))
    for row in range(6):
        expected = others if row in (3, 0) else whole
        np.testing.assert_array_equal(found.maps[row], expected.maps[row])
        assert found.details.loc[row].equals(expected.details.loc[row])
    assert len(found.details) == 6
    assert (found.details.columns == whole.details.columns).all()
