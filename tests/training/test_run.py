"""What a run keeps between trials, and what it records."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.data.dataset import Dataset
from red_herring.runtime.files import write_json
from red_herring.runtime.hardware import Hardware
from red_herring.statistics.calibration import COLDEST, temperature
from red_herring.study.catalogue import BLUR
from red_herring.training import classifier, fit
from red_herring.training.fit import recipe_of
from red_herring.training.run import Run
from support.run_settings import GUIDANCE, SEARCHING, TRAINING


@pytest.fixture
def run(tiny_data):
    run = object.__new__(Run)  # without a split and prepared images on disk
    run.settings, run.seed, run.train, run._shown = replace(SEARCHING, guidance=GUIDANCE), 1, tiny_data(8), None
    return run


def test_masks_are_prepared_once_for_all_trials_with_the_same_blur(run):
    first = run._guided({"lr": 1e-3})
    assert run._guided({"lr": 1e-2}) is first
    wider = run._guided({"lr": 1e-2, BLUR: 0.5})
    assert wider.masks.sum() > first.masks.sum()
    assert torch.equal(run._guided({"lr": 1e-2}).masks, first.masks)


def test_a_method_without_masks_sees_them_as_they_are(run):
    run.settings = SEARCHING
    assert run._guided({"lr": 1e-3}) is run.train


@pytest.fixture
def searching(run, tiny_data, tmp_path):
    """A function that makes a trial of a method by an objective; of the five epochs two are burn-in."""
    run.split, run.folders, run.valid, run.threads = tmp_path / "split.csv", [], tiny_data(8, crossed=True), 1
    run.split.touch()
    run.hardware = Hardware(torch.device("cpu"), "float32")

    def trial(method, objective, **hyperparameters):
        run.settings = replace(SEARCHING, objective=objective, file=method)
        run.recipe = recipe_of(run.settings)
        return run.trial({"lr": 1e-3, **hyperparameters}, tmp_path)

    return trial


@pytest.mark.parametrize(("objective", "epoch", "score"), [("selected", 4, 0.3), ("highest", 1, 0.95)])
def test_a_trial_is_scored_at_the_epoch_that_a_run_would_select(searching, monkeypatch, objective, epoch, score):
    """Under a shift a slow learner has its highest AUC before it has learnt anything, within the burn-in."""
    losses, aucs = iter([0.1, 0.2, 0.9, 0.7, 0.8]), iter([0.95, 0.9, 0.2, 0.3, 0.25])
    monkeypatch.setattr(classifier, "cross_entropy", lambda *_: next(losses))
    monkeypatch.setattr(classifier, "auc", lambda *_: next(aucs))
    trial = searching("classification", objective)
    assert trial == {"status": "ok", "valid_auc": score, "best_epoch": epoch, "epochs": 5}


def test_an_epoch_of_a_first_stage_scores_no_trial(searching, monkeypatch):
    aucs = iter([0.99, 0.98, 0.1, 0.7, 0.2, 0.3, 0.4])
    monkeypatch.setattr(classifier, "auc", lambda *_: next(aucs))
    trial = searching("jtt", "highest", first_epochs=2, upweight=4)
    assert trial == {"status": "ok", "valid_auc": 0.7, "best_epoch": 4, "epochs": 7}


@pytest.mark.parametrize("objective", ["selected", "highest"])
def test_a_method_with_a_step_after_training_is_scored_after_it(searching, monkeypatch, objective):
    losses, steps = iter([0.1, 0.2, 0.9, 0.7, 0.8]), []
    monkeypatch.setattr(classifier, "cross_entropy", lambda *_: next(losses))
    monkeypatch.setattr(fit, "refit", lambda *given: steps.append(given) or (0.625, torch.zeros(8, 2)))
    trial = searching("dfr", objective, C=1.0)
    assert trial == {"status": "ok", "valid_auc": 0.625, "best_epoch": 4, "epochs": 5}
    assert len(steps) == 1


def test_permuting_labels_changes_no_mask(run):
    as_they_are = run._guided({"lr": 1e-3})
    run.settings, run._shown = replace(run.settings, labels="permuted"), None
    permuted = run._guided({"lr": 1e-3})
    assert torch.equal(permuted.masks, as_they_are.masks)
    assert torch.equal(permuted.labels, as_they_are.permuted(run.seed).labels)
    assert not torch.equal(permuted.labels, as_they_are.labels)
    assert run._guided({"lr": 1e-2}) is permuted, "prepared once for all trials"


def test_where_the_nuisance_is_the_label_the_same_images_are_shown_with_the_same_masks(run, tiny_data):
    run.train = tiny_data(8, crossed=True)
    masks = run.train.masks.numpy().copy()
    masks[run.train.labels == 0] = False
    run.train = Dataset(run.train.levels.numpy(), masks, run.train.table, (0.0, 1.0))
    guidance = GUIDANCE | {"negatives": "matched", "budget": 0.5}
    run.settings = replace(run.settings, guidance=guidance)
    base = run._guided({"lr": 1e-3})
    assert 0 < base.masks.all(dim=(1, 2)).sum() < 8, "half are beyond the budget"
    exchanged = run.train.table.rename(columns={"label": "nuisance", "nuisance": "label"})
    run.train = Dataset(run.train.levels.numpy(), masks, exchanged, (0.0, 1.0))
    run.settings, run._shown = replace(run.settings, labels="nuisance"), None
    own = run._guided({"lr": 1e-3})
    assert torch.equal(own.masks, base.masks)
    assert torch.equal(own.labels, base.groups)
    run.settings, run._shown = replace(run.settings, labels="as_they_are"), None
    assert not torch.equal(run._guided({"lr": 1e-3}).masks, base.masks), "what it would be by the label"


SETTINGS = replace(TRAINING, method="groupdro", file="groupdro", epochs=3, burn_in=1, patience=1)


@pytest.fixture
def final(tmp_path):
    """A function that trains a run of 32 images in two of the four cells and gives its record, history and predictions."""
    random, (labels, cut) = np.random.default_rng(0), (np.arange(64) % 2, [32, 48])
    (tmp_path / "mine").mkdir()
    np.save(tmp_path / "mine/images.npy", random.integers(0, 200, (64, 12, 12), dtype=np.uint8))
    np.save(tmp_path / "mine/masks.npy", np.zeros((0, 12, 12), np.uint8))
    write_json(tmp_path / "mine/source.json", {"size": 12, "pixel_range": [0.0, 1.0]})
    pd.DataFrame(
        {
            "source": "mine", "image": [f"i{n}" for n in range(64)], "row": np.arange(64), "patient": "p", "label": labels,
            "nuisance": labels, "split": np.repeat(["train", "valid", "test"], np.diff([0, *cut, 64])),
        }
    ).to_csv(tmp_path / "split.csv", index=False)  # fmt: skip
    hyperparameters = {"lr": 1e-3, "group_step_size": 0.01, "first_epochs": 1, "upweight": 4}
    write_json(tmp_path / "best.json", {"hyperparameters": hyperparameters})

    def train(**more):
        run = Run(replace(SETTINGS, **more), tmp_path / "split.csv", [tmp_path / "mine/images.npy"], 1, 1)
        names = ("model.safetensors", "history.csv", "predictions.csv", "run.json")
        outputs = [tmp_path / "run" / name for name in names]
        run.final(tmp_path / "best.json", tmp_path / "resume", *outputs)
        return json.loads(outputs[3].read_text()), pd.read_csv(outputs[1]), pd.read_csv(outputs[2])

    return train


def test_a_run_is_made_of_the_anatomy_that_its_masks_are_of(final, tmp_path):
    """What was segmented anew is trained anew, also after an interruption."""
    final(stop={"steps": 8})
    digests = set()
    for checksum in "ab":
        write_json(tmp_path / "mine/anatomy.json", {"sha256": checksum})
        np.save(tmp_path / "mine/anatomy.npy", np.ones((64, 12, 12), np.uint16))
        for mask in ({"kind": "ellipse", "semi_axis": 0.4}, {"kind": "anatomy", "structures": ["Heart"]}):
            run = Run(replace(SETTINGS, mask=mask), tmp_path / "split.csv", [tmp_path / "mine/images.npy"], 1, 1)
            digests.add(run.fingerprint("train"))
    assert len(digests) == 3


def test_the_record_says_how_training_stopped(final):
    record, history, _ = final(stop={"steps": 10})
    assert record["stopped"] == {"by": "steps", "epochs": 3, "steps": 10}
    assert record["notes"] == {}
    assert record["valid_auc"] == history["valid_auc"].iloc[record["best_epoch"] - 1]
    assert "train_accuracy" not in history


def test_the_record_says_how_many_images_the_first_stage_of_jtt_got_wrong(final):
    record, history, _ = final(method="jtt", file="jtt")
    (of_zero, of_one) = record["notes"]["wrong_of_labels"]
    assert 0 <= of_zero <= 16 >= of_one >= 0
    assert (record["best_epoch"] > 2, len(history)) == (True, 4)


def test_with_permuted_labels_the_last_epoch_is_kept_and_evaluation_has_the_labels_as_they_are(final):
    record, history, predictions = final(labels="permuted", stop={"train_accuracy": 1.0, "steps": 6})
    assert (record["best_epoch"], len(history)) == (2, 2)
    accuracy = history["train_accuracy"].iloc[-1]
    assert record["stopped"] == {"by": "steps", "epochs": 2, "steps": 6, "train_accuracy": accuracy}
    assert predictions["label"].tolist() == (np.arange(32) % 2).tolist()
    assert record["images"]["train"] == 32
    assert record["settings"]["labels"] == "permuted"


def test_the_temperature_of_a_step_after_training_is_not_of_the_images_that_it_was_fitted_to(final, tmp_path):
    """A layer of many weights tells its few images of noise apart, which alone gives the lowest temperature there is."""
    table = pd.read_csv(tmp_path / "split.csv")
    table.assign(patient=table["image"], nuisance=np.arange(64) // 2 % 2).to_csv(tmp_path / "split.csv", index=False)
    write_json(tmp_path / "best.json", {"hyperparameters": {"lr": 1e-3, "C": 1e4}})
    record, _, predictions = final(method="dfr", file="dfr", width=4)
    valid = predictions[predictions["split"] == "valid"]
    in_sample = temperature((valid["logit_1"] - valid["logit_0"]).to_numpy(), valid["label"].to_numpy())
    assert in_sample == COLDEST
    assert {found["temperature"] > 1 for found in record["measures"].values()} == {True}


def test_permuted_labels_are_learnt_by_heart_and_say_nothing_of_the_true_ones(final):
    record, history, _ = final(
        method="classification",
        file="classification",
        labels="permuted",
        width=4,
        epochs=60,
        stop={"train_accuracy": 0.95},
    )
    assert record["stopped"]["by"] == "train_accuracy"
    assert record["stopped"]["train_accuracy"] >= 0.95 > history["train_accuracy"].iloc[:-1].max()
