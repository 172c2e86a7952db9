"""Penalties on maps, through the whole network with its normalisations in training, against finite differences."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from red_herring.networks.resnet import ResNet18
from support.small_classifier import penalty_of, slopes, small_batch

# How near in float64 to finite differences, and in float32 to float64. RBR differentiates the features' norm twice.
NEAR = {"rbr": (1e-4, 1e-2), "rrr_cam": (1e-5, 1e-3), "hint": (1e-5, 1e-3)}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("method", NEAR)
def test_derivatives_by_the_weights_equal_finite_differences(method, layout):
    torch.manual_seed(0)
    penalty, (in_float64, in_float32) = partial(penalty_of, method), NEAR[method]
    model, batch = ResNet18(2).double().to(memory_format=layout), small_batch(4, 12)
    found, expected = slopes(model, lambda: penalty(model, batch), 1e-7)
    assert found == pytest.approx(expected, rel=in_float64)
    single = replace(batch, images=batch.images.float())
    assert slopes(model.float(), lambda: penalty(model, single))[0] == pytest.approx(found, rel=in_float32)
    assert model.training
