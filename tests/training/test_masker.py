"""Fitting a masker: the classifier stays as it is, steps are exact and alike, and an interruption changes nothing."""

import copy
import math
import os
import signal

import pytest
import torch
from conftest import make_tiny_data
from red_herring.data.dataset import Dataset
from red_herring.methods._masking import Weights
from red_herring.networks.resnet import initialised
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training import checkpoint, masker, masking
from red_herring.training.loop import Diverged
from red_herring.training.masker import MaskerLearner, fit_arm, rate_at

CPU = Hardware(torch.device("cpu"), "float32")
SIZE, STEPS = 12, 5
ARM = {
    "form": "all", "objectives": "both", "infill": "mean", "examples": None, "draw": 1, "steps": STEPS, "batch_size": 8,
    "lr": 1e-2, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3,
}  # fmt: skip
"""Of 20 images, in batches of 8, 8 and 4: an epoch and two batches."""


def tiny():
    return make_tiny_data(20, SIZE), make_tiny_data(10, SIZE, seed=1)


def frozen(width=1):
    """Untrained, with running statistics that are not those of the start."""
    classifier = initialised(width, 3)
    classifier.train()(make_tiny_data(20, SIZE).batch(slice(None)).images)
    return classifier.eval().requires_grad_(False)


def fit(*resume, seed=7, data=None, hardware=CPU, classifier=None, **changes):
    return fit_arm(classifier or frozen(), ARM | changes, *(data or tiny()), seed, hardware, *resume)


def same(a, b):
    states = zip(a.masker.state_dict().values(), b.masker.state_dict().values(), strict=True)
    return (a.history, a.kept_0, a.kept_1, a.area, a.steps) == (b.history, b.kept_0, b.kept_1, b.area, b.steps) and all(
        torch.equal(x, y) for x, y in states
    )


def spied(monkeypatch):
    """The images of every batch that a masker has learnt from."""
    seen, step = [], MaskerLearner.step

    def noting(self, batch):
        seen.append(batch.images.clone())
        return step(self, batch)

    monkeypatch.setattr(MaskerLearner, "step", noting)
    return seen


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_classifier_stays_as_it_is_to_the_bit(precision, folded):
    classifier = frozen().folded() if folded else frozen()
    before = copy.deepcopy(classifier.state_dict())
    fit(classifier=classifier, hardware=Hardware(torch.device("cpu"), precision))
    assert classifier.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert not classifier.training
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in classifier.parameters())


def test_the_masker_learns_and_is_left_in_evaluation_mode():
    fitted = fit(steps=30)
    first, last = fitted.history[0], fitted.history[-1]
    assert last["valid_area"] < first["valid_area"]
    assert last["valid_loss"] < first["valid_loss"]
    assert not fitted.masker.training
    assert not any(parameter.requires_grad for parameter in fitted.masker.parameters())


def test_what_is_trained_is_what_the_arm_asks_for():
    terms = {"inside", "area_inside", "outside", "area_outside", "variation"}
    for objectives, lacking in (
        ("both", set()),
        ("in", {"outside", "area_outside"}),
        ("out", {"inside", "area_inside"}),
    ):
        (epoch,) = fit(steps=1, objectives=objectives).history
        trained = {name.removeprefix("train_") for name in epoch if name.startswith("train_")}
        assert trained == terms - lacking
        validated = [name for name in epoch if name.startswith("valid_")]
        assert validated == ["valid_loss", "valid_kept_0", "valid_kept_1", "valid_area", "valid_score"]


@pytest.mark.parametrize("changes", [{"infill": "shuffled"}, {"lambda_in": 30.0}, {"lambda_tv": 1.0}])
def test_other_settings_make_another_masker(changes):
    assert not same(fit(**changes), fit())


def test_the_form_is_that_of_the_arm():
    assert fit(form="two", steps=1).masker.stages.tolist() == [3, 4]


def test_the_same_again_is_the_same_to_the_bit_and_another_seed_is_not():
    assert same(fit(infill="shuffled"), fit(infill="shuffled"))
    assert fit().history != fit(seed=8).history


def test_validation_is_of_the_whole_reward_by_hand():
    """Of the learner's own passes, one batch of all."""
    train, valid = tiny()
    fitted = fit(steps=2, batch_size=32, objectives="in")
    answers = masking.Masking(frozen(), fitted.masker, "mean", masking.mean_of(train), CPU).answers(
        valid.batch(slice(None)), "both", torch.Generator()
    )
    found, epoch = answers.terms(valid.labels), fitted.history[-1]
    expected = found["inside"] - found["area_inside"] + ARM["lambda_tv"] * found["variation"]
    assert epoch["valid_loss"] == pytest.approx(expected.item(), rel=1e-5)
    kept = [epoch["valid_kept_0"], epoch["valid_kept_1"]]
    assert epoch["valid_score"] == pytest.approx(min(kept) - answers.mask.mean().item(), rel=1e-5)


@pytest.mark.parametrize(("steps", "in_epochs"), [(1, [1]), (3, [3]), (5, [3, 2]), (7, [3, 3, 1])])
@pytest.mark.parametrize("examples", [None, 1, 3, 10])
def test_every_arm_has_the_same_epochs_batches_and_steps(examples, steps, in_epochs, monkeypatch):
    seen = spied(monkeypatch)
    fitted = fit(examples=examples, steps=steps)
    assert fitted.steps == len(seen) == steps
    assert len(fitted.history) == len(in_epochs)
    assert [len(images) for images in seen] == [8, 8, 4, 8, 8, 4, 8][:steps]


def test_few_examples_are_shown_equally_often_and_no_others(monkeypatch):
    """Two of each label in 20 places: five times each, in rounds of four."""
    seen = spied(monkeypatch)
    fit(examples=2, steps=3)
    shown = torch.cat(seen).flatten(1)
    images, counts = shown.unique(dim=0, return_counts=True)
    assert counts.tolist() == [5] * 4
    assert all(len(shown[start : start + 4].unique(dim=0)) == 4 for start in range(0, 20, 4))
    train, _ = tiny()
    whole = train.batch(slice(None)).images.flatten(1)
    labels = [train.labels[(whole == image).all(dim=1)].item() for image in images]
    assert sorted(labels) == [0, 0, 1, 1]


def test_arms_with_the_same_examples_begin_alike_and_see_them_in_the_same_order(monkeypatch):
    seen, started, train = spied(monkeypatch), [], masker.loop.train

    def noting(learner, *arguments):
        started.append({name: value.clone() for name, value in learner.weights().items()})
        return train(learner, *arguments)

    monkeypatch.setattr(masker.loop, "train", noting)
    fit(), fit(objectives="in", infill="shuffled", lr=1e-3), fit(examples=2)
    for other in started[1:]:
        assert all(torch.equal(value, other[name]) for name, value in started[0].items())
    assert all(torch.equal(a, b) for a, b in zip(seen[:STEPS], seen[STEPS : 2 * STEPS], strict=True))
    assert not torch.equal(seen[0], seen[STEPS - 2]), "another order in another epoch"


def test_too_few_images_of_a_class_are_named():
    with pytest.raises(
        StudyError, match=r"^examples: is 11, and of label 0 there are 10 training images; give at most"
    ):
        fit(examples=11)


def test_a_loss_that_is_not_finite_says_what_to_do():
    with pytest.raises(
        Diverged, match=r"^masker: train_inside is nan in epoch 1 with \{'lr': 0.01, .*\}; try a smaller"
    ):
        fit(lambda_in=float("nan"), objectives="in")


class Killed(MaskerLearner):
    """Told to stop in a batch, counted from 1 over its life."""

    number, count = 0, 0

    def step(self, batch):
        Killed.count += 1
        if Killed.count == Killed.number:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().step(batch)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"infill": "shuffled"}, {"examples": 2, "objectives": "in"}])
@pytest.mark.usefixtures("listening")
def test_told_to_stop_after_any_batch_it_ends_as_if_it_had_not_been(changes, tmp_path, monkeypatch):
    expected = fit(**changes)
    for number in range(1, STEPS + 1):
        interrupt.listen()
        Killed.number, Killed.count = number, 0
        folder = tmp_path / str(number)
        with monkeypatch.context() as patched:
            patched.setattr(masker, "MaskerLearner", Killed)
            with pytest.raises(interrupt.Interrupted, match="SIGTERM"):
                fit(folder, "same", **changes)
        assert (
            checkpoint.load_latest(folder, "same")[0] == divmod(number, 3)[: number < 6 and 2] if number != 3 else True
        )
        assert same(expected, fit(folder, "same", **changes))


def test_killed_between_two_batches_it_goes_on_from_the_last_epoch(tmp_path, monkeypatch):
    data, batches = tiny(), Dataset.batches
    expected, seen = fit(data=data), []

    def some(self, *arguments):
        for batch in batches(self, *arguments):
            seen.append(1)
            if self is data[0] and len(seen) > 8:  # 3 and 2 of training, 2 of validation, then one more
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Dataset, "batches", some)
        fit(tmp_path, "same", data=data)
    assert same(expected, fit(tmp_path, "same", data=data))


def test_the_rate_falls_as_half_a_cosine():
    assert rate_at(0, 10, 0.02) == 0.02
    assert rate_at(5, 10, 0.02) == pytest.approx(0.01)
    assert rate_at(9, 10, 0.02) == pytest.approx(0.01 * (1 + math.cos(0.9 * math.pi)))


def test_the_steps_go_by_the_rate_the_ramp_and_the_norm(monkeypatch):
    rates, ramps, norms = [], [], []
    step, loss = masker.Adam.step, masker.loss

    def noting(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        norms.append(torch.cat([p.grad.flatten() for p in self.param_groups[0]["params"]]).norm().item())
        assert self.param_groups[0]["weight_decay"] == 1e-4
        return step(self, *arguments)

    def ramped(terms, objectives, weights, ramp):
        assert weights == Weights(lambda_in=0.5, lambda_out=2.0, lambda_tv=1e-2)
        if terms["variation"].requires_grad:
            ramps.append(ramp)
        return loss(terms, objectives, weights, ramp) * (1e6 if terms["variation"].requires_grad else 1)

    monkeypatch.setattr(masker.Adam, "step", noting)
    monkeypatch.setattr(masker, "loss", ramped)
    fit(steps=4, lambda_in=0.5, lambda_out=2.0, lambda_tv=1e-2)
    assert rates == [rate_at(step, 4, ARM["lr"]) for step in range(4)]
    assert ramps == [0, 0.5, 1, 1]
    assert norms == pytest.approx([10.0] * 4, rel=1e-4)


@pytest.mark.parametrize(("kept", "objectives"), [((1.0, 0.5), "both"), ((1.0, 0.5), "out"), ((0.95, 0.9), "in")])
def test_whether_it_collapsed_goes_with_its_weights(kept, objectives, monkeypatch):
    monkeypatch.setattr(masker, "measured", lambda *_: masking.Measured(*kept, area=0.3))
    fitted = fit(steps=1, objectives=objectives)
    assert bool(fitted.masker.state_dict()["collapsed"]) is (kept == (1.0, 0.5) and objectives == "both")
    assert (fitted.kept_0, fitted.kept_1, fitted.area) == (*kept, 0.3)


def test_what_is_measured_is_the_training_images_by_the_last_weights():
    train, _ = tiny()
    fitted = fit()
    found = masking.measured(frozen(), fitted.masker, train, "mean", 8, 7, CPU)
    assert (found.kept_0, found.kept_1, found.area) == (fitted.kept_0, fitted.kept_1, fitted.area)


def test_in_bfloat16_all_that_is_kept_is_float32_and_it_resumes_to_the_bit(tmp_path):
    rounded = Hardware(torch.device("cpu"), "bfloat16")
    whole = fit(hardware=rounded)
    assert {value.dtype for value in whole.masker.state_dict().values()} == {torch.float32, torch.int64, torch.bool}
    assert whole.history != fit().history
    fit(tmp_path, "same", hardware=rounded)
    assert same(whole, fit(tmp_path, "same", hardware=rounded))
