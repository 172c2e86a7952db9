"""The masker: what it reads, the grids it predicts on, and how it is kept."""

import copy

import pytest
import torch
import torch.nn.functional as F
from red_herring.networks.masker import BIAS, READ, Masker, grid_of, initialised_masker, of_weights
from red_herring.networks.resnet import ResNet18


def activations(width, side, n=2, seed=0):
    """Noise in the shapes of the four stages of a classifier of this width."""
    generator = torch.Generator().manual_seed(seed)
    sides = [side, -(-side // 2), -(-side // 4), -(-side // 8)]
    return [torch.rand(n, width * 2**k, s, s, generator=generator) for k, s in enumerate(sides)]


@pytest.mark.parametrize(
    ("form", "side", "grid"), [("two", 224, 56), ("all", 224, 56), ("two", 28, 14), ("all", 28, 28), ("two", 27, 14)]
)
def test_the_grid_is_that_of_the_specification(form, side, grid):
    assert grid_of(form, side) == grid
    assert int(initialised_masker(1, form, side, 0).grid) == grid


def test_the_stages_of_a_classifier_are_as_wide_and_large_as_a_masker_takes_them():
    """28, 14, 7 and 4 of 28 pixels, 224, 112, 56 and 28 of 224."""
    for side, sides in ((28, [28, 14, 7, 4]), (224, [224, 112, 56, 28])):
        _, stages = ResNet18(1).eval().logits_and_stages(torch.zeros(1, 1, side, side))
        assert [tuple(stage.shape[1:]) for stage in stages] == [(2**k, s, s) for k, s in enumerate(sides)]


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize(("side", "factor"), [(224, {"two": 4, "all": 4}), (28, {"two": 2, "all": 1})])
def test_the_mask_has_the_images_size_in_equal_squares_of_the_grid(form, side, factor):
    mask = initialised_masker(2, form, side, 0)(activations(2, side), side)
    assert (mask.shape, mask.dtype) == ((2, 1, side, side), torch.float32)
    coarse = mask[..., :: factor[form], :: factor[form]]
    assert torch.equal(coarse.repeat_interleave(factor[form], 2).repeat_interleave(factor[form], 3), mask)
    assert coarse.diff(dim=2).ne(0).any(dim=3).all(), "no larger squares than these"
    assert coarse.diff(dim=3).ne(0).any(dim=2).all()


@pytest.mark.parametrize(("form", "read"), [("two", [2, 3]), ("all", [0, 1, 2, 3])])
def test_it_reads_the_last_two_stages_or_all(form, read):
    given = activations(2, 28)
    for stage in given:
        stage.requires_grad_()
    gradients = torch.autograd.grad(initialised_masker(2, form, 28, 0)(given, 28).sum(), given, allow_unused=True)
    assert [k for k, gradient in enumerate(gradients) if gradient is not None] == read


@pytest.mark.parametrize("form", READ)
def test_it_is_what_the_paper_says_layer_by_layer(form):
    masker, given = initialised_masker(3, form, 28, 0).train(), activations(3, 28, n=4)
    weights, grid = masker.state_dict(), grid_of(form, 28)
    parts = []
    for k, stage in enumerate(READ[form]):
        x = torch.einsum("oi,nihw->nohw", weights[f"read.{k}.0.weight"][:, :, 0, 0], given[stage - 1])
        x = x + weights[f"read.{k}.0.bias"].view(1, -1, 1, 1)
        x = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        parts.append(F.interpolate(x.clamp(min=0), size=grid, mode="bilinear"))
    coarse = F.conv2d(torch.cat(parts, 1), weights["output.weight"], weights["output.bias"], padding=1)
    expected = coarse.repeat_interleave(28 // grid, 2).repeat_interleave(28 // grid, 3)
    torch.testing.assert_close(masker(given, 28), expected, rtol=1e-4, atol=1e-5)


def test_it_begins_nearly_open():
    mask = initialised_masker(8, "all", 28, 0)(activations(8, 28, n=8), 28).sigmoid()
    assert mask.mean() > 0.8
    assert initialised_masker(8, "all", 28, 0).output.bias.item() == BIAS


def test_drawing_it_leaves_random_numbers_alone_and_goes_by_the_seed():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (initialised_masker(2, "all", 28, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output.weight"], other["output.weight"])


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("collapsed", [True, False])
def test_its_weights_say_all_of_it(form, collapsed):
    masker = initialised_masker(2, form, 28, 3)
    given = activations(2, 28)
    masker(given, 28)  # moves its running statistics
    masker.collapsed.fill_(collapsed)
    again = of_weights({name: tensor.clone() for name, tensor in masker.state_dict().items()})
    assert not again.training
    assert again.stages.tolist() == list(READ[form])
    assert bool(again.collapsed) is collapsed
    assert torch.equal(again(given, 28), masker.eval()(given, 28))


def test_it_travels_with_a_classifier():
    model, masker = ResNet18(1), Masker(1, (3, 4), 14)
    model.masker = masker
    kept = {name.removeprefix("masker."): value for name, value in model.state_dict().items() if "masker." in name}
    assert set(kept) == set(masker.state_dict())
    for copied in (copy.deepcopy(model).eval(), model.eval().folded()):
        assert copied.masker is not masker
        assert not copied.masker.training
        assert torch.equal(copied.masker(activations(1, 28), 28), masker(activations(1, 28), 28))
