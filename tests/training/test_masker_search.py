"""The search for a masker's hyperparameters, on tiny networks."""

import os
import signal

import pytest
import torch
from conftest import make_tiny_data
from red_herring.networks.resnet import initialised
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training import masker_search
from red_herring.training.masker import MaskerLearner, fit_arm
from red_herring.training.masker_search import masker_trial, search_maskers

CPU = Hardware(torch.device("cpu"), "float32")
ARM = {
    "form": "all", "objectives": "both", "infill": "mean", "examples": None, "draw": 1, "steps": 4, "batch_size": 8,
    "lr": 1e-2, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3,
}  # fmt: skip
SPACE = {
    "lr": ["log-uniform", 1e-3, 1e-1],
    "lambda_in": ["log-uniform", 0.1, 10.0],
    "lambda_out": ["log-uniform", 0.1, 10.0],
    "lambda_tv": ["log-uniform", 1e-4, 1e-2],
    "steps": ["integer", 2, 4],
}


def given():
    train, valid = make_tiny_data(16, 12), make_tiny_data(8, 12, seed=1)
    return initialised(1, 3).eval().requires_grad_(False), train, valid


def searched(folder, fingerprint="same", space=SPACE):
    classifier, train, valid = given()
    return search_maskers(classifier, ARM, space, train, valid, 7, CPU, (2, 1), folder, fingerprint)


def test_a_trial_is_the_last_epoch_of_an_arm_with_these_hyperparameters(tmp_path):
    classifier, train, valid = given()
    proposed = {"lr": 0.05, "lambda_out": 3.0, "steps": 3}
    trial = masker_trial(classifier, ARM, proposed, train, valid, 7, CPU, tmp_path, "same")
    last = fit_arm(classifier, ARM | proposed, train, valid, 7, CPU).history[-1]
    assert trial == {"status": "ok", **{name: value for name, value in last.items() if name.startswith("valid_")}}
    other = masker_trial(classifier, ARM, proposed | {"lr": 0.01}, train, valid, 7, CPU, tmp_path, "same")
    assert other != trial, "the state of other hyperparameters is not gone on from"


def test_the_best_has_the_highest_score_and_nothing_but_the_log_stays(tmp_path):
    trials, best = searched(tmp_path)
    assert [trial["trial"] for trial in trials] == [1, 2, 3]
    winner = max(trials, key=lambda trial: trial["valid_score"])
    assert (best["trial"], best["valid_score"]) == (winner["trial"], winner["valid_score"])
    assert best["hyperparameters"] == {name: winner[name] for name in SPACE}
    assert [file.name for file in tmp_path.iterdir()] == ["trials.jsonl"]


@pytest.mark.usefixtures("listening")
def test_told_to_stop_within_a_trial_it_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    whole, step, seen = searched(tmp_path / "whole"), MaskerLearner.step, []

    def stopped(self, batch):
        seen.append(1)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    monkeypatch.setattr(MaskerLearner, "step", stopped)
    with pytest.raises(interrupt.Interrupted):
        searched(tmp_path / "cut")
    interrupt.listen()
    assert searched(tmp_path / "cut") == whole
    assert len(seen) == sum(trial["steps"] for trial in whole[0]), "no batch is learnt from twice"


def test_a_trial_that_diverges_is_recorded_and_is_not_the_best(tmp_path, monkeypatch):
    fit, count = masker_search.fit_arm, []

    def second_diverges(*arguments):
        count.append(1)
        if len(count) == 2:
            raise masker_search.Diverged("masker: train_inside is nan in epoch 1")
        return fit(*arguments)

    monkeypatch.setattr(masker_search, "fit_arm", second_diverges)
    trials, best = searched(tmp_path)
    assert trials[1]["status"] == "failed"
    assert trials[1]["valid_score"] is None
    assert best["trial"] != 2


def test_if_all_diverge_there_is_no_answer(tmp_path, monkeypatch):
    def diverges(*_):
        raise masker_search.Diverged("masker: train_inside is nan in epoch 1")

    monkeypatch.setattr(masker_search, "fit_arm", diverges)
    with pytest.raises(StudyError, match="all 3 trials failed; narrow the search ranges of lr, lambda_in"):
        searched(tmp_path)
