"""RBR against the influence of Koh and Liang with numerical pixel derivatives."""

from dataclasses import replace
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from support.small_classifier import Smooth, penalty_of, small_batch

penalty = partial(penalty_of, "rbr")


def last_layer_gradient(model, image, label):
    """dL/dw of one image by all weights and biases of the last layer, one vector."""
    loss = F.cross_entropy(model(image), label)
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, [model.fc.weight, model.fc.bias])])


def influence(model, image, label):
    """- d/dx dL/dw . dL/dw, the last factor held fixed, by central differences; good to about 1e-9."""
    fixed, step, found = last_layer_gradient(model, image, label), 1e-6, torch.zeros_like(image)
    for index in range(image.numel()):
        values = []
        for shift in (step, -step):
            moved = image.clone()
            moved.view(-1)[index] += shift
            values.append(last_layer_gradient(model, moved, label) @ fixed)
        found.view(-1)[index] = -(values[0] - values[1]) / (2 * step)
    return found


def test_it_is_the_influence_of_an_image_on_itself_outside_the_mask_in_float64():
    torch.manual_seed(0)
    model, batch = Smooth().double(), small_batch()
    total = 0.0
    for image, label, mask in zip(batch.images, batch.labels, batch.masks, strict=True):
        of_pixels = influence(model, image.unsqueeze(0), label.unsqueeze(0))[0]
        total += (of_pixels[~mask] ** 2).sum().item() / len(batch)
    assert penalty(model, batch).item() == pytest.approx(total, rel=1e-6)


def test_a_negative_with_an_empty_mask_is_penalised_everywhere_and_one_that_is_sure_hardly():
    torch.manual_seed(0)
    model, batch = Smooth().double(), small_batch(1)
    batch = replace(batch, labels=torch.tensor([0]))
    empty = penalty(model, replace(batch, masks=torch.zeros_like(batch.masks)))
    assert empty > penalty(model, batch) > 0
    with torch.no_grad():
        model.fc.bias.copy_(torch.tensor([20.0, -20.0]))
    assert penalty(model, batch) < 1e-12
