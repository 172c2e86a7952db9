"""Convergence: its cosines, what is passed down, and what it says of networks that are known."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import convergence
from red_herring.analyses.base import check_declared
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import explain
from support.given import Given
from torch import nn

SETTINGS = {"images": 6, "draws": 3}


def pool(n=6, size=16):
    levels = np.random.default_rng(0).integers(0, 256, (n, size, size), np.uint8)
    table = pd.DataFrame(
        {"split": "test", "source": "s", "image": [f"i{row}" for row in range(n)], "label": 0, "nuisance": 0}
    )
    return Dataset(levels, np.zeros((size, size), bool), table, (0.0, 1.0))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ResNet18(4).folded()


@pytest.fixture
def analysed(network):
    return convergence.analyse(Given(network, pool()), SETTINGS)


def test_the_median_cosine_is_the_naive_one():
    vectors = torch.randn(4, 3, 5, 2, 6)
    vectors[1, 0, :, 1, 2] = 0
    vectors[:, 2] = 0
    expected = []
    for image in range(3):
        found = []
        for one, other in itertools.combinations(vectors[:, image].double().numpy(), 2):
            for row, column in np.ndindex(2, 6):
                u, v = one[:, row, column], other[:, row, column]
                if u.any() and v.any():
                    found.append(abs(u @ v) / np.sqrt((u @ u) * (v @ v)))
        expected.append(np.median(found) if found else np.nan)
    np.testing.assert_allclose(convergence.cosines(vectors), expected, rtol=1e-6)
    assert np.isnan(expected[2])


@pytest.mark.parametrize("width", [1, 2, 8, 64, 784])
def test_chance_is_the_median_of_gaussian_vectors(width):
    one, other = np.random.default_rng(0).standard_normal((2, 5000, width))
    found = np.abs((one * other).sum(1)) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert convergence.chance_of(width) == pytest.approx(np.median(found), rel=0.1)


@pytest.mark.parametrize("attribution", ["gradient", "guided_backprop", "guided_grad_cam"])
def test_the_relevance_of_the_logit_is_passed_down_as_the_attribution_has_it(attribution, network, monkeypatch):
    """The logit is fc of the mean of the last activations, so that its gradient there is the weight over their number."""
    data = pool()
    weight = network.fc.weight[1].view(-1, 1, 1)

    def of_the_logit(seed, start, draws, rows, like):
        return (weight / like[0, 0].numel()).expand(draws, *like.shape)

    monkeypatch.setattr(convergence, "_noise", of_the_logit)
    monkeypatch.setattr(convergence, "STARTS", ("layer4.1",))
    images, run = data.batch(slice(None)).images, Given(network, data)
    (found,) = (
        passed.relevances
        for passed in convergence._passed(run, images, range(6), 2)
        if (passed.attribution, passed.start, passed.layer) == (attribution, "layer4.1", "image")
    )
    maps = explain(attribution, network, data, 6, Hardware(torch.device("cpu"), "float32"), "the model").maps
    np.testing.assert_allclose(found[1].squeeze(1).detach(), maps, rtol=1e-3, atol=1e-6 * np.abs(maps).max())


def test_a_guided_relevance_forgets_where_it_came_from_and_a_gradient_does_not(analysed):
    values = analysed.table.set_index(["attribution", "start", "layer"])["value"].sort_index()
    assert values["guided_backprop", "layer4.1", "image"] > 0.9
    assert values["gradient", "layer4.1", "image"] < 0.3
    falling = values["guided_backprop", "layer4.1"][["stem", "layer1.1", "layer2.1", "layer3.1"]]
    assert falling.is_monotonic_decreasing


def test_the_table_is_as_declared_and_the_median_of_its_images(analysed):
    table = analysed.table
    check_declared("convergence", table, convergence.BY, convergence.COLUMNS)
    assert len(table) == 2 * (5 + 4 + 3 + 2) + 1
    assert (table["images"] == 6).all()
    for key, rows in analysed.per_image.groupby(list(convergence.BY)):
        row = table.set_index(list(convergence.BY)).loc[key]
        values = rows["value"].dropna()
        assert row["undefined"] == 6 - len(values)
        assert row["value"] == np.median(values)
        if len(values) == 6:  # all between the ends with a probability of 1 - 2 / 2^6, and of fewer with less than 95 %
            assert row[["value_low", "value_high"]].tolist() == [values.min(), values.max()]
        else:
            assert row[["value_low", "value_high"]].isna().all()
    assert table["chance"].between(0, 1).all()


def test_an_image_that_nothing_reaches_is_undefined(network):
    for module in network.layer3[1].modules():
        if isinstance(module, nn.Conv2d):
            nn.init.zeros_(module.weight)
            nn.init.constant_(module.bias, -1.0)
    nn.init.zeros_(network.layer3[0].conv2.weight)
    nn.init.zeros_(network.layer3[0].downsample[0].weight)
    nn.init.constant_(network.layer3[0].conv2.bias, -1.0)
    table = convergence.analyse(Given(network, pool()), SETTINGS).table.set_index(["attribution", "start", "layer"])
    assert table.loc[("gradient", "layer4.1", "image"), "undefined"] == 6
    assert table.loc[("gradient", "layer4.1", "image"), ["value", "value_low", "value_high"]].isna().all()
    assert table.loc[("gradient", "layer2.1", "image"), "undefined"] == 0


def test_weights_that_are_spoilt_are_said(network):
    nn.init.constant_(network.conv1.weight, float("nan"))
    with pytest.raises(StudyError, match="its gradients are not finite; its weights are spoilt"):
        convergence.analyse(Given(network, pool()), SETTINGS)


def test_the_draws_are_of_the_seed_and_batches_change_nothing(network, analysed):
    again = convergence.analyse(Given(network, pool()), SETTINGS).per_image
    pd.testing.assert_frame_equal(again, analysed.per_image)
    key = ["image", *convergence.BY]
    apart = convergence.analyse(Given(network, pool(), batch_size=1), SETTINGS).per_image
    pd.testing.assert_frame_equal(
        apart.sort_values(key, ignore_index=True), again.sort_values(key, ignore_index=True), rtol=1e-3
    )
    other = convergence.analyse(Given(network, pool(), seed=1), SETTINGS).per_image
    assert not np.allclose(other["value"], again["value"], rtol=1e-3)


def test_the_network_is_left_as_it_was(network, analysed):
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
