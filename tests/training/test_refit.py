"""The step after training: on which images it is taken, and on which it is scored."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_tiny_data
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.data.dataset import Dataset
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training import fit as fitting
from red_herring.training.evaluate import auc, predict
from red_herring.training.fit import Recipe
from red_herring.training.refit import halves_by_patient, refit

HARDWARE = Hardware(torch.device("cpu"), "float32")


def images_of(patients, cells, size=12):
    """Noise, an image per row."""
    cells = np.array(cells)
    levels = np.random.default_rng(0).integers(0, 255, (len(cells), size, size), dtype=np.uint8)
    table = pd.DataFrame({"patient": patients, "label": cells % 2, "nuisance": cells // 2})
    return Dataset(levels, np.zeros((size, size), bool), table, (0.0, 1.0))


@settings(deadline=None, max_examples=50)
@given(
    more=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=60),
    seed=st.integers(0, 1000),
)
def test_every_image_is_in_one_half_and_no_patient_in_both(more, seed):
    """Three patients of each cell who have one image, and others with images of several cells."""
    rows = [(f"own{n}", n % 4) for n in range(12)] + [(f"shared{patient}", cell) for patient, cell in more]
    patients, cells = zip(*rows, strict=True)
    data = images_of(patients, cells)
    one, other = halves_by_patient(data, "dfr", seed)
    assert sorted([*one, *other]) == list(range(len(rows)))
    assert not {patients[row] for row in one} & {patients[row] for row in other}
    for half in (one, other):
        assert set(data.cells[half].tolist()) == {0, 1, 2, 3}


def test_halves_are_about_equal_and_drawn_with_the_seed():
    data = images_of([f"p{n // 2}" for n in range(128)], np.arange(128) // 2 % 4)
    one, other = halves_by_patient(data, "dfr", 1)
    assert len(one) == len(other) == 64
    assert np.bincount(data.cells[one]).tolist() == [16] * 4
    assert halves_by_patient(data, "dfr", 1)[0].tolist() == one.tolist()
    assert halves_by_patient(data, "dfr", 2)[0].tolist() not in (one.tolist(), other.tolist())


@pytest.mark.parametrize(
    ("cells", "patients", "why"),
    [
        ([0, 0, 1, 1, 3, 3], list("abcdef"), "label 0 in nuisance group 1 do not exist"),
        ([0, 0, 1, 1, 2, 2, 3], list("abcdefg"), "label 1 in nuisance group 1 are of 1 patients"),
        ([0, 0, 1, 1, 2, 2, 3, 3], list("abcdefgg"), "label 1 in nuisance group 1 are of 1 patients"),
        ([0, 0, 1, 1, 2, 2, 3, 3], list("abbcacab"), "are of patients whose images could not be divided"),
    ],
)
def test_cells_that_cannot_be_in_both_halves_are_named_before_training(cells, patients, why):
    with pytest.raises(StudyError, match=rf"^dfr: is fitted to one half .* {why}; give the task more"):
        halves_by_patient(images_of(patients, cells), "dfr", 0)


def test_each_half_is_scored_by_a_step_on_the_other_and_the_model_has_its_step_on_all(monkeypatch):
    data = make_tiny_data(24, 12, crossed=True)
    torch.manual_seed(0)
    method = make_method("dfr", ResNet18(2), {"lr": 1e-3, "C": 1.0})
    trained = {name: value.clone() for name, value in method.model.state_dict().items()}
    halves, given, finish = halves_by_patient(data, "dfr", 5), [], method.finish
    monkeypatch.setattr(
        method, "finish", lambda batches, seed: finish(given.append([*batches]) or iter(given[-1]), seed)
    )
    found, held_out = refit(method, data, halves, 7, 5, HARDWARE)

    seen = [torch.cat([batch.images for batch in batches]) for batches in given]
    for images, rows in zip(seen, (*halves, slice(None)), strict=True):
        assert torch.equal(images, data.batch(torch.arange(24)[rows]).images)
    scores = []
    for fitted, scored in (halves, halves[::-1]):
        again = make_method("dfr", ResNet18(2), {"lr": 1e-3, "C": 1.0})
        again.model.load_state_dict(trained)
        again.finish(data.subset(fitted).batches(7), 5)
        rest = data.subset(scored)
        scores.append(auc(predict(again.model, rest, 7, HARDWARE), rest.labels))
        assert torch.equal(held_out[scored], predict(again.model, rest, 7, HARDWARE))
    assert found == sum(scores) / 2
    again.model.load_state_dict(trained)
    again.finish(data.batches(7), 5)
    assert torch.equal(again.model.fc.weight, method.model.fc.weight)


def test_the_best_epoch_is_that_of_the_classifier_and_the_score_that_of_the_halves():
    """The labels of validation are noise: fitted to its own images the last layer tells them, and to the others not."""
    train, valid = make_tiny_data(20, 12), images_of([f"p{n}" for n in range(80)], np.arange(80) % 4)
    recipe = Recipe(width=4, epochs=2, batch_size=8, burn_in=0, patience=None, compile=False)
    plain, fitted = (
        fitting.fit(name, {"lr": 1e-3, "C": 100.0}, {}, train, valid, recipe, 1, HARDWARE)
        for name in ("classification", "dfr")
    )
    assert fitted.history == plain.history
    assert fitted.best_epoch == plain.best_epoch
    assert plain.valid_auc == plain.history[plain.best_epoch - 1]["valid_auc"]
    assert auc(predict(fitted.model, valid, 8, HARDWARE), valid.labels) > 0.75
    assert fitted.valid_auc < 0.65
    assert plain.held_out is None
    assert auc(fitted.held_out, valid.labels) < 0.65
