"""Training a detector: what a batch is made of, exact steps, running statistics once a step, going on to the bit."""

import os
import signal

import pytest
import torch
from red_herring.generation import learner as training
from red_herring.generation.detector import initialised_detector
from red_herring.generation.learner import DetectorLearner, Schedule, drawn_from
from red_herring.runtime import interrupt
from red_herring.training.loop import train
from red_herring.training.masker import rate_at
from support.to_detect import crosses, object_free

STEPS = 5
SCHEDULE = Schedule(STEPS, 1e-2, 2)


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch):
    """Of three steps, so that five are an epoch and two."""
    monkeypatch.setattr(training, "EPOCH", 3)


REAL, FREE = crosses(1, 3, "train"), object_free(1, 5, "train").images
FURTHER, VALID = crosses(1, 6, "further"), crosses(1, 5, "valid")


def learner(schedule=SCHEDULE, further=FURTHER, seed=7, kind=DetectorLearner):
    return kind(initialised_detector(1, seed), schedule, REAL, FREE, drawn_from(further), VALID, seed)


def fit(*resume, schedule=SCHEDULE, **changes):
    return train(learner(schedule, **changes), schedule.stop(), *resume)


def same(a, b):
    return (a.history, a.steps) == (b.history, b.steps) and all(
        torch.equal(value, b.weights[name]) for name, value in a.weights.items()
    )


def is_one_of(image, images):
    return any(torch.equal(image, other) or torch.equal(image.flip(2), other) for other in images)


def test_a_batch_is_of_real_object_free_and_twice_as_many_further_images():
    one = learner()
    one.start_epoch(1)
    for batch in one.batches(0):
        assert [len(boxes) for boxes in batch.boxes] == [1, 1, 0, 0, 1, 1, 1, 1]
        for images, pool in (
            (batch.images[:2], REAL.images),
            (batch.images[2:4], FREE),
            (batch.images[4:], FURTHER.images),
        ):
            assert all(is_one_of(image, pool) for image in images)
            assert len(images.flatten(1).unique(dim=0)) == len(images)


def test_arms_see_the_same_real_and_object_free_images():
    one, other = learner(), learner(further=REAL)
    for epoch in (1, 2):
        one.start_epoch(epoch), other.start_epoch(epoch)
        for a, b in zip(one.batches(0), other.batches(0), strict=True):
            assert torch.equal(a.images[:4], b.images[:4])
            assert not torch.equal(a.images[4:], b.images[4:])


def test_batches_can_be_drawn_from_any_on_and_differ():
    one = learner()
    one.start_epoch(2)
    whole, rest = list(one.batches(0)), list(one.batches(2))
    assert len(rest) == 1
    assert torch.equal(whole[2].images, rest[0].images)
    assert not torch.equal(whole[0].images, whole[1].images)


@pytest.mark.parametrize(("steps", "epochs"), [(1, 1), (3, 1), (5, 2), (7, 3)])
def test_steps_are_exact(steps, epochs):
    trained = fit(schedule=Schedule(steps, 1e-2, 1))
    assert (trained.steps, len(trained.history), trained.best_epoch) == (steps, epochs, epochs)


def test_running_statistics_are_updated_once_a_step():
    counts = {value.item() for name, value in fit().weights.items() if name.endswith("num_batches_tracked")}
    assert counts == {STEPS}


def test_the_rate_falls_as_half_a_cosine(monkeypatch):
    rates, step = [], training.Adam.step

    def noting(self, *arguments):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments)

    monkeypatch.setattr(training.Adam, "step", noting)
    fit()
    assert rates == [rate_at(number, STEPS, 1e-2) for number in range(STEPS)]


def test_validation_is_the_loss_per_box_whatever_the_batches():
    one = learner()
    one.detector.eval()
    expected = one.detector.loss(one.detector(VALID.images), VALID.boxes).item()
    assert one.validate()["valid_loss"] == pytest.approx(expected, rel=1e-5)
    small = learner(Schedule(STEPS, 1e-2, 1))
    assert small.validate()["valid_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_it_learns():
    history = fit(schedule=Schedule(30, 1e-2, 2)).history
    assert history[-1]["train_loss"] < 0.7 * history[0]["train_loss"]


@pytest.mark.slow
def test_the_same_again_is_the_same_to_the_bit_and_another_seed_is_not():
    assert same(fit(), fit())
    assert not same(fit(), fit(seed=8))
    assert not same(fit(), fit(further=REAL))


class Killed(DetectorLearner):
    """Told to stop in a step, counted from 1 over its life."""

    number = 0

    def step(self, batch):
        if self.steps_done + 1 == Killed.number:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().step(batch)


@pytest.mark.slow
@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_told_to_stop_in_any_step_it_ends_as_if_it_had_not_been(number, tmp_path):
    expected = fit()
    Killed.number = number
    with pytest.raises(interrupt.Interrupted, match="SIGTERM"):
        fit(tmp_path, "same", kind=Killed)
    assert same(expected, fit(tmp_path, "same"))


def test_draws_are_none_twice_before_all_were_drawn():
    draw = drawn_from(FURTHER)
    found = draw(15, torch.Generator().manual_seed(0)).images.flatten(1)
    assert all(len(found[start : start + 6].unique(dim=0)) == 6 for start in (0, 6))
    assert len(draw(4, torch.Generator()).images.flatten(1).unique(dim=0)) == 4
