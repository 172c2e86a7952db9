"""Losses against cases worked out by hand, a naive reference in float64, and finite differences."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from red_herring.methods import base, make_method
from red_herring.methods.base import shuffle_outside
from red_herring.networks import layers
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.study.catalogue import method_card, method_names
from support.small_classifier import Classifier, Smooth, small_batch
from torch import nn

HYPERPARAMETERS = {
    "lr": 1e-2, "lambda": 0.5, "discriminator_steps": 3, "discriminator_lr": 1e-2, "group_step_size": 0.1, "side": 0.5,
    "C": 1.0, "first_epochs": 1, "upweight": 4, "masker_lr": 1e-2, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3,
}  # fmt: skip
CELLS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
"""Of the training images that methods are told of."""


class Linear(Classifier):
    """A classifier small enough to do by hand: features = the pixels, logits = W x."""

    def __init__(self, weights):
        super().__init__()
        self.fc = nn.Linear(len(weights[0]), 2, bias=False)
        self.fc.weight = nn.Parameter(torch.tensor(weights))

    def features(self, x):
        return x.flatten(1)


PLAYS = ("adversarial", "dann", "groupdro", "joint_masking")
"""Methods whose players have losses of their own, or weights that a look at the loss moves."""


def started(name, model, options=None):
    method = make_method(name, model, HYPERPARAMETERS, options)
    method.start(CELLS)
    return method


def losses(name, model, batch, options=None, seed=0):
    return started(name, model, options).losses(batch, torch.Generator().manual_seed(seed))


# By hand: x = (1, 2), logits (W x) with W = [[1, 0], [0, 3]] are (1, 6).

BY_HAND = Batch(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([1]), torch.tensor([[[[True, False]]]]), torch.tensor([0]))


def test_classification_by_hand():
    found = losses("classification", Linear([[1.0, 0.0], [0.0, 3.0]]), BY_HAND)
    assert found["classification"].item() == pytest.approx(math.log(1 + math.exp(1 - 6)), rel=1e-5)
    assert set(found) == {"classification"}


def test_gradmask_by_hand():
    # |y0 - y1| = |x1 - 3 x2| = 5 grows by (-1, 3); outside is the second pixel: L2 norm and absolute sum are both 3.
    model = Linear([[1.0, 0.0], [0.0, 3.0]])
    assert losses("gradmask", model, BY_HAND)["penalty"].item() == pytest.approx(3)
    assert losses("gradmask", model, BY_HAND, {"norm": "l1"})["penalty"].item() == pytest.approx(3)


def test_gradmask_norms_differ_over_pixels_and_batch():
    # Two images, nothing inside: gradients (-1, 3) and (-1, 3). L2: mean of sqrt(10); L1 as released: sum of 4 + 4.
    nowhere = torch.zeros(2, 1, 1, 2, dtype=torch.bool)
    batch = Batch(BY_HAND.images.repeat(2, 1, 1, 1), torch.tensor([0, 1]), nowhere, torch.tensor([0, 1]))
    model = Linear([[1.0, 0.0], [0.0, 3.0]])
    assert losses("gradmask", model, batch)["penalty"].item() == pytest.approx(math.sqrt(10))
    assert losses("gradmask", model, batch, {"norm": "l1"})["penalty"].item() == pytest.approx(8)


def test_rrr_by_hand():
    # d sum_k log p_k / dx = sum_k (w_k - sum_j p_j w_j) = (1, 3) - 2 (p0, 3 p1); outside is the second pixel.
    p1 = 1 / (1 + math.exp(1 - 6))
    found = losses("rrr", Linear([[1.0, 0.0], [0.0, 3.0]]), BY_HAND)
    assert found["penalty"].item() == pytest.approx((3 - 6 * p1) ** 2, rel=1e-5)


def test_actdiff_by_hand():
    # Three pixels, two of them outside: either they swap, and the features differ by sqrt(2) * 3, or they stay.
    first = torch.tensor([[[[True, False, False]]]])
    batch = Batch(torch.tensor([[[[1.0, 2.0, 5.0]]]]), torch.tensor([1]), first, torch.tensor([0]))
    model = Linear([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = {round(losses("actdiff", model, batch, seed=seed)["penalty"].item(), 4) for seed in range(20)}
    assert found == {0.0, round(3 * math.sqrt(2), 4)}


def test_masked_by_hand():
    # Nothing to permute outside but one pixel: shuffling changes nothing, zero filling takes the 2 away, logits (1, 0).
    model = Linear([[1.0, 0.0], [0.0, 3.0]])
    shuffled = losses("masked", model, BY_HAND)["classification"].item()
    zeroed = losses("masked", model, BY_HAND, {"background": "zero"})["classification"].item()
    assert shuffled == pytest.approx(math.log(1 + math.exp(1 - 6)), rel=1e-5)
    assert zeroed == pytest.approx(math.log(1 + math.exp(1)), rel=1e-5)


def naive(name, model, batch, discriminator=None, seed=0):
    """Image by image, as one would write the equations down, with numerical input gradients where they need some."""
    masked = shuffle_outside(batch.images, batch.masks, torch.Generator().manual_seed(seed))
    outside = (~batch.masks).double()

    def slope(function, image):
        step, found = 1e-6, torch.zeros_like(image)
        for index in range(image.numel()):
            shift = torch.zeros_like(image)
            shift.view(-1)[index] = step
            found.view(-1)[index] = (function(image + shift) - function(image - shift)) / (2 * step)
        return found

    total = 0.0
    n = len(batch.labels)
    for i in range(n):
        x, m = batch.images[i : i + 1], outside[i : i + 1]
        if name == "actdiff":
            total += (model.features(masked[i : i + 1]) - model.features(x)).square().sum().sqrt().item() / n
        elif name == "gradmask":
            total += (
                slope(lambda x: (model(x)[0, 0] - model(x)[0, 1]).abs().item(), x) * m
            ).square().sum().sqrt().item() / n
        elif name == "rrr":
            total += (slope(lambda x: model(x).softmax(1).log().sum().item(), x) * m).square().sum().item()
        elif name == "adversarial":
            probability = discriminator(model.features(torch.cat([x, masked[i : i + 1]]))).sigmoid()
            total += -(probability[0].log() + (1 - probability[1]).log()).item() / n
    return total


@pytest.mark.parametrize("name", ["actdiff", "gradmask", "rrr", "adversarial"])
def test_penalties_equal_a_naive_reference_in_float64(name):
    torch.manual_seed(0)
    batch, model = small_batch(), Smooth().double()
    method = make_method(name, model, HYPERPARAMETERS)
    discriminator = None
    if name == "adversarial":
        discriminator = method.discriminator.double().eval()  # evaluation stops the power iteration
    found = method.losses(batch, torch.Generator().manual_seed(0))["penalty"].item()
    # Central differences with step 1e-6 in float64 are good to about 1e-9.
    assert found == pytest.approx(naive(name, model, batch, discriminator), rel=1e-6)


@pytest.mark.parametrize("name", [name for name in method_names() if name not in PLAYS])
def test_gradients_of_the_loss_equal_finite_differences(name):
    """For gradmask, gradnorm, irm, rbr and rrr this is the second derivative."""
    torch.manual_seed(0)
    batch, model = small_batch(8), Smooth().double()
    method = started(name, model)

    def total():
        return method.objective(method.losses(batch, torch.Generator().manual_seed(0)))

    parameters = list(model.parameters())
    found = torch.autograd.grad(total(), parameters)
    step = 1e-5
    for parameter, gradient in zip(parameters, found, strict=True):
        for index in range(0, parameter.numel(), 7):
            with torch.no_grad():
                values = []
                for shift in (step, -2 * step):
                    parameter.view(-1)[index] += shift
                    with torch.enable_grad():
                        values.append(total().item())
                parameter.view(-1)[index] += step
            # Error of central differences about step^2 = 1e-10, rounding about 1e-11.
            assert gradient.view(-1)[index].item() == pytest.approx(
                (values[0] - values[1]) / (2 * step), rel=1e-4, abs=1e-8
            )


@pytest.mark.parametrize(
    "name", ["gradmask", "rrr", "actdiff", "gradnorm", "irm", "vrex", "coral", "mmd", "rbr", "rrr_cam", "hint"]
)
def test_update_steps_along_classification_plus_lambda_penalty(name):
    """The weights after one step are Adam's on the summed loss, by a plain loop."""
    torch.manual_seed(0)
    batch, model = small_batch(8), Smooth().double()
    reference = copy.deepcopy(model)
    terms = losses(name, reference, batch)
    (terms["classification"] + HYPERPARAMETERS["lambda"] * terms["penalty"]).backward()
    make_method(name, model, HYPERPARAMETERS).update(batch, torch.Generator().manual_seed(0))
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        # The first step of Adam is lr * g / (|g| + eps).
        expected = theirs - 1e-2 * theirs.grad / (theirs.grad.abs() + 1e-8)
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)


def test_a_full_mask_has_no_penalty_and_no_nan():
    batch = small_batch(dtype=torch.float32)
    batch = replace(batch, masks=torch.ones_like(batch.masks))
    for name in ("gradmask", "rrr", "actdiff", "rbr", "rrr_cam", "hint"):
        model = Smooth()
        method = make_method(name, model, HYPERPARAMETERS)
        assert method.update(batch, torch.Generator())["penalty"].item() == 0
        assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("name", method_names())
def test_methods_train_the_real_model(name):
    torch.manual_seed(0)
    model, batch = ResNet18(2), small_batch(4, 12, torch.float32)
    before = copy.deepcopy(model.state_dict())
    terms = started(name, model).update(batch, torch.Generator())
    assert all(value.isfinite() and not value.requires_grad for value in terms.values())
    changed = {key for key, value in before.items() if not torch.equal(value, model.state_dict()[key])}
    # The biases of the head are moved by the classification, the first weights by all that reaches the image.
    assert {"conv1.weight", "fc.bias", "bn1.running_mean"} <= changed


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        *(
            (name, 1)
            for name in ("classification", "masked", "gradmask", "rrr", "rbr", "rrr_cam", "hint", "joint_masking")
        ),
        *((name, 2) for name in ("actdiff", "adversarial")),
    ],
)
def test_batch_norm_sees_the_masked_images_of_actdiff_and_adversarial(name, passes):
    model = ResNet18(2).train()
    make_method(name, model, HYPERPARAMETERS).update(small_batch(4, 12, torch.float32), torch.Generator())
    assert model.bn1.num_batches_tracked.item() == passes


@pytest.mark.parametrize("name", ["actdiff", "adversarial"])
def test_the_masked_images_enter_the_running_statistics_before_the_others(name):
    """As in the released code, whose passes are made here one after the other. So the images as they are weigh 0.1, and
    the masked ones 0.9 of that.
    """
    torch.manual_seed(0)
    model, batch = ResNet18(2).train(), small_batch(4, 12, torch.float32)
    reference = copy.deepcopy(model)
    make_method(name, model, HYPERPARAMETERS).update(batch, torch.Generator().manual_seed(1))
    shuffled = shuffle_outside(batch.images, batch.masks, torch.Generator().manual_seed(1))
    masked, clean = (reference.conv1(images).mean(dim=(0, 2, 3)) for images in (shuffled, batch.images))
    assert not torch.allclose(masked, clean, rtol=0.05), "or the order makes no difference"
    torch.testing.assert_close(model.bn1.running_mean, 0.09 * masked + 0.1 * clean)
    with torch.no_grad():
        reference(shuffled), reference(batch.images)
    for buffer, expected in zip(model.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(buffer, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in method_names() if "lambda" in method_card(name).hyperparameters])
def test_without_a_weight_every_method_is_classification_to_the_bit(name):
    results = []
    for method_name, weight in (("classification", {}), (name, {"lambda": 0})):
        torch.manual_seed(0)
        model = ResNet18(2)
        method = make_method(
            method_name, model, {"lr": 1e-2, "discriminator_steps": 2, "discriminator_lr": 1e-3} | weight
        )
        generator = torch.Generator().manual_seed(0)
        for seed in range(3):
            method.update(small_batch(4, 12, torch.float32, seed), generator)
        results.append(model.state_dict())
    assert all(torch.equal(results[0][key], results[1][key]) for key in results[0])


@pytest.mark.parametrize("name", [name for name in method_names() if "masks" in method_card(name).uses])
def test_no_mask_term_touches_an_image_that_is_all_inside(name):
    """Whole batch: the penalty and its gradient are zero, and nothing is NaN. Half of it: only the others count."""
    batch = small_batch(dtype=torch.float32)
    all_inside = replace(batch, masks=torch.ones_like(batch.masks))
    model = Smooth()

    def terms_of(batch):
        torch.manual_seed(0)  # the discriminator's weights
        return losses(name, model, batch)

    terms = terms_of(all_inside)
    torch.testing.assert_close(terms["classification"], losses("classification", model, all_inside)["classification"])
    if "penalty" not in terms:
        return
    assert terms["penalty"].item() == 0
    if terms["penalty"].requires_grad:
        gradients = torch.autograd.grad(terms["penalty"], model.parameters(), allow_unused=True, materialize_grads=True)
        assert all(not gradient.any() for gradient in gradients)

    masks = batch.masks.clone()
    masks[3:] = True
    half = terms_of(replace(batch, masks=masks))["penalty"]
    first = terms_of(Batch(batch.images[:3], batch.labels[:3], batch.masks[:3], batch.groups[:3]))["penalty"]
    # A mean over the batch halves, RRR's sum does not: everywhere an image weighs the same, whatever the others' masks.
    torch.testing.assert_close(half, first * (1.0 if name == "rrr" else 0.5))


def updated(name, masks, change=None, options=None, updates=2):
    """The weights of a network after updates on batches whose masks are `masks`, and its method."""
    torch.manual_seed(0)
    model, generator = ResNet18(2).train(), torch.Generator().manual_seed(0)
    method = make_method(name, model, HYPERPARAMETERS, options)
    if change:
        change(model)
    for seed in range(updates):
        batch = small_batch(4, 12, torch.float32, seed)
        method.update(replace(batch, masks=batch.masks | masks), generator)
    return model.state_dict()


ALL_INSIDE = torch.ones(4, 1, 12, 12, dtype=torch.bool)
ONE_OUTSIDE = ALL_INSIDE.clone()
ONE_OUTSIDE[2, 0, 3, 4] = False
"""A pixel outside of one image, which is all that there is to shuffle."""


@pytest.mark.parametrize("name", ["gradmask", "rrr", "rbr"])
def test_without_guidance_no_gradient_of_pixels_is_taken_and_the_weights_are_the_same_to_the_bit(name, monkeypatch):
    with_images = []
    original = layers._gradients
    monkeypatch.setattr(
        layers,
        "_gradients",
        lambda *given: with_images.append(given[1].shape[1] == 1 and given[-2]) or original(*given),
    )
    fewer = updated(name, ALL_INSIDE)
    assert not any(with_images)
    monkeypatch.setattr(base, "asking_if_guided", lambda batch: batch.images.requires_grad_())
    everything = updated(name, ALL_INSIDE)
    assert sum(with_images) == 2, "that of the penalty, once a batch; of the loss nobody reads it"
    assert all(torch.equal(everything[key], value) for key, value in fewer.items())


@pytest.mark.parametrize("name", ["actdiff", "adversarial"])
def test_without_guidance_the_masked_images_are_passed_for_the_statistics_only(name, monkeypatch):
    recorded = []

    def watch(model):
        model.bn1.register_forward_hook(lambda *given: recorded.append(given[-1].requires_grad))

    fewer = updated(name, ALL_INSIDE, watch, updates=1)
    assert recorded == [False, True]
    recorded.clear()
    updated(name, ONE_OUTSIDE, watch, updates=1)
    assert recorded == [True]
    monkeypatch.setattr(base, "features_of_both", lambda model, x, batch, _: model.features_of_both(x, batch.images))
    everything = updated(name, ALL_INSIDE, updates=1)
    for key, value in fewer.items():
        torch.testing.assert_close(everything[key], value, rtol=1e-5, atol=1e-6)


def test_a_batch_on_which_the_encoder_takes_no_step_is_not_recorded():
    recorded = []
    updated(
        "adversarial", ~ALL_INSIDE,
        lambda model: model.bn1.register_forward_hook(lambda *given: recorded.append(given[-1].requires_grad)),
        {"schedule": "released"}, updates=6,
    )  # fmt: skip
    assert recorded == [False, False, True] * 2


@pytest.mark.parametrize("name", method_names())
def test_a_method_depends_on_what_it_says_it_uses_and_on_nothing_else(name):
    """Masks and groups of a batch are changed one after the other; what only a step after training looks at, its own
    test changes.
    """
    batch = small_batch(8, dtype=torch.float32)
    others = {"masks": ~batch.masks, "groups": torch.arange(8) // 4}

    def terms_of(batch):
        torch.manual_seed(0)  # the network's weights, and the discriminator's
        return {term: value.item() for term, value in losses(name, Smooth(), batch).items()}

    found = {use for use, other in others.items() if terms_of(replace(batch, **{use: other})) != terms_of(batch)}
    afterwards = {"groups"} if started(name, Smooth()).refits else set()
    assert found == set(method_card(name).uses) - afterwards


@pytest.mark.parametrize("name", method_names())
def test_the_order_of_an_epoch_is_no_business_of_a_method(name):
    for sampling in method_card(name).options["sampling"]:
        assert not hasattr(make_method(name, Smooth(), HYPERPARAMETERS, {"sampling": sampling}), "sampling")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        make_method(name, Smooth(), HYPERPARAMETERS, {"colour": "red"})
