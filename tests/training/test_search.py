"""The search: resumable with the same answer, robust to failing trials."""

import json
import math

import pytest
from red_herring.runtime.files import StudyError
from red_herring.training import search as tuning
from skopt import Optimizer
from skopt.space import Integer, Real

SPACE = {"lr": ["log-uniform", 1e-5, 1e-2], "lambda": ["log-uniform", 1e-4, 10.0], "steps": ["integer", 2, 10]}
COUNTS = {"initial_points": 4, "iterations": 5, "parallel": 1, "seed": 3}


def bowl(hyperparameters, number):
    """Best at lr = 1e-3, lambda = 0.1, steps = 6."""
    distance = (
        (math.log10(hyperparameters["lr"]) + 3) ** 2
        + (math.log10(hyperparameters["lambda"]) + 1) ** 2 / 4
        + (hyperparameters["steps"] - 6) ** 2 / 40
    )
    return {"status": "ok", "valid_auc": math.exp(-distance), "best_epoch": 1, "epochs": 2}


def run(folder, objective=bowl, fingerprint="same", counts=COUNTS):
    def all_of(proposals):
        return [objective(hyperparameters, number) for number, hyperparameters in proposals.items()]

    return tuning.search(SPACE, all_of, trials=tuning.TrialLog(folder / "trials.jsonl", fingerprint), **counts)


@pytest.mark.slow
def test_trials_stay_in_the_space_and_beat_chance(tmp_path):
    trials = run(tmp_path, counts=COUNTS | {"iterations": 16})
    assert [trial["trial"] for trial in trials] == list(range(1, 21))
    for trial in trials:
        assert isinstance(trial["steps"], int)
        for name, (_, low, high) in SPACE.items():
            assert low <= trial[name] <= high
    best_random = max(trial["valid_auc"] for trial in trials[:4])
    assert tuning.best(trials, SPACE)["valid_auc"] > max(best_random, 0.8)


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 3, 5, 8])
def test_interrupted_and_continued_it_ends_with_the_same_answer(tmp_path, stop_at):
    whole = run(tmp_path / "whole")
    evaluated = []

    def until(hyperparameters, number):
        if number == stop_at:
            raise KeyboardInterrupt
        return bowl(hyperparameters, number)

    def counting(hyperparameters, number):
        evaluated.append(number)
        return bowl(hyperparameters, number)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", until)
    assert run(tmp_path / "cut", counting) == whole
    assert evaluated == list(range(stop_at, 10)), "no trial is evaluated twice"


def test_one_by_one_it_is_asked_and_told_one_point_at_a_time(tmp_path):
    """What is proposed does not depend on there being batches."""
    optimizer = Optimizer(
        [Real(1e-5, 1e-2, "log-uniform"), Real(1e-4, 10.0, "log-uniform"), Integer(2, 10)],
        base_estimator="GP", n_initial_points=4, initial_point_generator="random", random_state=3,
    )  # fmt: skip
    for trial in run(tmp_path):
        point = optimizer.ask()
        assert [trial[name] for name in SPACE] == point
        optimizer.tell(point, -trial["valid_auc"])


BATCHES = COUNTS | {"iterations": 3, "parallel": 3}


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    """The folder and the trials of a search in batches of three: 1 to 3, 4, 5 to 7."""
    folder = tmp_path_factory.mktemp("batches")
    return folder, run(folder, counts=BATCHES)


def test_in_batches_the_random_trials_are_those_of_one_by_one_and_proposals_differ(tmp_path, batches):
    _, trials = batches
    one_by_one = run(tmp_path, counts=BATCHES | {"parallel": 1})
    assert trials[:4] == one_by_one[:4]
    assert trials[4:] != one_by_one[4:]
    assert len({trial["lr"] for trial in trials}) == 7, "the lies keep the proposals apart"


def test_a_batch_is_evaluated_at_once(tmp_path):
    asked = []

    def at_once(proposals):
        asked.append(list(proposals))
        return [bowl(hyperparameters, number) for number, hyperparameters in proposals.items()]

    tuning.search(SPACE, at_once, trials=tuning.TrialLog(tmp_path / "trials.jsonl", "same"), **BATCHES)
    assert asked == [[1, 2, 3], [4], [5, 6, 7]]


@pytest.mark.slow
@pytest.mark.parametrize("known", range(8))
def test_batches_continued_after_any_trial_end_with_the_same_answer(tmp_path, batches, known):
    folder, whole = batches
    lines = (folder / "trials.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_text("".join(lines[: known + 1]))
    evaluated = []

    def counting(hyperparameters, number):
        evaluated.append(number)
        return bowl(hyperparameters, number)

    assert run(tmp_path, counting, counts=BATCHES) == whole
    assert evaluated == list(range(known + 1, 8))


def test_a_line_cut_off_by_a_crash_is_dropped(tmp_path, caplog):
    whole = run(tmp_path)
    file = tmp_path / "trials.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:4]) + lines[4][:20])
    assert run(tmp_path) == whole
    assert "cut off" in caplog.text
    assert [json.loads(line) for line in file.read_text().splitlines()][1:] == whole


def test_trials_of_other_settings_are_not_used(tmp_path, caplog):
    run(tmp_path)
    evaluated = []
    run(tmp_path, lambda hyperparameters, number: evaluated.append(number) or bowl(hyperparameters, number), "other")
    assert len(evaluated) == 9
    assert "starting a new search" in caplog.text


def test_a_log_that_does_not_belong_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(StudyError, match="trial 1 is not what the search proposes"):
        run(tmp_path, counts=COUNTS | {"seed": 4})


def test_failed_trials_are_recorded_and_the_search_goes_on(tmp_path):
    def half(hyperparameters, number):
        if number % 2:
            return {"status": "failed", "valid_auc": None, "best_epoch": None, "epochs": None}
        return bowl(hyperparameters, number)

    trials = run(tmp_path, half)
    assert [trial["status"] for trial in trials] == ["failed" if number % 2 else "ok" for number in range(1, 10)]
    assert tuning.best(trials, SPACE)["trial"] % 2 == 0


def test_another_score_is_searched_and_chosen_by_alike(tmp_path):
    """Told the negative of it, and of a trial that failed the worst that there is."""
    told, tell = [], Optimizer.tell

    def noting(self, points, values, *arguments, **options):
        told.extend(values)
        return tell(self, points, values, *arguments, **options)

    def scored(hyperparameters, number):
        if number == 2:
            return {"status": "failed", "valid_score": None}
        return {
            "status": "ok",
            "valid_score": bowl(hyperparameters, number)["valid_auc"] - 0.5,
            "valid_auc": 1 / number,
        }

    def all_of(proposals):
        return [scored(hyperparameters, number) for number, hyperparameters in proposals.items()]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Optimizer, "tell", noting)
        log = tuning.TrialLog(tmp_path / "trials.jsonl", "same")
        trials = tuning.search(SPACE, all_of, trials=log, score="valid_score", **COUNTS)
    assert told == [1.0 if number == 1 else -trial["valid_score"] for number, trial in enumerate(trials)]
    best = tuning.best(trials, SPACE, "valid_score")
    assert best["valid_score"] == max(trial["valid_score"] for trial in trials if trial["status"] == "ok")
    assert "valid_auc" not in best


def test_if_all_trials_fail_there_is_no_answer(tmp_path):
    trials = run(tmp_path, lambda *_: {"status": "failed", "valid_auc": None})
    with pytest.raises(StudyError, match="all 9 trials failed; narrow the search ranges of lr, lambda, steps"):
        tuning.best(trials, SPACE)


def test_of_equal_trials_the_earliest_wins():
    trials = [{"trial": n, "lr": 1e-3 * n, "status": "ok", "valid_auc": 0.5} for n in (1, 2)]
    assert tuning.best(trials, {"lr": SPACE["lr"]})["trial"] == 1


@pytest.mark.parametrize(
    ("hyperparameters", "flagged"),
    [
        ({"lr": 1e-3, "lambda": 0.1, "steps": 6}, []),
        ({"lr": 9e-3, "lambda": 0.1, "steps": 10}, ["lr", "steps"]),
        ({"lr": 1e-3, "lambda": 1.5e-4, "steps": 2}, ["lambda", "steps"]),
        ({"lr": 2e-5, "lambda": 4.0, "steps": 3}, []),  # 10 % and 92 % of their log ranges
    ],
)
def test_optima_within_five_percent_of_a_bound_are_flagged(hyperparameters, flagged):
    assert tuning.on_bound(hyperparameters, SPACE) == flagged
