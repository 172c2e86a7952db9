"""What a run keeps between trials."""

import pytest
import torch
from red_herring.catalogue import BLUR
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
