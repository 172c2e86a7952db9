"""The generator in the training loop: what an epoch shows, what `validate` says, and going on to the bit."""

import os
import signal

import pytest
import torch
from red_herring.generation.cycle_gan import Weights, initialised_gan
from red_herring.generation.detector import initialised_detector
from red_herring.generation.examples import Examples
from red_herring.generation.generator_learner import GeneratorLearner
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.training.loop import Stop, train

SIDE = 16
CPU = torch.device("cpu")
PLACES = torch.tensor([[1, 2, 9, 11], [4, 4, 9, 9], [0, 3, 16, 14]])
NEITHER, BOTH = Weights(0.0, 0.0, 0.01), Weights(0.2, 1.0, 0.01)


def images(n, seed):
    return torch.rand(n, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def learner(weights=BOTH, seed=0, boxes=None, detector=True):
    boxes = boxes or [PLACES[:1], PLACES[1:]]
    return GeneratorLearner(
        initialised_gan(SIDE, 2, seed, CPU),
        initialised_detector(1, 0) if detector else None,
        weights,
        images(5, 0),
        PLACES,
        Examples(images(len(boxes), 1), boxes),
        images(3, 2),
        batch_size=2,
        seed=seed,
        device=CPU,
    )


def epoch_of(learner, epoch, done=0):
    learner.start_epoch(epoch)
    return list(learner.batches(done))


def test_an_epoch_shows_every_object_free_image_once_and_real_ones_in_rounds():
    own = learner()
    batches = epoch_of(own, 1)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    free = torch.cat([batch.free for batch in batches])
    assert sorted(free[:, 0, 0, 0].tolist()) == sorted(own.free[:, 0, 0, 0].tolist())
    real = torch.cat([batch.real.images for batch in batches])[:, 0, 0, 0]
    assert real[0] != real[1]
    assert real[2] != real[3]


def test_boxes_are_those_that_were_given():
    own = learner()
    seen = [pairs for epoch in range(1, 9) for pairs in epoch_of(own, epoch)]
    assert {tuple(box) for pairs in seen for box in pairs.places.tolist()} == set(map(tuple, PLACES.tolist()))
    for pairs in seen:
        for boxes, erased in zip(pairs.real.boxes, pairs.erased, strict=True):
            assert (boxes == erased).all(dim=1).any()
    erased = {tuple(box) for pairs in seen for box in pairs.erased.tolist()}
    assert erased == set(map(tuple, PLACES.tolist()))  # either box of the image that has two


def test_an_epoch_can_be_run_again_by_itself_and_from_its_middle():
    whole, rest = epoch_of(learner(), 3), epoch_of(learner(), 3, done=2)
    assert len(rest) == 1
    assert torch.equal(whole[2].free, rest[0].free)
    assert torch.equal(whole[2].places, rest[0].places)
    assert torch.equal(whole[2].erased, rest[0].erased)
    assert not torch.equal(whole[0].free, epoch_of(learner(), 4)[0].free)
    assert not torch.equal(whole[0].free, epoch_of(learner(seed=1), 3)[0].free)


def test_validation_of_a_generator_that_does_nothing_is_zero_and_changes_no_weight():
    own = learner()
    found = own.validate()
    assert found["valid_loss"] > 0
    assert 0 < found["valid_change"] < 0.1
    assert own.validate() == found
    with torch.no_grad():
        for generator in (own.gan.insert, own.gan.erase):
            generator.last.weight.zero_()
    assert own.validate() == {"valid_loss": 0.0, "valid_change": 0.0}


def same(a, b):
    return a.history == b.history and all(torch.equal(value, b.weights[name]) for name, value in a.weights.items())


def killed_in(batch):
    """One that is told to stop in its batch of this number, counted from 1."""
    own, batches = learner(), iter(range(1, batch + 1))
    step = own.step

    def stopping(pairs):
        if next(batches) == batch:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(pairs)

    own.step = stopping
    return own


@pytest.mark.parametrize("batch", [2, 3, 5])
@pytest.mark.usefixtures("listening")
def test_going_on_after_an_interruption_gives_the_same_to_the_bit(batch, tmp_path):
    stop = Stop(epochs=2, keep_last=True)
    expected_learner = learner()
    expected = train(expected_learner, stop)
    with pytest.raises(interrupt.Interrupted):
        train(killed_in(batch), stop, tmp_path, "same")
    again = learner()
    found = train(again, stop, tmp_path, "same")
    assert same(found, expected)
    assert torch.equal(again.gan.pools["inserted"].images, expected_learner.gan.pools["inserted"].images)


def test_training_is_reproducible_and_hangs_on_the_seed_and_on_the_weights():
    stop = Stop(epochs=1, keep_last=True)
    found = train(learner(), stop)
    assert same(found, train(learner(), stop))
    assert not same(found, train(learner(seed=1), stop))
    assert not same(found, train(learner(NEITHER), stop))
    assert found.history[0].keys() > {"train_unrolled", "train_detector", "train_cycle", "valid_loss", "valid_change"}


def test_without_weights_no_detector_is_needed_and_none_is_asked():
    stop = Stop(epochs=1, keep_last=True)
    assert same(train(learner(NEITHER, detector=False), stop), train(learner(NEITHER), stop))


def test_a_loss_that_asks_for_a_detector_that_is_not_there_is_refused():
    with pytest.raises(StudyError, match="there is none"):
        learner(detector=False)


def test_a_real_image_without_a_box_is_refused():
    with pytest.raises(StudyError, match="real: image 1 has no box"):
        learner(boxes=[PLACES[:1], torch.zeros(0, 4)])
