"""The search for hyperparameters of an arm, on a few crosses: what a trial is, and going on where one was cut."""

import dataclasses
import os
import signal

import pytest
import torch
from red_herring.generation import detector_search
from red_herring.generation import learner as training
from red_herring.generation.detection_data import Owned, TrainingData
from red_herring.generation.detector_search import Searched, in_place, search_detectors
from red_herring.generation.experiment import pretrain, validate_arm
from red_herring.generation.learner import DetectorLearner
from red_herring.runtime import interrupt
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.training.loop import Diverged
from support.detecting import ARMS, DETECTION
from support.to_detect import FREE, REAL, VALID

pytestmark = pytest.mark.slow

CPU = Hardware(torch.device("cpu"), "float32")
DATA = TrainingData(REAL, FREE, VALID)
SPACE = {
    "lr": ["log-uniform", 1e-3, 1e-1],
    "inner_rate": ["log-uniform", 1e-4, 1e-2],
    "lambda_s": ["log-uniform", 0.1, 1.0],
    "lambda_r": ["log-uniform", 0.1, 1.0],
}


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch):
    monkeypatch.setattr(training, "EPOCH", 3)


def pretrained():
    return pretrain(4, DATA, DETECTION, 7, CPU).gan


def arm(name="real", data=DATA):
    return Searched(ARMS[name], 4, data, DETECTION, 7, CPU, pretrained if name == "unrolled" else lambda: None, "same")


def searched(folder, name="real", **only):
    space = {key: bounds for key, bounds in SPACE.items() if name == "unrolled" or key == "lr"}
    return search_detectors(arm(name, **only), space, (2, 1), folder)


def test_what_was_searched_is_in_place_of_what_the_section_and_the_arm_say():
    values = {"lr": 0.5, "inner_rate": 0.25, "lambda_s": 2.0}
    section, of_arm = in_place(DETECTION, ARMS["unrolled"], values)
    assert section == DETECTION | {"lr": 0.5, "inner_rate": 0.25}
    assert of_arm == ARMS["unrolled"] | {"lambda_s": 2.0}
    assert in_place(DETECTION, ARMS["real"], {}) == (DETECTION, ARMS["real"])


def test_a_trial_is_a_run_of_the_arm_with_these_hyperparameters_and_its_generator_anew(tmp_path):
    proposed = {"lr": 0.05, "inner_rate": 1e-3, "lambda_s": 0.5, "lambda_r": 0.3}
    trial = arm("unrolled").trial(proposed, tmp_path)
    section, of_arm = in_place(DETECTION, ARMS["unrolled"], proposed)
    expected = validate_arm(of_arm, 4, DATA, section, 7, CPU, pretrained())
    assert trial == {"status": "ok", "valid_loss": expected.loss, "valid_score": expected.ap}
    other = arm("unrolled").trial(proposed | {"lr": 0.01}, tmp_path)
    assert other != trial, "the state of other hyperparameters is not gone on from"


def test_the_best_has_the_highest_score_and_nothing_but_the_log_stays(tmp_path, monkeypatch):
    scores = iter([0.2, 0.7, 0.4])
    found = detector_search.validate_arm

    def scored(*given):
        return dataclasses.replace(found(*given), ap=next(scores))

    monkeypatch.setattr(detector_search, "validate_arm", scored)
    trials, best = searched(tmp_path, "unrolled")
    assert [(trial["trial"], trial["valid_score"]) for trial in trials] == [(1, 0.2), (2, 0.7), (3, 0.4)]
    assert (best["trial"], best["valid_score"]) == (2, 0.7)
    assert best["hyperparameters"] == {name: trials[1][name] for name in SPACE}
    assert [file.name for file in tmp_path.iterdir()] == ["trials.jsonl"]


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize("number", [2, 8])
def test_told_to_stop_within_a_trial_it_ends_as_if_it_had_not_been(number, tmp_path, monkeypatch):
    whole, step, seen = searched(tmp_path / "whole", "unrolled"), DetectorLearner.step, []

    def stopped(self, batch):
        seen.append(1)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    monkeypatch.setattr(DetectorLearner, "step", stopped)
    with pytest.raises(interrupt.Interrupted):
        searched(tmp_path / "cut", "unrolled")
    interrupt.listen()
    assert searched(tmp_path / "cut", "unrolled") == whole
    assert len(seen) == 3 * DETECTION["steps"], "no batch is learnt from twice"


def test_a_trial_that_diverges_is_recorded_and_is_not_the_best(tmp_path, monkeypatch):
    found, count = detector_search.validate_arm, []

    def second_diverges(*given):
        count.append(1)
        if len(count) == 2:
            raise Diverged("detector: train_loss is nan in epoch 1")
        return found(*given)

    monkeypatch.setattr(detector_search, "validate_arm", second_diverges)
    trials, best = searched(tmp_path)
    assert (trials[1]["status"], trials[1]["valid_score"]) == ("failed", None)
    assert best["trial"] != 2


def test_a_rate_by_which_training_diverges_fails_its_trial(tmp_path):
    assert arm().trial({"lr": 1e30}, tmp_path)["status"] == "failed"


def test_without_a_box_to_find_there_is_no_search(tmp_path):
    free = VALID.examples.rows(torch.tensor([not len(boxes) for boxes in VALID.examples.boxes]).nonzero()[:, 0])
    data = TrainingData(REAL, FREE, Owned(free, VALID.patients[: len(free)]))
    with pytest.raises(StudyError, match="valid: has no image with a box"):
        searched(tmp_path, data=data)
