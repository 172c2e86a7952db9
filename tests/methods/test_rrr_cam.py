"""RRR on Grad-CAM against the map that Grad-CAM's paper describes, position by position."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from captum.attr import LayerGradCam
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from support.small_classifier import Smooth, penalty_of, small_batch

penalty = partial(penalty_of, "rrr_cam")


def grad_cam(model, image):
    """Of y1 - y0, by the gradient, times the number of positions, [2, 2]."""
    maps = model._maps(image).detach().requires_grad_()
    logits = model.fc(maps.mean(dim=(2, 3)))
    (gradient,) = torch.autograd.grad(logits[0, 1] - logits[0, 0], maps)
    return 4 * sum(gradient[0, k].mean() * maps[0, k] for k in range(maps.shape[1]))


def test_it_is_the_energy_of_the_map_outside_the_mask_in_float64():
    torch.manual_seed(0)
    model, batch = Smooth(stride=2).double(), small_batch(5, 4)
    total = 0.0
    for image, mask in zip(batch.images, batch.masks, strict=True):
        cam = grad_cam(model, image.unsqueeze(0))
        for row in range(2):
            for column in range(2):
                pixels = mask[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                total += (cam[row, column] * (~pixels).sum() / 4).item() ** 2 / (4 * len(batch))
    assert penalty(model, batch).item() == pytest.approx(total, rel=1e-12)


def test_the_map_is_captums_of_one_class_less_that_of_the_other():
    torch.manual_seed(0)
    model, images = ResNet18(2).double().eval(), torch.randn(3, 1, 28, 28).double()
    logits, cam = model.logits_and_map(images)
    explainer = LayerGradCam(model, model.layer4)
    of_classes = [explainer.attribute(images, target=label)[:, 0] for label in (0, 1)]
    assert cam.shape == (3, 4, 4)
    torch.testing.assert_close(cam, 16 * (of_classes[1] - of_classes[0]))
    torch.testing.assert_close(logits, model(images))
    bias = model.fc.bias[1] - model.fc.bias[0]
    torch.testing.assert_close(cam.mean(dim=(1, 2)) + bias, logits[:, 1] - logits[:, 0])


def test_an_empty_mask_has_all_outside_and_a_full_one_nothing():
    torch.manual_seed(0)
    model, batch = Smooth(stride=2).double(), small_batch(1, 4)
    all_outside = (grad_cam(model, batch.images) ** 2).mean().item()
    nothing_inside = replace(batch, masks=torch.zeros_like(batch.masks))
    assert penalty(model, nothing_inside).item() == pytest.approx(all_outside)
    assert penalty(model, replace(batch, masks=~nothing_inside.masks)).item() == 0


def test_it_leaves_the_network_in_training_and_a_large_penalty_has_a_gradient():
    model, batch = ResNet18(2).train(), small_batch(4, 12, torch.float32)
    with torch.no_grad():
        model.fc.weight.mul_(1e3)
    (gradient,) = torch.autograd.grad(penalty(model, batch), model.conv1.weight)
    assert gradient.abs().max() > 1
    assert model.training


@pytest.mark.parametrize("method", ["rrr_cam", "hint"])
def test_in_bfloat16_logits_and_maps_are_float32(method):
    model, batch = ResNet18(2).train(), small_batch(4, 12, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        logits, cam = model.logits_and_map(batch.images)
        terms = make_method(method, model, {"lr": 1e-3, "lambda": 1.0}).losses(batch, torch.Generator())
    assert {logits.dtype, cam.dtype, terms["penalty"].dtype} == {torch.float32}
