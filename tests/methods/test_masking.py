"""The objectives of a mask against cases made by hand, a slow reference written from the paper, and finite differences."""

import math

import pytest
import torch
from red_herring.methods import _masking as masking
from red_herring.methods._masking import Weights, fill, inside, loss, outside, ramp_at, terms, variation
from scipy.ndimage import gaussian_filter
from support.small_classifier import SIZE, small_batch, smooth

WEIGHTS = Weights(lambda_in=0.7, lambda_out=1.5, lambda_tv=0.01)
LABELS = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
RIGHT = torch.tensor([True, True, False, False, True, True, True, True])


def drawn(seed=0, n=8):
    """A mask and the logits of what is inside and outside it, in float64."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(n, 1, 4, 5, generator=generator, dtype=torch.float64)
    logits = torch.randn(2, n, 2, generator=generator, dtype=torch.float64)
    return mask, logits[0], logits[1]


def slow(mask, labels, right, logits_in, logits_out, objectives, weights, ramp):
    """Image by image, as section 2 of the specification has it."""
    total = 0.0
    n, _, height, width = mask.shape
    for i in range(n):
        m = mask[i, 0].tolist()
        mean = sum(map(sum, m)) / (height * width)
        steps = sum((m[r][c] - m[r - 1][c]) ** 2 for r in range(1, height) for c in range(width))
        steps += sum((m[r][c] - m[r][c - 1]) ** 2 for r in range(height) for c in range(1, width))
        edges = sum(m[0][c] ** 2 + m[-1][c] ** 2 for c in range(width))
        edges += sum(m[r][0] ** 2 + m[r][-1] ** 2 for r in range(height))
        tv = weights.lambda_tv / 2 * (steps + 0.3 * edges)
        (a, b), (c, d), y = logits_in[i].tolist(), logits_out[i].tolist(), labels[i].item()
        if objectives != "out":
            total += math.log(math.exp(a) + math.exp(b)) - (a, b)[y] + tv
            total -= ramp * weights.lambda_in * max(0.0, ((b > a) == y) - mean)
        if objectives != "in":
            p = 1 / (1 + math.exp(d - c))
            entropy = -p * math.log(p) - (1 - p) * math.log(1 - p)
            total += tv - (entropy if right[i] else 0.0)
            total -= ramp * weights.lambda_out * max(0.0, (right[i].item() and (d > c) != y) - mean)
    return total / n


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ramp", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("objectives", ["both", "in", "out"])
def test_the_loss_is_that_of_a_slow_reference(objectives, ramp, seed):
    given = drawn(seed)
    expected = slow(given[0], LABELS, RIGHT, *given[1:], objectives, WEIGHTS, ramp)
    found = terms(given[0], LABELS, RIGHT, *given[1:])
    assert loss(found, objectives, WEIGHTS, ramp).item() == pytest.approx(expected, rel=1e-12)
    assert min(found["area_inside"], found["area_outside"]) > 0, "the cases reward some areas"


def test_only_the_terms_that_are_asked_for_are_there():
    mask, logits_in, logits_out = drawn()
    whole = terms(mask, LABELS, RIGHT, logits_in, logits_out)
    for objectives, given in (("in", (logits_in, None)), ("out", (None, logits_out))):
        part = terms(mask, LABELS, RIGHT, *given)
        assert set(part) == {"variation"} | {name for name in whole if name.endswith(f"{objectives}side")}
        assert loss(part, objectives, WEIGHTS, 1.0) == loss(whole, objectives, WEIGHTS, 1.0)


@pytest.mark.parametrize("objectives", ["both", "in", "out"])
def test_the_gradient_of_the_mask_is_that_of_finite_differences(objectives):
    """Through a classifier, pixel by pixel. Indicators have no gradient, so no answer may change within a step."""
    model, batch = smooth(), small_batch(n=8)
    mask = torch.rand(8, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    filled = fill(batch.images, "mean", 0.3, torch.Generator())
    right = model(batch.images).argmax(dim=1) == batch.labels

    def value(mask):
        logits = [model(apply(batch.images, mask, filled)) for apply in (inside, outside)]
        return loss(terms(mask, batch.labels, right, *logits), objectives, WEIGHTS, 0.8)

    (gradient,) = torch.autograd.grad(value(mask.requires_grad_()), mask)
    step = 1e-6
    for place in range(mask.numel()):
        moved = torch.zeros(mask.numel(), dtype=torch.float64)
        moved[place] = step
        moved = moved.view_as(mask)
        with torch.no_grad():
            slope = (value(mask + moved) - value(mask - moved)).item() / (2 * step)
        assert gradient.flatten()[place].item() == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_the_reward_of_a_small_area_is_a_slope_of_the_mask_alone():
    """1 / (images x pixels) each, for the images that are told right inside, whatever their logits."""
    mask = torch.full((2, 1, 2, 2), 0.5, requires_grad=True)
    logits = torch.tensor([[3.0, 1.0], [3.0, 1.0]], requires_grad=True)  # told as 0
    reward = terms(mask, torch.tensor([0, 1]), torch.tensor([True, True]), logits, None)["area_inside"]
    gradient, of_logits = torch.autograd.grad(reward, [mask, logits], allow_unused=True)
    assert gradient.flatten(1).tolist() == [[-1 / 8] * 4, [0.0] * 4]
    assert of_logits is None


def test_variation_by_hand():
    """Of [[1, 2], [3, 4]]: neighbours 4 + 4 + 1 + 1 = 10; edges 5, 25, 10 and 20, times 0.3 = 18; half of it 14. Of a
    single 1 amid 3 x 3: four neighbours, no edge: 2.
    """
    assert variation(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).item() == pytest.approx(14)
    middle = torch.zeros(1, 1, 3, 3)
    middle[..., 1, 1] = 1
    assert variation(middle).item() == pytest.approx(2)
    corner = torch.zeros(1, 1, 3, 3)
    corner[..., 0, 0] = 1
    assert variation(corner).item() == pytest.approx((2 + 0.3 * 2) / 2), "a corner lies on two edges"
    assert variation(torch.cat([middle, corner])).item() == pytest.approx((2 + 1.3) / 2), "a mean over images"


IMAGES = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(2))
MEANS = torch.full_like(IMAGES, 0.25)


def test_an_open_mask_leaves_the_image_and_earns_nothing():
    ones = torch.ones_like(IMAGES)
    assert torch.equal(inside(IMAGES, ones, torch.zeros_like(IMAGES)), IMAGES)
    torch.testing.assert_close(inside(IMAGES, ones, MEANS), IMAGES)
    torch.testing.assert_close(outside(IMAGES, ones, MEANS), MEANS)
    right = torch.ones(4, dtype=torch.bool)
    told = torch.tensor([[2.0, 0.0]]).expand(4, 2)
    labels = torch.zeros(4, dtype=torch.int64)
    found = terms(ones, labels, right, told, -told)  # right inside, wrong outside: all that is asked
    assert found["area_inside"] == found["area_outside"] == 0


def test_an_empty_mask_leaves_the_fill_and_earns_a_whole_reward_where_it_works():
    zeros = torch.zeros_like(IMAGES)
    assert torch.equal(inside(IMAGES, zeros, MEANS), MEANS)
    assert torch.equal(outside(IMAGES, zeros, MEANS), IMAGES)
    told = torch.tensor([[2.0, 0.0]]).expand(4, 2)
    found = terms(zeros, torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool), told, told)
    assert found["area_inside"].item() == 0.5
    assert found["area_outside"].item() == 0.5
    assert found["variation"] == 0


def test_nothing_can_be_told_of_a_perfect_outside():
    """Its entropy is ln 2, and counts for images that are told right alone."""
    labels, undecided = torch.tensor([0, 1, 0, 1]), torch.full((4, 2), 1.7)
    assert masking.entropy(undecided).tolist() == pytest.approx([0.693] * 4, abs=5e-4)
    for right, value in (([True] * 4, math.log(2)), ([True, True, True, False], 0.75 * math.log(2))):
        found = terms(MEANS, labels, torch.tensor(right), None, undecided)
        assert found["outside"].item() == pytest.approx(-value)
    assert math.isfinite(masking.entropy(torch.tensor([[200.0, -200.0]])).item())


def test_the_mean_fills_with_one_value():
    filled = fill(IMAGES, "mean", -0.5, torch.Generator())
    assert filled.shape == IMAGES.shape
    assert filled.unique().tolist() == [-0.5]


def test_shuffling_keeps_the_pixels_of_an_image_and_draws_anew():
    generator = torch.Generator().manual_seed(3)
    first, second = (fill(IMAGES, "shuffled", 0.0, generator) for _ in range(2))
    for filled in (first, second):
        assert torch.equal(filled.flatten(1).sort().values, IMAGES.flatten(1).sort().values)
    assert not torch.equal(first, second)
    assert not torch.equal(first, IMAGES)
    assert torch.equal(first, fill(IMAGES, "shuffled", 0.0, torch.Generator().manual_seed(3)))


@pytest.mark.parametrize(("side", "sigma"), [(224, 20.0), (28, 2.5)])
def test_blurring_is_a_gaussian_of_20_pixels_of_224(side, sigma):
    images = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(4)) * 2048 - 1024
    expected = gaussian_filter(images[0, 0].double().numpy(), sigma, mode="nearest")
    filled = fill(images, "blurred", 0.0, torch.Generator())
    assert filled.dtype == torch.float32
    torch.testing.assert_close(filled[0, 0].double(), torch.from_numpy(expected), rtol=1e-6, atol=1e-3)


def test_blurring_is_as_exact_in_mixed_precision():
    plain = fill(IMAGES, "blurred", 0.0, torch.Generator())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fill(IMAGES, "blurred", 0.0, torch.Generator()), plain)


def test_blurring_leaves_an_even_image_as_it_is():
    torch.testing.assert_close(fill(MEANS, "blurred", 0.0, torch.Generator()), MEANS)


def test_the_ramp_rises_evenly_over_the_first_half():
    assert [ramp_at(step, 8) for step in range(8)] == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]
    assert [ramp_at(step, 5) for step in range(5)] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])
    assert ramp_at(0, 1) == 0


def test_without_the_ramp_the_area_counts_nothing():
    mask, logits_in, logits_out = drawn()
    found = terms(mask, LABELS, RIGHT, logits_in, logits_out)
    heavy = Weights(1e6, 1e6, WEIGHTS.lambda_tv)
    assert loss(found, "both", heavy, 0.0) == loss(found, "both", WEIGHTS, 0.0)
