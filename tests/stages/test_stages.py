"""Stages as the rules call them: processes with files in and out, and one sentence for what is wrong."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from conftest import ROOT
from safetensors.numpy import load_file
from support.loopback import until
from support.prepared_images import (
    COLUMNS,
    INDEX,
    KILL_AFTER_A_CHECKPOINT,
    assert_one_sentence,
    draw,
    files,
    index,
    listing,
    prepare,
    settings,
)

pytestmark = pytest.mark.slow

OUTPUTS = {"model.safetensors", "history.csv", "predictions.csv", "run.json"}
KEPT_OUTPUTS = {f"resume/{name}" for name in (*OUTPUTS, "finished.json")}
RUN = {
    "task": "t", "method": "actdiff", "file": "actdiff", "options": {}, "labels": "as_they_are", "signal": None, "stop": {},
    "mask": {"kind": "ellipse", "semi_axis": 0.3},
    "guidance": {"negatives": "empty", "control": "none", "budget": 1.0, "blur_sigma": 0.0},
    "width": 1, "batch_size": 8, "device": "cpu", "precision": "float32", "compile": False, "epochs": 3, "burn_in": 0, "patience": None,
}  # fmt: skip
SEARCH = RUN | {
    "mode": "search", "seed": 1, "initial_points": 2, "iterations": 1, "parallel": 1, "objective": "selected",
    "space": {"lr": ["log-uniform", 1e-4, 1e-2], "lambda": ["log-uniform", 1e-2, 1.0]},
}  # fmt: skip
BATCHES = SEARCH | {"iterations": 2, "parallel": 2, "epochs": 20}


def train(stage, **changes):
    return stage(
        "train", "--settings", json.dumps(RUN | changes), "--split", "splits/1.csv", "--images", "data/mine/images.npy",
        "--hyperparameters", "best.json", "--seed", 1, "--model", "run/seed=1/model.safetensors",
        "--history", "run/seed=1/history.csv", "--predictions", "run/seed=1/predictions.csv", "--record", "run/seed=1/run.json",
        "--log", "logs/train.log",
    )  # fmt: skip


def test_what_is_told_is_on_the_terminal_and_in_the_log(stage, folder):
    table = pd.read_csv(folder / "table.csv")
    table.assign(label=table["label"].where(table.index > 3, table["label"].str.upper())).to_csv(
        folder / "table.csv", index=False
    )
    done = stage("index_source", "--settings", json.dumps(listing()), "--index", "index.csv", "--log", "index.log")
    assert done.returncode == 0
    told = "source mine: its findings 'ILL' and 'ill', and 1 others count as different; write them alike"
    assert done.stderr.startswith(f"note: {told}")
    assert (folder / "index.log").read_text().startswith(told)


def assert_last_line(done: subprocess.CompletedProcess, *words: str) -> None:
    assert done.returncode == 1
    for word in ["error: ", *words]:
        assert word in done.stderr.strip().splitlines()[-1]


def test_from_images_to_a_scored_run(stage, prepared):
    about = json.loads((prepared / "data/mine/source.json").read_text())
    assert (about["images"], about["unreadable"], about["size"]) == (96, 0, 12)
    counts = pd.read_csv(prepared / "splits/1_counts.csv")
    assert counts["images"].sum() == len(pd.read_csv(prepared / "splits/1.csv"))

    assert train(stage).returncode == 0
    run = prepared / "run/seed=1"
    assert files(run) == OUTPUTS | KEPT_OUTPUTS, "no state is left behind"
    record = json.loads((run / "run.json").read_text())
    assert (record["method"], record["seed"], record["threads"], record["device"]) == ("actdiff", 1, 1, "cpu")
    assert record["precision"] == "float32"
    assert {"commit", "versions", "seconds", "settings", "hyperparameters"} <= set(record)
    predictions = pd.read_csv(run / "predictions.csv")
    assert predictions["split"].unique().tolist() == ["valid", "test"], "eight of a class are too few for further sets"
    assert record["images"] == {"train": 32, "valid": 16, "test": 16, "test_in_distribution": 0, "test_balanced": 0}
    assert record["test_in_distribution_auc"] is record["test_balanced_auc"] is None
    for name in ("test_auc", "within_0_auc", "within_1_auc"):
        assert 0 <= record[name] <= 1
    assert record["floor_auc"] == pytest.approx(0.25, abs=0.03)
    assert len(pd.read_csv(run / "history.csv")) == 3

    settings = {
        "task": "t",
        "mask": RUN["mask"],
        "signal": None,
        "analysis": {"saliency": {
            "attributions": ["gradient", "edges"], "smoothing_sigma": 1.0, "steps": "adaptive", "example_images": 2,
            "mean_map_images": 4,
        }},
        "batch_size": 8,
        "device": "cpu",
        "precision": "float32",
    }  # fmt: skip
    done = stage(
        "analyse", "--analysis", "localisation", "--settings", json.dumps(settings), "--split", "splits/1.csv",
        "--images", "data/mine/images.npy", "--model", "run/seed=1/model.safetensors", "--method", "m", "--seed", 1,
        "--table", "maps/1.csv", "--per-image", "maps/1_images.csv", "--arrays", "maps/1.safetensors",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    images = pd.read_csv(prepared / "maps/1_images.csv")
    scores = images[images["attribution"] == "gradient"]
    test = pd.read_csv(prepared / "splits/1.csv").query("split == 'test' and label == 1")
    assert scores["image"].tolist() == test["image"].tolist(), "every positive test image"
    table = pd.read_csv(prepared / "maps/1.csv")
    assert table["attribution"].tolist() == ["gradient", "edges"]
    assert table["iou"][0] == pytest.approx(scores["iou"].mean(), rel=1e-12)
    arrays = load_file(prepared / "maps/1.safetensors")
    assert len(arrays["example_rows"]) == 2
    assert arrays["example_image"].shape == arrays["example/edges"].shape == (2, 12, 12)
    assert (arrays["example_mask"].sum((1, 2)) == scores["mask_pixels"].iloc[arrays["example_rows"]]).all()
    assert (arrays["example/gradient"].max((1, 2)) == 255).all()
    assert arrays["mean/gradient"].shape == (12, 12)
    assert set(np.unique(arrays["mean_mask"])) == {0.0, 1.0}, "one ellipse for all"


def test_the_same_seed_gives_the_same_bytes_also_after_a_kill(stage, prepared):
    run = prepared / "run/seed=1"
    assert train(stage).returncode == 0
    first = {name: (run / name).read_bytes() for name in ("history.csv", "predictions.csv", "model.safetensors")}

    # The same, killed as soon as an epoch is on disk.
    for name in files(run):
        (run / name).unlink()
    assert stage("train", *train_arguments(), before=KILL_AFTER_A_CHECKPOINT.format(number=1)).returncode == -9
    assert any((run / "resume").glob("epoch=*.json"))
    assert train(stage).returncode == 0
    assert "continuing after epoch 1 of 3 and 0 batches" in (prepared / "logs/train.log").read_text()
    assert {name: (run / name).read_bytes() for name in first} == first


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}


def train_arguments(**changes):
    captured = []
    train(lambda name, *arguments: captured.extend(map(str, arguments)), **changes)
    return captured


def test_a_search_is_a_table_and_a_best(stage, prepared):
    tuning = SEARCH | {"epochs": 1}
    outputs = ("--trials", "tuning/trials.csv", "--best", "tuning/best.json")
    done = stage(
        "tune",
        "--settings",
        json.dumps(tuning),
        "--split",
        "splits/1.csv",
        "--images",
        "data/mine/images.npy",
        *outputs,
    )
    assert done.returncode == 0, done.stderr
    trials = pd.read_csv(prepared / "tuning/trials.csv")
    assert trials.columns.tolist() == ["trial", "lr", "lambda", "status", "valid_auc", "best_epoch", "epochs"]
    best = json.loads((prepared / "tuning/best.json").read_text())
    assert best["valid_auc"] == trials["valid_auc"].max()
    assert files(prepared / "tuning") == {"trials.csv", "best.json", "resume/trials.jsonl"}


def search_arguments(tuning, folder):
    return (
        "--settings", json.dumps(tuning), "--split", "splits/1.csv", "--images", "data/mine/images.npy",
        "--trials", f"{folder}/trials.csv", "--best", f"{folder}/best.json", "--log", f"{folder}.log",
    )  # fmt: skip


def test_a_search_killed_in_a_trial_ends_as_if_it_had_not_been(stage, prepared):
    tuning = SEARCH | {"epochs": 2}

    assert stage("tune", *search_arguments(tuning, "whole")).returncode == 0
    # Killed after the third checkpoint, so in the second trial.
    killed = stage("tune", *search_arguments(tuning, "cut"), before=KILL_AFTER_A_CHECKPOINT.format(number=3))
    assert killed.returncode == -9
    assert len((prepared / "cut/resume/trials.jsonl").read_text().splitlines()) == 2, "fingerprint and one trial"
    assert stage("tune", *search_arguments(tuning, "cut")).returncode == 0
    assert "continuing after epoch 1 of 2" in (prepared / "cut.log").read_text()
    for name in ("trials.csv", "best.json"):
        assert (prepared / "cut" / name).read_bytes() == (prepared / "whole" / name).read_bytes()


def test_a_trial_that_diverges_is_recorded_and_the_search_goes_on(stage, prepared):
    space = {"lr": ["log-uniform", 1e-3, 1e36], "lambda": ["log-uniform", 1e-2, 1.0]}
    tuning = SEARCH | {"initial_points": 5, "epochs": 1, "space": space}
    done = stage(
        "tune", "--settings", json.dumps(tuning), "--split", "splits/1.csv", "--images", "data/mine/images.npy",
        "--trials", "trials.csv", "--best", "tuned.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trials = pd.read_csv(prepared / "trials.csv")
    assert {"ok", "failed"} == set(trials["status"])
    assert len(trials) == 6
    assert trials.loc[trials["status"] == "failed", "valid_auc"].isna().all()
    best = json.loads((prepared / "tuned.json").read_text())
    assert trials.set_index("trial")["status"][best["trial"]] == "ok"


def test_given_hyperparameters_need_no_data(stage, tmp_path):
    given = {"lr": 0.1, "lambda": 2.0}
    tuning = {"task": "t", "method": "rrr", "file": "rrr", "mode": "given", "hyperparameters": given}
    done = stage("tune", "--settings", json.dumps(tuning), "--trials", "trials.csv", "--best", "best.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "best.json").read_text())["hyperparameters"] == tuning["hyperparameters"]
    assert pd.read_csv(tmp_path / "trials.csv").empty


def test_unreadable_images_are_set_aside(stage, folder):
    (folder / "images/5.png").write_bytes(b"")
    (folder / "images/7.png").unlink()
    assert index(stage).returncode == 0
    assert prepare(stage).returncode == 0
    quarantine = pd.read_csv(folder / "data/mine/quarantine.csv").set_index("image")["reason"]
    assert quarantine.to_dict() == {"5.png": "the file is empty", "7.png": "there is no such file"}
    assert draw(stage).returncode == 0
    assert not set(quarantine.index) & set(pd.read_csv(folder / "splits/1.csv")["image"])


def test_too_many_unreadable_images_stop_the_stage_and_leave_nothing(stage, folder):
    for number in range(0, 20, 2):
        (folder / f"images/{number}.png").write_bytes(b"not an image")
    index(stage)
    done = prepare(stage)
    assert_one_sentence(done, "source mine: 10 of 96 images", "max_unreadable = 0.05", "0.png", "the log names all")
    assert files(folder / "data") == {"mine/index.csv"}
    assert "18.png" in (folder / "logs/prepare.log").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imgpath": None}, ["imgpath: is null"]),
        ({"imgpath": "nowhere"}, ["nowhere (relative to ", "): there is no such folder"]),
        (
            {"imgpath": "empty"},
            ["empty (relative to ", "holds 0 of the 96 images", "0.png, 1.png, 2.png", "holds nothing else"],
        ),
        (
            {"imgpath": "other"},
            ["other (relative to ", "holds 1 of the 96 images", "it lacks 1.png, 2.png, 3.png", "holds a.png"],
        ),
    ],
)
def test_a_missing_folder_is_named(stage, folder, change, words):
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    for name in ("0.png", "a.png"):
        (folder / "other" / name).touch()
    index(stage)
    changed = settings()["settings"] | change
    assert_one_sentence(prepare(stage, settings=changed), *words)
    assert files(folder / "data") == {"mine/index.csv"}


def test_a_wrong_column_is_named(stage, folder):
    changed = settings()["settings"] | {"columns": COLUMNS | {"patient": "person"}}
    assert_one_sentence(index(stage, settings=changed), "table.csv", "no column 'person'")
    assert not (folder / "data/mine/index.csv").exists()


def test_a_task_that_cannot_be_drawn_leaves_the_earlier_split(stage, prepared):
    before = (prepared / "splits/1.csv").read_bytes()
    assert_one_sentence(draw(stage, finding=["ilness"]), "t: sources mine have no finding 'ilness'", "ill, well")
    sizes = {"train": 400, "valid": 4, "test": 4}
    assert_last_line(draw(stage, sizes=sizes), "t: label 0 in nuisance group 0 has 24 images", "needs 151")
    assert (prepared / "splits/1.csv").read_bytes() == before


def test_a_loss_that_is_not_a_number_stops_the_run(stage, prepared):
    (prepared / "best.json").write_text(json.dumps({"hyperparameters": {"lr": 1e30, "lambda": 0.1}}))
    assert_one_sentence(train(stage), "actdiff: ", " is nan in epoch 1", "try a smaller lr or lambda")
    assert not files(prepared / "run")


def test_a_method_that_needs_masks_says_which_image_has_none(stage, prepared):
    done = train(stage, mask={"kind": "source"})
    assert_one_sentence(done, "source mine: has no masks of its own", "ellipse")
    np.save(prepared / "data/mine/masks.npy", np.zeros((96, 12, 12), np.uint8))
    assert_one_sentence(
        train(stage, mask={"kind": "source"}), ".png: its ROI mask is empty", "as in all 16 positive training images"
    )


def test_a_full_disk_gets_a_sentence_and_leaves_nothing_half_written(stage, prepared, small_disk):
    """A real file system of 64 KiB; the run is finished once there is space."""
    run = small_disk(prepared / "run", "64k")
    done = train(stage, width=4)
    assert_one_sentence(done, "No space left on device", "put that right and run again")
    assert not any(name.endswith(("run.json", "model.safetensors", ".csv")) for name in files(run))
    subprocess.run(["mount", "-o", "remount,size=16m", str(run)], check=True)
    assert train(stage, width=4).returncode == 0
    assert "seed=1/run.json" in files(run)


def test_a_full_disk_while_preparing_gets_a_sentence(stage, folder, small_disk):
    """Where the space for the arrays is not there, the process is not killed when it touches them."""
    index(stage, size=64)
    small = small_disk(folder / "small", "128k")
    done = stage(
        "prepare_images", "--settings", json.dumps(settings(size=64)), "--index", "data/mine/index.csv",
        "--images", "small/images.npy", "--masks", "small/masks.npy", "--decoded", "small/decoded.csv", "--quarantine", "small/quarantine.csv",
        "--about", "small/source.json",
    )  # fmt: skip
    assert_last_line(done, "No space left on device", "put that right and run again")
    assert not files(small)


def test_a_bug_shows_its_traceback_in_the_log(stage, prepared):
    (prepared / "best.json").write_text(json.dumps({"hyperparameters": {}}))
    done = train(stage)
    assert_one_sentence(done, "KeyError", "the log has the details")
    assert "Traceback" in (prepared / "logs/train.log").read_text()


def started(prepared, stage, arguments):
    """A stage under way, in a process group of its own, and not watched by coverage: a signal that stops it while a
    tracer in Python holds its lock would leave it waiting for that lock for ever.
    """
    command = [sys.executable, "-m", f"red_herring.stages.{stage}", *arguments]
    environment = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("COV")}
    return subprocess.Popen(command, cwd=prepared, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(word: str, log: Path, process: subprocess.Popen, times: int = 1) -> None:
    while not (log.exists() and log.read_text().count(word) >= times):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


@pytest.mark.slow
def test_told_to_stop_a_run_saves_within_ten_seconds_and_goes_on_from_there(stage, prepared):
    run = prepared / "run/seed=1"
    long = {"epochs": 40, "width": 4}
    process = started(prepared, "train", train_arguments(**long))
    wait_for("epoch 3/40", prepared / "logs/train.log", process)
    told = time.monotonic()
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - told < 10
    assert process.returncode == 143
    assert err.strip() == "error: stopped by SIGTERM; what was done is kept; run again to go on"
    saved = (prepared / "logs/train.log").read_text()
    epochs, batches = re.search(r"stopped after (\d+) epochs and (\d+) batches, which are saved", saved).groups()
    assert not (run / "run.json").exists()
    assert train(stage, **long).returncode == 0
    went_on = (prepared / "logs/train.log").read_text()
    assert f"continuing after epoch {epochs} of 40 and {batches} batches" in went_on
    interrupted = {name: (run / name).read_bytes() for name in ("history.csv", "predictions.csv", "model.safetensors")}
    assert files(run) == OUTPUTS | KEPT_OUTPUTS
    shutil.rmtree(run)
    assert train(stage, **long).returncode == 0
    assert {name: (run / name).read_bytes() for name in interrupted} == interrupted


@pytest.mark.slow
def test_told_to_stop_a_search_saves_the_batch_of_its_trial(stage, prepared):
    tuning = SEARCH | {"epochs": 20}

    process = started(prepared, "tune", search_arguments(tuning, "cut"))
    wait_for("epoch 2/20", prepared / "cut.log", process, times=2)  # in the second trial
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 143
    assert stage("tune", *search_arguments(tuning, "cut")).returncode == 0
    assert "continuing after epoch" in (prepared / "cut.log").read_text()
    assert stage("tune", *search_arguments(tuning, "whole")).returncode == 0
    for name in ("trials.csv", "best.json"):
        assert (prepared / "cut" / name).read_bytes() == (prepared / "whole" / name).read_bytes()


def stopped(process: subprocess.Popen, number: int, everyone: bool) -> str:
    """End a stage by a signal to it, or to all its processes as Slurm does; none is left. What it said."""
    workers = psutil.Process(process.pid).children(recursive=True)
    for one in (*workers, process) if everyone else (process,):
        one.send_signal(number)
    _, err = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
    return err


@pytest.mark.slow
def test_a_search_in_batches_stopped_in_any_way_ends_as_if_it_had_not_been(stage, prepared):
    def begun(word, *threads):
        (prepared / "cut.log").unlink(missing_ok=True)
        process = started(prepared, "tune", [*search_arguments(BATCHES, "cut"), *threads])
        wait_for(word, prepared / "cut.log", process)
        return process

    def logged():
        return len((prepared / "cut/resume/trials.jsonl").read_text().splitlines()) - 1

    told = "error: stopped by SIGTERM; what was done is kept; run again to go on\n"
    first = begun("trial=0002  epoch 2/20", "--threads", "2")
    assert (stopped(first, signal.SIGTERM, everyone=False), first.returncode, logged()) == (told, 143, 0)
    second = begun("trial=0003  epoch 2/20")  # with fewer threads than trials at once
    assert (stopped(second, signal.SIGTERM, everyone=True), second.returncode, logged()) == (told, 143, 2)
    third = begun("trial=0003  continuing after")
    assert (stopped(third, signal.SIGKILL, everyone=False), logged()) == ("", 2)

    assert stage("tune", *search_arguments(BATCHES, "cut")).returncode == 0
    assert stage("tune", *search_arguments(BATCHES, "whole")).returncode == 0
    for name in ("trials.csv", "best.json"):
        assert (prepared / "cut" / name).read_bytes() == (prepared / "whole" / name).read_bytes()
    assert files(prepared / "cut") == {"trials.csv", "best.json", "resume/trials.jsonl"}


@pytest.mark.slow
def test_what_goes_wrong_in_one_of_several_processes_gets_its_sentence(stage, prepared, small_disk):
    small_disk(prepared / "small", "64k")
    done = stage("tune", *search_arguments(BATCHES | {"width": 4}, "small"))
    assert_one_sentence(done, "No space left on device", "put that right and run again")
    process = started(prepared, "tune", search_arguments(BATCHES, "large"))
    wait_for("trial=0001  epoch 1/", prepared / "large.log", process)
    max(psutil.Process(process.pid).children(), key=lambda child: child.memory_info().rss).kill()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("error: a process that evaluates trials ended without a result")


@pytest.mark.slow
def test_of_two_processes_at_one_run_the_second_waits_and_trains_nothing_again(stage, prepared):
    run, long = prepared / "run/seed=1", {"epochs": 60, "width": 4}  # longer than the second takes to start
    first = started(prepared, "train", train_arguments(**long))
    wait_for("epoch 2/60", prepared / "logs/train.log", first)
    second = started(prepared, "train", [*train_arguments(**long)[:-1], "logs/second.log"])
    assert "model.safetensors: another process is at work on this" in second.stderr.readline()
    assert not (prepared / "logs/second.log").exists(), "it touches nothing before it is its turn"
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert "trained before" in (prepared / "logs/second.log").read_text()
    assert files(run) == OUTPUTS | KEPT_OUTPUTS


def test_a_run_whose_outputs_snakemake_removed_is_not_trained_again(stage, prepared):
    """As it does with those of a job that ended after Snakemake was killed. Of other settings, it is."""
    run = prepared / "run/seed=1"
    assert train(stage).returncode == 0
    before = {name: (run / name).read_bytes() for name in OUTPUTS}
    for name in OUTPUTS:
        (run / name).unlink()
    assert train(stage).returncode == 0
    restored, _ = (prepared / "logs/train.log").read_text().splitlines()
    assert restored == "trained before: the outputs of that are restored"
    assert {name: (run / name).read_bytes() for name in OUTPUTS} == before
    (run / "resume/model.safetensors").unlink()
    assert train(stage).returncode == 0
    assert "epoch 1/3" in (prepared / "logs/train.log").read_text(), "what was kept is not whole any more"
    assert train(stage, epochs=2).returncode == 0
    assert "epoch 1/2" in (prepared / "logs/train.log").read_text()


def test_what_a_kill_left_half_written_is_removed_at_the_next_start(stage, prepared):
    run = prepared / "run/seed=1"
    run.mkdir(parents=True)
    (run / ".model.0123abcd.safetensors").write_bytes(b"half")
    (run / ".model.mine.safetensors").write_bytes(b"somebody's own")
    assert train(stage).returncode == 0
    assert ".model.0123abcd.safetensors" not in files(run)
    assert ".model.mine.safetensors" in files(run)


def test_read_only_results_get_a_sentence(stage, prepared, small_disk):
    run = small_disk(prepared / "run", "16m")
    subprocess.run(["mount", "-o", "remount,ro", str(run)], check=True)
    assert_one_sentence(train(stage), "Read-only file system", "put that right and run again")
    subprocess.run(["mount", "-o", "remount,rw", str(run)], check=True)
    assert train(stage).returncode == 0


@pytest.fixture
def preparing(stage, tmp_path):
    """A stage that prepares 3,200 drawn images in two processes, which are at work, and those processes."""
    drawn = INDEX | {"source": "drawn", "kind": "crosses", "settings": {"images_per_cell": 800, "seed": 1}}
    assert stage("index_source", "--settings", json.dumps(drawn), "--index", "drawn/index.csv").returncode == 0
    outputs = {
        "images": "images.npy",
        "masks": "masks.npy",
        "decoded": "decoded.csv",
        "quarantine": "quarantine.csv",
        "about": "source.json",
    }
    arguments = [word for name, file in outputs.items() for word in (f"--{name}", f"drawn/{file}")]
    given = json.dumps(drawn | {"size": 256, "max_unreadable": 0})
    process = started(
        tmp_path, "prepare_images", ["--settings", given, "--index", "drawn/index.csv", *arguments, "--threads", "2"]
    )
    until(lambda: len(psutil.Process(process.pid).children()) == 2)
    workers = psutil.Process(process.pid).children()
    yield process, workers
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_no_process_outlives_a_stage_that_was_killed(preparing):
    """Those that decode images would wait for work for ever."""
    process, workers = preparing
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


@pytest.mark.slow
def test_told_to_stop_preparing_leaves_nothing_behind(preparing, tmp_path):
    process, workers = preparing
    for one in (process, *workers):  # as Slurm does it, to all processes of a step
        one.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (143, "error: stopped by SIGTERM; run again to go on\n")
    assert files(tmp_path / "drawn") == {"index.csv"}
    assert not any(worker.is_running() for worker in workers)
