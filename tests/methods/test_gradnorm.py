"""GradNorm against numerical input gradients and against GradMask; its second derivatives are in test_losses.py."""

import pytest
import torch
from red_herring.methods import make_method
from support.small_classifier import batch_of, smooth

GIVEN = {"lr": 1e-2, "lambda": 0.5}


def test_it_is_the_mean_length_of_the_contrasts_input_gradient():
    model, batch = smooth(), batch_of([0, 1, 2, 3, 3])
    step, lengths = 1e-6, []
    for image in batch.images:
        slopes = []
        for index in range(image.numel()):
            shift = torch.zeros_like(image)
            shift.view(-1)[index] = step
            above, below = (model((image + sign * shift).unsqueeze(0))[0] for sign in (1, -1))
            slopes.append(((above[0] - above[1]).abs() - (below[0] - below[1]).abs()).item() / (2 * step))
        lengths.append(sum(slope**2 for slope in slopes) ** 0.5)
    terms = make_method("gradnorm", model, GIVEN).losses(batch, torch.Generator())
    # Central differences with step 1e-6 in float64 are good to about 1e-9.
    assert terms["penalty"].item() == pytest.approx(sum(lengths) / len(lengths), rel=1e-6)


def test_it_is_gradmask_with_an_empty_mask():
    found = []
    for name in ("gradnorm", "gradmask"):
        method = make_method(name, smooth(), GIVEN)
        for seed in range(3):
            method.update(batch_of([0, 1, 2, 3], seed=seed), torch.Generator())  # its masks are empty
        found.append(torch.cat([weight.flatten() for weight in method.model.parameters()]))
    assert torch.equal(*found)
