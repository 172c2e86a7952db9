"""Runs that are not there are named, with the reason that their logs give."""

import json
from pathlib import Path

import pytest
from red_herring.report.missing import failures, missing_detector_runs, missing_runs, to_markdown, without_maps
from red_herring.study.settings import described_methods

RUNS = [("spc", method, seed) for method in ("rrr", "masked") for seed in (1, 2)]

SEARCHED = {"spc": "spc"}
MADE_BY = {"spc/rrr": "0123456789ab", "spc/masked": "ba9876543210"}

ASKED = {"localisation": {"spc": ["rrr", "masked"]}}
METHODS = described_methods(["rrr", "masked"])


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A study of four runs that is whole."""
    monkeypatch.chdir(tmp_path)
    for task, method, seed in RUNS:
        touch(f"results/tuning/{task}/{method}/best.json", json.dumps({"hyperparameters": {"lr": 0.1}}))
        record = {"made_by": MADE_BY[f"{task}/{method}"], "hyperparameters": {"lr": 0.1}}
        touch(f"results/runs/{task}/{method}/seed={seed}/run.json", json.dumps(record))
        touch(f"results/localisation/{task}/{method}/seed={seed}.csv")
    return tmp_path.relative_to(tmp_path) / "results"


def touch(name, text=""):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_whole_study_misses_nothing(results):
    assert missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {}) == {}
    assert "All runs" in to_markdown({}, "spc", {})


def test_each_stage_can_be_the_one_that_failed(results):
    (results / "runs/spc/rrr/seed=1/run.json").unlink()
    touch("results/logs/train/spc/rrr/seed=1.log", "epoch 1\nerror: the loss is nan\n")
    (results / "localisation/spc/rrr/seed=2.csv").unlink()
    touch("results/logs/localisation/spc/rrr/seed=2.log", "half a li")
    (results / "runs/spc/masked/seed=2/run.json").unlink()
    missing = missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {})
    assert list(missing) == [("spc", "rrr", 1), ("spc", "rrr", 2), ("spc", "masked", 2)]
    one, two, rest = failures(missing)
    assert one == "spc, rrr, seed 1: the loss is nan (results/logs/train/spc/rrr/seed=1.log)"
    assert two.startswith("spc, rrr, seed 2: killed, or lost with its machine: the log results/logs/localisation")
    assert rest == "1 more were not started"
    assert "* RRR, seed 1: the loss is nan" in to_markdown(missing, "spc", METHODS)
    assert "Masked, seed 2: not started" in to_markdown(missing, "spc", METHODS)


def test_an_answer_is_missing_of_a_run_that_is_asked_only(results):
    asked = ASKED | {"reliance": {"spc": ["masked"]}, "nuisance_probe": {}}
    touch("results/reliance/spc/masked/seed=1.csv")
    assert missing_runs(results, RUNS, asked, MADE_BY, SEARCHED, {}) == {("spc", "masked", 2): "not started"}
    assert without_maps(results, RUNS, asked, MADE_BY, SEARCHED, {}) == {}
    (results / "localisation/spc/rrr/seed=2.csv").unlink()
    assert list(without_maps(results, RUNS, asked, MADE_BY, SEARCHED, {})) == [("spc", "rrr", 2)]


def test_the_seeds_of_a_search_that_failed_are_named_together(results):
    (results / "tuning/spc/rrr/best.json").unlink()
    touch("results/logs/tune/spc/rrr.log", "error: all 25 trials failed\n")
    for seed in (1, 2):
        (results / f"runs/spc/rrr/seed={seed}/run.json").unlink()
    assert failures(missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {})) == [
        "spc, rrr, seeds 1, 2: all 25 trials failed (results/logs/tune/spc/rrr.log)"
    ]


def test_a_search_that_failed_is_named_though_its_runs_of_old_are_there(results):
    (results / "tuning/spc/rrr/best.json").unlink()
    touch("results/logs/tune/spc/rrr.log", "error: killed\n")
    assert list(missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {})) == [
        ("spc", "rrr", 1),
        ("spc", "rrr", 2),
    ]


def test_a_run_of_other_settings_or_code_waits_to_be_made_again(results):
    touch("results/runs/spc/rrr/seed=2/run.json", '{"made_by": "another"}')
    assert missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {}) == {("spc", "rrr", 2): "not started"}


def test_a_run_of_another_search_waits_to_be_made_again(results):
    touch("results/tuning/other/rrr/best.json", json.dumps({"hyperparameters": {"lr": 0.2}}))
    touch("results/tuning/other/masked/best.json", json.dumps({"hyperparameters": {"lr": 0.1}}))
    missing = missing_runs(results, RUNS, ASKED, MADE_BY, {"spc": "other"}, {})
    assert missing == {("spc", "rrr", 1): "not started", ("spc", "rrr", 2): "not started"}


def test_the_detectors_that_are_not_there_are_named_with_the_job_that_failed(results):
    made_with = {f"find/{arm}/n=4": {"lr": 0.1} for arm in ("real", "gan")}
    runs = [("find", arm, 4, seed) for arm in ("real", "gan") for seed in (1, 2)]
    touch("results/detectors/find/real/n=4/seed=1/run.json", json.dumps({"settings": {"lr": 0.1}}))
    touch("results/detectors/find/real/n=4/seed=2/run.json", json.dumps({"settings": {"lr": 0.2}}))
    touch("results/logs/train_detector/find/real/n=4/seed=2.log", "done\n")
    for seed in (1, 2):
        touch(
            f"results/logs/pretrain_generator/find/n=4/seed={seed}.log", "error: too few\n" if seed == 1 else "done\n"
        )
    touch("results/generators/find/n=4/seed=2/generator.safetensors")
    touch("results/logs/train_detector/find/gan/n=4/seed=2.log", "error: the loss is nan\n")
    missing = missing_detector_runs(results, runs, {"real": "real", "gan": "generated"}, made_with)
    assert failures(missing) == [
        "find, gan, n=4, seed 1: too few (results/logs/pretrain_generator/find/n=4/seed=1.log)",
        "find, gan, n=4, seed 2: the loss is nan (results/logs/train_detector/find/gan/n=4/seed=2.log)",
        "1 more were not started",
    ]
    assert failures(dict.fromkeys(runs, "not started")) == ["4 were not started"]


def test_detectors_share_the_failure_of_their_search(results):
    made_with = {"find/gan/n=4": {"space": {"lr": ["log-uniform", 0.1, 1.0]}}}
    runs = [("find", "gan", 4, seed) for seed in (1, 2)]
    for seed in (1, 2):
        touch(f"results/generators/find/n=4/seed={seed}/generator.safetensors")
    touch("results/logs/tune_detector/find/gan/n=4.log", "error: all 3 trials failed\n")
    missing = missing_detector_runs(results, runs, {"gan": "generated"}, made_with)
    assert failures(missing) == [
        "find, gan, n=4, seeds 1, 2: all 3 trials failed (results/logs/tune_detector/find/gan/n=4.log)"
    ]
    touch("results/detectors/find/gan/n=4/best.json", json.dumps({"hyperparameters": {"lr": 0.2}}))
    assert failures(missing_detector_runs(results, runs, {"gan": "generated"}, made_with)) == ["2 were not started"]


def test_a_run_waits_for_the_detector_that_generates_its_images(results):
    of = {"task": "plain", "arm": "gan", "n_real": 4, "further": "generated", "searched": True}
    (results / "runs/spc/rrr/seed=1/run.json").unlink()
    touch("results/generators/plain/n=4/seed=1/generator.safetensors")
    logs = (
        "tune_detector/plain/gan/n=4",
        "train_detector/plain/gan/n=4/seed=1",
        "generate_images/plain/gan/n=4/seed=1",
    )
    for log, output in zip(logs, ("best.json", "seed=1/run.json", "seed=1/more"), strict=True):
        touch(f"results/logs/{log}.log", "error: none\n")
        found = missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {"spc": of})
        assert found == {("spc", "rrr", 1): f"none (results/logs/{log}.log)"}
        touch(f"results/detectors/plain/gan/n=4/{output}")


def test_pasting_waits_for_no_detector(results):
    of = {"task": "plain", "arm": "pasted", "n_real": 4, "further": "copy_paste", "searched": True}
    (results / "runs/spc/rrr/seed=1/run.json").unlink()
    touch("results/logs/generate_images/plain/pasted/n=4/seed=1.log", "error: no negative\n")
    (why,) = missing_runs(results, RUNS, ASKED, MADE_BY, SEARCHED, {"spc": of}).values()
    assert why.startswith("no negative (results/logs/generate_images")
