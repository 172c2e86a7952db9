"""The classifier and its masker: their gradients, what enters the running statistics, and the state of both."""

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from conftest import make_tiny_data
from gpu.small import crosses
from red_herring.methods import make_method
from red_herring.methods._masking import loss, terms
from red_herring.networks.resnet import ResNet18, initialised
from red_herring.runtime.hardware import Hardware
from red_herring.training.fit import Recipe, fit
from support.small_classifier import small_batch, smooth

LAMBDAS = {"lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3}
GIVEN = {"lr": 1e-2, "masker_lr": 3e-3} | LAMBDAS
SIDE = 12
CPU = Hardware(torch.device("cpu"), "float32")


def method_of(model, epoch=9, **given):
    torch.manual_seed(1)
    method = make_method("joint_masking", model, GIVEN | given)
    method.start_epoch(epoch, lambda: None)
    return method


def used(dtype=torch.float64):
    """A classifier whose running statistics are not those of the next batch."""
    model = initialised(2, 0).to(dtype).train()
    model(small_batch(6, SIDE, dtype, seed=5).images)
    return model


def apart(method, batch):
    """By passes of their own, on copies: the gradients of the classifier on the images as they are, on those inside and
    on those outside, and the masker's.
    """
    clean = copy.deepcopy(method.model)
    clean.masker.grid.fill_(SIDE)
    of_clean = torch.autograd.grad(F.cross_entropy(clean(batch.images), batch.labels), classifiers(clean))
    clean.eval()  # with the running statistics of the images as they are
    with torch.no_grad():
        right = clean(batch.images).argmax(dim=1) == batch.labels
        _, stages = clean.logits_and_stages(batch.images)
    mask, mean = clean.masker.train()(stages, SIDE).sigmoid(), batch.images.mean()

    def masked(mask):
        """Inside and outside."""
        return mask * batch.images + (1 - mask) * mean, (1 - mask) * batch.images + mask * mean

    of_masked = [
        torch.autograd.grad(F.cross_entropy(clean(images), batch.labels), classifiers(clean))
        for images in masked(mask.detach())
    ]
    found = terms(mask, batch.labels, right, *map(clean, masked(mask)))
    of_masker = torch.autograd.grad(loss(found, "both", method.lambdas, method.ramp), list(clean.masker.parameters()))
    return of_clean, *of_masked, of_masker


def classifiers(model):
    return [weight for name, weight in model.named_parameters() if not name.startswith("masker.")]


@pytest.mark.parametrize("epoch", [1, 3, 9])
def test_the_gradients_are_those_of_separate_passes(epoch):
    method, batch = method_of(used(), epoch), small_batch(6, SIDE)
    *of_classifier, of_masker = apart(method, batch)
    assert all(any(part.any() for part in found) for found in (*of_classifier, of_masker))
    assert torch.nn.utils.get_total_norm(of_masker) < 10, "or it is clipped"
    method.update(batch, torch.Generator())
    for weight, *parts in zip(classifiers(method.model), *of_classifier, strict=True):
        torch.testing.assert_close(weight.grad, sum(parts), rtol=1e-10, atol=1e-12)
    for weight, expected in zip(method.masker.parameters(), of_masker, strict=True):
        torch.testing.assert_close(weight.grad, expected, rtol=1e-10, atol=1e-12)


def test_both_step_from_the_weights_that_the_gradients_are_of():
    method, batch = method_of(used()), small_batch(6, SIDE)
    before = copy.deepcopy(method.model)
    method.update(batch, torch.Generator())
    for weight, old in zip(classifiers(method.model), classifiers(before), strict=True):
        # The first step of Adam is lr * g / (|g| + eps).
        torch.testing.assert_close(weight, old - 1e-2 * weight.grad / (weight.grad.abs() + 1e-8), rtol=1e-7, atol=1e-10)
    for weight, old in zip(method.masker.parameters(), before.masker.parameters(), strict=True):
        slope = weight.grad + 1e-4 * old
        torch.testing.assert_close(weight, old - 3e-3 * slope / (slope.abs() + 1e-8), rtol=1e-7, atol=1e-10)


def test_only_the_images_as_they_are_enter_the_running_statistics():
    method, batch = method_of(used()), small_batch(6, SIDE)
    alone = used()
    alone(batch.images)
    method.update(batch, torch.Generator())
    for name, value in alone.named_buffers():
        assert torch.equal(method.model.get_buffer(name), value), name
    assert all(module.training for module in method.model.modules())


def test_the_masker_does_not_touch_what_the_classifier_learns_of_images_as_they_are():
    batch, found = small_batch(6, SIDE), []
    for factor in (1.0, 3.0):
        method = method_of(used())
        with torch.no_grad():
            for weight in method.masker.parameters():
                weight.mul_(factor)
        values = method.losses(batch, torch.Generator())
        found.append((torch.autograd.grad(values["classification"], classifiers(method.model)), values["masked"]))
    (one, masked), (other, otherwise_masked) = found
    assert all(map(torch.equal, one, other))
    assert masked != otherwise_masked


def test_no_gradient_goes_from_a_mask_to_the_classifier_that_it_was_read_off():
    method, batch = method_of(used()), small_batch(6, SIDE)
    variation = method.losses(batch, torch.Generator())["variation"]
    found = torch.autograd.grad(variation, classifiers(method.model), allow_unused=True, retain_graph=True)
    assert all(gradient is None for gradient in found)
    assert any(gradient.any() for gradient in torch.autograd.grad(variation, list(method.masker.parameters())))


@pytest.mark.parametrize(("term", "name", "objectives"), [
    ("area_inside", "lambda_in", 1), ("area_outside", "lambda_out", 1), ("variation", "lambda_tv", 2),
])  # fmt: skip
def test_each_lambda_weighs_its_own_term(term, name, objectives):
    """By the masker's gradient after the ramp, with and without; the variation belongs to both objectives."""
    batch, found = small_batch(6, SIDE), {}
    for weight in (0.0, 0.5):
        method = method_of(used(), **dict.fromkeys(LAMBDAS, 0.0) | {name: weight})
        batch = replace(batch, labels=turned_by_masks(method.model, batch.images))
        copied = copy.deepcopy(method)  # as a look at the losses moves the running statistics
        value = copied.losses(batch, torch.Generator())[term]
        of_term = torch.autograd.grad(value, list(copied.masker.parameters()))
        method.update(batch, torch.Generator())
        found[weight] = [parameter.grad for parameter in method.masker.parameters()]
    sign = 1 if name == "lambda_tv" else -1
    assert any(part.any() for part in of_term), "or there is nothing to weigh"
    for without, with_it, part in zip(found[0.0], found[0.5], of_term, strict=True):
        torch.testing.assert_close(with_it - without, sign * objectives * 0.5 * part, rtol=1e-6, atol=1e-9)


def turned_by_masks(model, images):
    """The answers of a network, of which half are each, while those to masked images, which are alike, are not."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied(images)
        margins = copied.eval()(images) @ torch.tensor([-1.0, 1.0], dtype=images.dtype)
        model.fc.bias[1] -= margins.median()
    return (margins > margins.median()).long()


def test_the_reward_for_a_small_area_rises_over_the_first_epochs():
    method = method_of(smooth())
    found = []
    for epoch in range(1, 7):
        assert method.start_epoch(epoch, lambda: None) is None
        found.append(method.ramp)
    assert found == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 1])


def test_the_masks_are_of_as_many_pixels_as_the_images():
    for side in (6, SIDE):
        method = method_of(ResNet18(1))
        method.update(small_batch(4, side, torch.float32), torch.Generator())
        assert method.masker.grid.item() == side


def test_its_weights_go_by_the_seed_and_leave_those_of_the_classifier_as_they_were():
    drawn = []
    for seed in (1, 1, 2):
        model, plain = initialised(2, seed), initialised(2, seed)
        torch.manual_seed(seed)
        make_method("joint_masking", model, GIVEN)
        assert all(map(torch.equal, classifiers(model), plain.parameters()))
        drawn.append(model.masker.output.weight)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_search_moves_the_masker_apart_from_the_classifier():
    """A learning rate of zero leaves one as it is, whatever the other does."""
    batch = small_batch(6, SIDE, torch.float32)
    for still, moved, rates in (
        ("classifier", "masker", {"lr": 0.0}),
        ("masker", "classifier", {"masker_lr": 0.0}),
    ):
        method = method_of(used(torch.float32), **rates)
        parts = {"classifier": classifiers(method.model), "masker": list(method.masker.parameters())}
        before = copy.deepcopy(parts)
        method.update(batch, torch.Generator())
        assert all(map(torch.equal, parts[still], before[still]))
        assert not all(map(torch.equal, parts[moved], before[moved]))


def test_large_gradients_of_the_masker_are_clipped():
    method = method_of(used(), lambda_tv=1e6)
    method.update(small_batch(6, SIDE), torch.Generator())
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in method.masker.parameters()])
    assert norm.item() == pytest.approx(10, rel=1e-5)


def test_its_whole_state_can_be_stored_and_restored():
    def advance(method, seeds):
        for seed in seeds:
            method.update(small_batch(6, SIDE, torch.float32, seed), torch.Generator())

    model = ResNet18(1)
    method = method_of(model)
    advance(method, range(2))
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(method.state_dict())
    advance(method, range(2, 4))
    restored = ResNet18(1)
    torch.manual_seed(2)
    again = make_method("joint_masking", restored, GIVEN)
    restored.load_state_dict(weights)
    again.load_state_dict(state)
    again.start_epoch(9, lambda: None)
    advance(again, range(2, 4))
    assert all(map(torch.equal, model.state_dict().values(), restored.state_dict().values()))


def test_after_a_batch_that_fails_the_network_is_in_training_again():
    method = method_of(ResNet18(1).train())
    batch = small_batch(4, SIDE, torch.float32)
    with pytest.raises(IndexError):
        method.update(replace(batch, labels=batch.labels + 2), torch.Generator())
    method.masker.output.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        method.update(batch, torch.Generator())
    assert method.model.training


@pytest.mark.slow
def test_on_crosses_it_learns_the_finding():
    """Where the box goes with nothing, in 6 epochs at width 8: 20 seconds."""
    data = crosses(628, 28)
    train, valid = data.subset(range(500)), data.subset(range(500, 628))
    recipe = Recipe(width=8, epochs=6, batch_size=16, burn_in=3, patience=None, compile=False)
    fitted = fit("joint_masking", GIVEN | {"lr": 1e-3}, {}, train, valid, recipe, 1, CPU)
    assert fitted.valid_auc >= 0.95


def test_its_history_has_the_terms_of_both():
    data = make_tiny_data(8, SIDE, crossed=True)
    recipe = Recipe(width=1, epochs=1, batch_size=8, burn_in=0, patience=None, compile=False)
    (epoch,) = fit("joint_masking", GIVEN, {}, data, data, recipe, 1, CPU).history
    names = ("classification", "masked", "inside", "area_inside", "outside", "area_outside", "variation")
    assert {name for name in epoch if name.startswith("train_")} == {f"train_{name}" for name in names}
