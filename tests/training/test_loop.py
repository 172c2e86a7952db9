"""The loop on a learner of one number: epochs, the best of them, stop rules, and going on after an interruption."""

import copy
import itertools
import os
import signal

import pytest
import torch
from red_herring.runtime import interrupt
from red_herring.training import checkpoint
from red_herring.training.loop import Diverged, Stop, random_numbers, train

BATCHES = 3


class Walk:
    """A learner whose weight walks at random and whose epochs have three batches, of 2, 2 and 1 images.

    What it validates to is given, epoch by epoch, in `losses` and `accuracies`. `seen`: the batches it has learnt from.
    """

    def __init__(self, losses=(), accuracies=()):
        self.weight = torch.zeros(1)
        self.losses, self.accuracies, self.seen = list(losses), list(accuracies), []

    def start_epoch(self, epoch):
        self.epoch, self.random = epoch, random_numbers(7, epoch, "walk")

    def batches(self, done):
        whole = torch.randperm(5, generator=random_numbers(7, self.epoch, "order")).split(2)
        return iter(whole[done:])

    def step(self, batch):
        self.seen.append((self.epoch, batch.tolist()))
        self.weight += torch.rand(1, generator=self.random) * batch.sum()
        return {"size": torch.tensor(float(len(batch)))}

    def validate(self):
        found = {"valid_loss": self.losses[self.epoch - 1] if self.losses else self.weight.item()}
        return found | ({"train_accuracy": self.accuracies[self.epoch - 1]} if self.accuracies else {})

    def weights(self):
        return {"weight": self.weight}

    def state_dict(self):
        return {"weight": self.weight, "random": self.random.get_state()}

    def load_state_dict(self, state):
        self.weight = state["weight"]
        self.random.set_state(state["random"])


LOSSES = [0.9, 0.1, 0.5, 0.4, 0.3, 0.35]


def same(a, b):
    return (a.history, a.best_epoch, a.stopped_by, a.steps) == (b.history, b.best_epoch, b.stopped_by, b.steps) and all(
        torch.equal(value, b.weights[name]) for name, value in a.weights.items()
    )


@pytest.mark.parametrize(
    ("burn_in", "patience", "best", "epochs", "stopped_by"),
    [
        (0, None, 2, 6, "epochs"),
        (2, None, 5, 6, "epochs"),
        (0, 2, 2, 4, "patience"),
        (2, 2, 5, 6, "epochs"),
        (3, None, 5, 6, "epochs"),
        (2, 1, 5, 6, "patience"),
    ],
)
def test_the_best_epoch_is_the_lowest_validation_loss_after_burn_in(burn_in, patience, best, epochs, stopped_by):
    trained = train(Walk(LOSSES), Stop(6, burn_in, patience))
    assert (trained.best_epoch, len(trained.history), trained.stopped_by) == (best, epochs, stopped_by)


def test_of_equal_epochs_the_first_is_the_best():
    assert train(Walk([0.5, 0.2, 0.2]), Stop(3)).best_epoch == 2


def test_the_weights_are_those_of_the_best_epoch_or_if_asked_for_of_the_last():
    after = [train(Walk(LOSSES), Stop(epochs, keep_last=True)).weights["weight"] for epochs in range(1, 7)]
    assert len({weight.item() for weight in after}) == 6
    assert torch.equal(train(Walk(LOSSES), Stop(6)).weights["weight"], after[1])
    last = train(Walk(LOSSES), Stop(6, burn_in=5, keep_last=True))
    assert (last.best_epoch, last.weights["weight"]) == (6, after[5])


def test_the_history_means_are_over_images():
    """Batches of 2, 2 and 1 with losses as large: (4 + 4 + 1) / 5 = 1.8."""
    (epoch,) = train(Walk([0.5]), Stop(1)).history
    assert epoch == {"epoch": 1, "train_size": pytest.approx(1.8), "valid_loss": 0.5}
    assert list(epoch) == ["epoch", "train_size", "valid_loss"]


@pytest.mark.parametrize(("reached", "epochs", "stopped_by"), [(0.95, 3, "train_accuracy"), (0.99, 5, "epochs")])
def test_it_stops_after_the_epoch_that_reaches_a_training_accuracy_or_at_the_cap(reached, epochs, stopped_by):
    accuracies = [0.5, 0.9, 0.95, 0.9, 0.97]
    trained = train(Walk(LOSSES, accuracies), Stop(5, burn_in=4, train_accuracy=reached, keep_last=True))
    assert (len(trained.history), trained.best_epoch, trained.stopped_by) == (epochs, epochs, stopped_by)


@pytest.mark.parametrize(("extra", "epochs"), [(0, 1), (1, 2), (2, 4), (3, 4)])
def test_an_extra_epoch_ends_nothing(extra, epochs):
    trained = train(
        Walk(LOSSES, [0.97, 0.96, 0.9, 0.95, 0.9]), Stop(5, train_accuracy=0.95, keep_last=True, extra=extra)
    )
    assert (len(trained.history), trained.best_epoch, trained.stopped_by) == (epochs, epochs, "train_accuracy")


def test_patience_goes_by_the_lowest_loss_also_when_the_last_weights_are_kept():
    trained = train(Walk(LOSSES, [0.5] * 6), Stop(6, patience=2, train_accuracy=0.95, keep_last=True))
    assert (trained.stopped_by, trained.best_epoch, len(trained.history)) == ("patience", 4, 4)


@pytest.mark.parametrize(("steps", "epochs", "in_the_last"), [(1, 1, 1), (3, 1, 3), (4, 2, 1), (6, 2, 3), (8, 3, 2)])
def test_it_takes_as_many_steps_as_asked_the_last_epoch_being_cut_short(steps, epochs, in_the_last):
    learner = Walk()
    trained = train(learner, Stop(epochs, steps=steps))
    assert (trained.steps, trained.stopped_by, len(trained.history)) == (steps, "steps", epochs)
    assert [epoch for epoch, _ in learner.seen] == [1 + number // BATCHES for number in range(steps)]
    assert sum(epoch == epochs for epoch, _ in learner.seen) == in_the_last
    assert all(sorted(itertools.chain(*(rows for epoch, rows in learner.seen if epoch == whole))) == [0, 1, 2, 3, 4]
               for whole in range(1, steps // BATCHES + 1))  # fmt: skip


def test_what_is_reached_counts_for_more_than_the_cap():
    stop = Stop(2, patience=1, train_accuracy=0.9, steps=2 * BATCHES, keep_last=True)
    assert train(Walk([0.1, 0.2], [0.5, 0.9]), stop).stopped_by == "train_accuracy"
    assert train(Walk([0.1, 0.2], [0.5, 0.8]), stop).stopped_by == "patience"
    assert train(Walk([0.2, 0.1], [0.5, 0.8]), stop).stopped_by == "steps"


class Killed(Walk):
    """One that is killed in a batch, counted from 1, and when it validates if there is no such batch left."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def step(self, batch):
        if len(self.seen) + 1 == self.number:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().step(batch)


@pytest.mark.parametrize("stop", [Stop(3), Stop(3, steps=8), Stop(3, patience=1), Stop(3, steps=7, keep_last=True)])
@pytest.mark.usefixtures("listening")
def test_told_to_stop_in_any_batch_it_does_no_batch_twice_and_ends_the_same(stop, tmp_path):
    whole, seen = train(learner := Walk(), stop), learner.seen
    for number in range(1, len(seen) + 1):
        interrupt.listen()
        cut = Killed(number)
        with pytest.raises(interrupt.Interrupted, match="SIGTERM"):
            train(cut, stop, tmp_path / str(number), "same")
        again = Walk()
        assert same(whole, train(again, stop, tmp_path / str(number), "same"))
        assert cut.seen + again.seen == seen
        assert len(cut.seen) == number


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("stop", [Stop(3), Stop(1, steps=2)])
def test_told_to_stop_while_validating_it_trains_no_batch_again(stop, tmp_path, monkeypatch):
    whole = train(Walk(), stop)
    with monkeypatch.context() as patched, pytest.raises(interrupt.Interrupted):
        patched.setattr(Walk, "validate", lambda _: os.kill(os.getpid(), signal.SIGTERM))
        train(Walk(), stop, tmp_path, "same")
    assert checkpoint.load_latest(tmp_path, "same")[0] == (0, stop.steps or BATCHES)
    again = Walk()
    assert same(whole, train(again, stop, tmp_path, "same"))
    assert len(again.seen) == whole.steps - (stop.steps or BATCHES)


def test_what_has_ended_is_not_trained_again(tmp_path):
    whole = train(Walk(), Stop(2), tmp_path, "same")
    again = Walk()
    assert same(whole, train(again, Stop(2), tmp_path, "same"))
    assert again.seen == []


@pytest.fixture
def interrupted(tmp_path):
    """A run of two epochs whose checkpoints are still there, and what three epochs give without interruption."""
    train(Walk(), Stop(2), tmp_path, "same")
    return tmp_path, train(Walk(), Stop(3))


def spoil_by_cutting(file):
    file.write_bytes(file.read_bytes()[:-100])


def spoil_by_one_bit(file):
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("spoil", [spoil_by_cutting, spoil_by_one_bit, lambda file: file.write_bytes(b"")])
@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("how_many", [1, 2])
def test_a_corrupt_checkpoint_falls_back_and_says_so(interrupted, caplog, spoil, suffix, how_many):
    folder, whole = interrupted
    if suffix == "json" and spoil is spoil_by_one_bit:
        spoil = spoil_by_cutting
    for file in sorted(folder.glob(f"*.{suffix}"), reverse=True)[:how_many]:
        spoil(file)
    again = Walk()
    assert same(whole, train(again, Stop(3), folder, "same"))
    assert len(again.seen) == BATCHES * (1 + how_many)
    assert "corrupt checkpoint" in caplog.text


def test_a_checkpoint_of_other_settings_is_not_used(interrupted, caplog):
    folder, whole = interrupted
    again = Walk()
    assert same(whole, train(again, Stop(3), folder, "other"))
    assert len(again.seen) == 3 * BATCHES
    assert "other settings" in caplog.text


def test_checkpoints_of_other_settings_give_way(interrupted):
    """A run with new settings, interrupted in turn, continues from its own state, not from the start."""
    folder, _ = interrupted
    train(Walk(), Stop(1), folder, "other")
    assert checkpoint.load_latest(folder, "other")[0] == (1, 0)
    assert checkpoint.load_latest(folder, "same") is None


def test_only_two_checkpoints_are_kept(tmp_path):
    train(Walk(), Stop(4), tmp_path, "same")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "epoch=00003,batch=0000000.json", "epoch=00003,batch=0000000.safetensors",
        "epoch=00004,batch=0000000.json", "epoch=00004,batch=0000000.safetensors",
    ]  # fmt: skip


def test_checkpoints_keep_nested_state(tmp_path):
    state = {"a": [{"b": torch.arange(3)}, 1.5, None], 7: {"c": torch.ones(())}, "flags": [True, "x"]}
    checkpoint.save(tmp_path, (3, 5), copy.deepcopy(state), "f")
    position, found = checkpoint.load_latest(tmp_path, "f")
    assert position == (3, 5)
    assert torch.equal(found["a"][0]["b"], torch.arange(3))
    assert found["a"][1:] == [1.5, None]
    assert found[7]["c"].shape == ()
    assert found["flags"] == [True, "x"]


@pytest.mark.parametrize("where", ["valid_loss", "train_size"])
def test_a_loss_that_is_not_finite_is_named_with_its_epoch(where, monkeypatch):
    if where == "train_size":
        monkeypatch.setattr(Walk, "step", lambda self, _: {"size": torch.tensor(float("nan"))})
    with pytest.raises(Diverged, match=rf"^{where} is nan in epoch 1$"):
        train(Walk([float("nan") if where == "valid_loss" else 0.5]), Stop(2))


def test_random_numbers_depend_on_seed_epoch_and_purpose_only():
    drawn = {name: torch.rand(3, generator=random_numbers(*name)).tolist()
             for name in [(1, 1, "a"), (2, 1, "a"), (1, 2, "a"), (1, 1, "b")]}  # fmt: skip
    assert len({tuple(numbers) for numbers in drawn.values()}) == 4
    assert torch.rand(3, generator=random_numbers(1, 1, "a")).tolist() == drawn[1, 1, "a"]
