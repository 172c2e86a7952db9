"""JTT: what its epochs show, its two stages, the cases in which the first says nothing, and going on in both."""

import itertools
import logging

import pytest
import torch
from conftest import make_tiny_data
from red_herring.data.dataset import Dataset
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.training import classifier, loop
from red_herring.training.classifier import Classifier
from red_herring.training.fit import Recipe, fit

HARDWARE = Hardware(torch.device("cpu"), "float32")
IMAGES, SIZE, BATCHES = 20, 12, 3
GIVEN = {"lr": 1e-3, "first_epochs": 1, "upweight": 5}


def recipe(**changes):
    return Recipe(
        **({"width": 1, "epochs": 2, "batch_size": 8, "burn_in": 0, "patience": None, "compile": False} | changes)
    )


def run(chosen, *resume, method="jtt", sampling="shuffled", train=None, **hyperparameters):
    data = train or make_tiny_data(IMAGES, SIZE), make_tiny_data(10, SIZE, seed=1)
    return fit(method, GIVEN | hyperparameters, {"sampling": sampling}, *data, chosen, 7, HARDWARE, *resume)


def gets_wrong(monkeypatch, *rows):
    """Let the first network get these wrong, and no others."""
    wrong = torch.zeros(IMAGES, dtype=torch.bool)
    wrong[list(rows)] = True
    monkeypatch.setattr(Classifier, "_wrong", lambda _: wrong)


def orders_of(monkeypatch, train):
    """The rows that each epoch shows, filled as they are shown."""
    orders, batches = [], Dataset.batches

    def noting(self, size, device="cpu", order=None):
        if order is not None:
            orders.append(order)
        return batches(self, size, device, order)

    monkeypatch.setattr(Dataset, "batches", noting)
    return orders


def same(a, b):
    weights = zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True)
    return a.history == b.history and a.best_epoch == b.best_epoch and all(torch.equal(x, y) for x, y in weights)


def test_an_epoch_of_stage_2_shows_as_many_images_and_the_wrong_ones_more_often(monkeypatch):
    """Of 5 * 2 + 18 = 28 copies 20 are drawn, of which 5 of each wrong image and 1 of each other."""
    gets_wrong(monkeypatch, 3, 8)
    train = make_tiny_data(IMAGES, SIZE)
    orders = orders_of(monkeypatch, train)
    run(recipe(epochs=10), train=train)
    assert len(orders) == 11
    assert sorted(orders[0].tolist()) == list(range(IMAGES)), "stage 1 shows each once"
    times = torch.stack([order.bincount(minlength=IMAGES) for order in orders[1:]])
    assert set(times.sum(dim=1).tolist()) == {IMAGES}
    wrong = times[:, [3, 8]]
    others = times[:, [row for row in range(IMAGES) if row not in (3, 8)]]
    assert wrong.max() <= 5
    assert others.max() == 1, "without replacement"
    # Hypergeometric: of 5 copies 3.57 are drawn, standard error 0.21 over ten epochs and two images.
    assert wrong.double().mean().item() == pytest.approx(5 * 20 / 28, abs=0.9)


def test_with_sampling_by_groups_cells_stay_equal_and_the_wrong_are_more_often_within_them(monkeypatch):
    gets_wrong(monkeypatch, 0)
    train = make_tiny_data(IMAGES, SIZE)
    train.groups = torch.tensor([0] * 14 + [1] * 6)
    orders = orders_of(monkeypatch, train)
    run(recipe(epochs=10), train=train, sampling="groups")
    for order in orders:
        assert train.cells[order].bincount(minlength=4).tolist() == [5] * 4
    shown = torch.stack([order.bincount(minlength=IMAGES) for order in orders[1:]]).double().mean(dim=0)
    # Cell 0 has 7 images, and 5 * 1 + 6 = 11 copies for 5 places: 2.27 times, standard error 0.27, and 0.45 the others.
    assert shown[0].item() == pytest.approx(25 / 11, abs=1.1)
    assert shown[[2, 4, 6, 8, 10, 12]].max() < shown[0]


def test_stage_2_begins_with_the_first_weights_and_an_optimiser_of_its_own():
    torch.manual_seed(0)
    model = ResNet18(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    method = make_method("jtt", model, GIVEN)
    data = make_tiny_data(IMAGES, SIZE)
    method.start(data.cells)
    assert method.start_epoch(1, lambda: pytest.fail("it has not been trained")) is None
    method.update(data.batch(slice(None)), torch.Generator())
    assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
    wrong = torch.arange(IMAGES) < 3
    copies = method.start_epoch(2, lambda: wrong)
    assert copies.tolist() == [5] * 3 + [1] * 17
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not method.optimizer.state_dict()["state"]
    assert torch.equal(method.start_epoch(3, lambda: pytest.fail("once")), copies)


def test_wrong_are_the_training_images_whose_label_has_the_smaller_logit_in_evaluation_mode():
    torch.manual_seed(0)
    model, data = ResNet18(1), make_tiny_data(IMAGES, SIZE)
    model(data.batch(slice(None)).images)
    learner = Classifier(model, make_method("jtt", model, GIVEN), "shuffled", data, data, 8, 7, HARDWARE)
    with torch.no_grad():
        logits = model.eval()(data.batch(slice(None)).images)
    expected = [bool(one[label] < one[1 - label]) for one, label in zip(logits, data.labels, strict=True)]
    assert learner._wrong().tolist() == expected
    assert 0 < sum(expected) < IMAGES


def told(caplog) -> list[str]:
    """What the method itself has logged."""
    return [record.getMessage() for record in caplog.records if record.name == "red_herring.methods.jtt"]


@pytest.mark.parametrize(("rows", "counts"), [([], [0, 0]), (range(IMAGES), [10, 10])])
def test_with_nothing_or_everything_wrong_stage_2_is_classification(monkeypatch, caplog, rows, counts):
    """To the bit, with the random numbers of its epochs."""
    gets_wrong(monkeypatch, *rows)
    with caplog.at_level(logging.INFO, "red_herring.methods.jtt"):
        found = run(recipe())
    monkeypatch.setattr(
        classifier, "random_numbers", lambda seed, epoch, *more: loop.random_numbers(seed, epoch + 1, *more)
    )
    plain = run(recipe(), method="classification")
    assert [epoch | {"epoch": epoch["epoch"] - 1} for epoch in found.history[1:]] == plain.history
    assert all(torch.equal(value, plain.model.state_dict()[name]) for name, value in found.model.state_dict().items())
    assert told(caplog) == [
        f"jtt: the first network gets {counts[0]} of 10 of label 0 and {counts[1]} of 10 of label 1 wrong, so the second "
        "one is shown all images equally often, as in classification"
    ]
    assert found.method.notes == {"wrong_of_labels": counts}


def test_with_a_class_wrong_it_is_upweighted_and_the_log_says_what_that_does(monkeypatch, caplog):
    gets_wrong(monkeypatch, *range(1, IMAGES, 2))
    train = make_tiny_data(IMAGES, SIZE)
    orders = orders_of(monkeypatch, train)
    with caplog.at_level(logging.INFO, "red_herring.methods.jtt"):
        found = run(recipe(epochs=5), train=train)
    assert told(caplog) == [
        "jtt: the first network gets 0 of 10 of label 0 and 10 of 10 of label 1 wrong, which the second one is shown 5 "
        "times as often as the others; as all of label 1 are among them, it unbalances the classes"
    ]
    assert found.method.notes == {"wrong_of_labels": [0, 10]}
    positive = torch.cat([train.labels[order] for order in orders[1:]]).double().mean().item()
    assert positive == pytest.approx(5 / 6, abs=0.12)  # three standard errors


def test_an_epoch_of_stage_1_is_never_kept_and_ends_nothing(monkeypatch):
    losses = iter([0.1, 0.2, 0.9, 0.5, 0.7, 0.8, 0.9])
    monkeypatch.setattr(classifier, "cross_entropy", lambda *_: next(losses))
    found = run(recipe(epochs=5, burn_in=1, patience=2), first_epochs=2)
    assert (found.best_epoch, found.stopped_by, len(found.history)) == (4, "patience", 6)
    assert found.method.extra_epochs == 2


def test_accuracy_and_steps_count_from_stage_2(monkeypatch):
    monkeypatch.setattr(classifier, "accuracy", lambda *_: 1.0)
    reached = run(recipe(epochs=5, train_accuracy=0.9, keep_last=True), first_epochs=2)
    assert (reached.best_epoch, reached.stopped_by) == (3, "train_accuracy")
    counted = run(recipe(epochs=1, steps=4))
    assert (counted.steps, counted.stopped_by, len(counted.history)) == (BATCHES + 4, "steps", 3)
    plain = run(recipe(epochs=1, steps=4), method="classification")
    assert plain.steps == counted.steps - BATCHES


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["shuffled", "groups"])
def test_killed_at_every_point_of_both_stages_it_ends_the_same(tmp_path, monkeypatch, sampling):
    """In epochs 1 to 3 and in the pass that tells what is wrong, 3 batches each: 12 points, at each of which the rest
    is made again from the last whole epoch.
    """
    expected = run(recipe(), sampling=sampling)
    assert sum(expected.method.notes["wrong_of_labels"]) not in (0, IMAGES), "or there is nothing to restore"
    batches, train = Dataset.batches, make_tiny_data(IMAGES, SIZE)

    def killed_before(number):
        seen = itertools.count(1)

        def some(self, *arguments):
            for batch in batches(self, *arguments):
                if self is train and next(seen) == number:
                    raise KeyboardInterrupt
                yield batch

        return some

    for number in range(1, 4 * BATCHES + 1):
        monkeypatch.setattr(Dataset, "batches", killed_before(number))
        folder = tmp_path / str(number)
        with pytest.raises(KeyboardInterrupt):
            run(recipe(), folder, "same", train=train, sampling=sampling)
        monkeypatch.setattr(Dataset, "batches", batches)
        again = run(recipe(), folder, "same", train=train, sampling=sampling)
        assert same(expected, again)
        assert again.method.notes == expected.method.notes
    finished = run(recipe(), folder, "same", train=train, sampling=sampling)
    assert same(expected, finished)
    assert finished.method.notes == expected.method.notes
