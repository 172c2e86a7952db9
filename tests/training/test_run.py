"""What a run keeps between trials."""

import pytest
import torch
from red_herring.runtime.hardware import Hardware
from red_herring.study.catalogue import BLUR
from red_herring.training import classifier
from red_herring.training.fit import recipe_of
from red_herring.training.run import Run

GUIDANCE = {"negatives": "empty", "control": "none", "budget": 1.0, "blur_sigma": 0.0}


@pytest.fixture
def run(tiny_data):
    run = object.__new__(Run)  # without a split and prepared images on disk
    run.settings, run.seed, run.train, run._shown = {"guidance": GUIDANCE}, 1, tiny_data(8), None
    return run


def test_masks_are_prepared_once_for_all_trials_with_the_same_blur(run):
    first = run._guided({"lr": 1e-3})
    assert run._guided({"lr": 1e-2}) is first
    wider = run._guided({"lr": 1e-2, BLUR: 0.5})
    assert wider.masks.sum() > first.masks.sum()
    assert torch.equal(run._guided({"lr": 1e-2}).masks, first.masks)


def test_a_method_without_masks_sees_them_as_they_are(run):
    run.settings = {"guidance": None}
    assert run._guided({"lr": 1e-3}) is run.train


@pytest.mark.parametrize(("objective", "epoch", "score"), [("selected", 4, 0.3), ("highest", 1, 0.95)])
def test_a_trial_is_scored_at_the_epoch_that_a_run_would_select(
    run, tiny_data, tmp_path, monkeypatch, objective, epoch, score
):
    """Under a shift a slow learner has its highest AUC before it has learnt anything, within the burn-in."""
    losses, aucs = iter([0.1, 0.2, 0.9, 0.7, 0.8]), iter([0.95, 0.9, 0.2, 0.3, 0.25])
    monkeypatch.setattr(classifier, "cross_entropy", lambda *_: next(losses))
    monkeypatch.setattr(classifier, "auc", lambda *_: next(aucs))
    run.split, run.folders, run.valid, run.threads = tmp_path / "split.csv", [], tiny_data(8), 1
    run.split.touch()
    run.hardware = Hardware(torch.device("cpu"), "float32")
    run.settings = {
        "task": "t", "method": "classification", "options": {}, "guidance": None, "objective": objective,
        "width": 1, "epochs": 5, "batch_size": 8, "burn_in": 2, "patience": None, "compile": False,
    }  # fmt: skip
    run.recipe = recipe_of(run.settings)
    trial = run.trial({"lr": 1e-3}, tmp_path)
    assert trial == {"status": "ok", "valid_auc": score, "best_epoch": epoch, "epochs": 5}
