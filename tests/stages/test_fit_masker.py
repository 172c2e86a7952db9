"""The stages that fit maskers and search for their hyperparameters, as the rules call them."""

import json
import shutil

import pandas as pd
import pytest
from safetensors.numpy import load_file
from support.prepared_images import KILL_AFTER_A_CHECKPOINT, assert_one_sentence, files

pytestmark = pytest.mark.slow

TRAINED = {
    "task": "t", "options": {}, "labels": "as_they_are", "signal": None, "stop": {}, "guidance": None,
    "mask": {"kind": "ellipse", "semi_axis": 0.3}, "width": 1, "batch_size": 8,
    "device": "cpu", "precision": "float32", "compile": False, "epochs": 2, "burn_in": 0, "patience": None,
}  # fmt: skip
HYPERPARAMETERS = {
    "classification": {"lr": 1e-2},
    "joint_masking": {"lr": 1e-3, "masker_lr": 1e-3, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3},
}
MASKER = {
    "form": "all", "objectives": "both", "infill": "mean", "examples": None, "draw": 1, "steps": 6, "batch_size": 8,
    "lr": 3e-3, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3,
}  # fmt: skip
FIT = {
    **{key: TRAINED[key] for key in ("task", "labels", "signal", "mask", "device", "precision")},
    "method": "classification", "masker": MASKER,
    "arms": {"few": {"examples": 2, "infill": "shuffled"}, "two_stages": {"form": "two", "objectives": "out"}},
}  # fmt: skip
SEARCH = FIT | {
    "arms": {}, "initial_points": 2, "iterations": 1, "seed": 1,
    "space": {"lr": ["log-uniform", 1e-3, 1e-2], "steps": ["integer", 3, 6]},
}  # fmt: skip
OUTPUTS = {"maskers.safetensors", "maskers.json", "history.csv"}
KEPT = ("maskers.safetensors", "history.csv")


@pytest.fixture(scope="module")
def trained_once(prepared_once, stage_in, tmp_path_factory):
    """A folder with a run of classification and one of joint_masking."""
    folder = shutil.copytree(prepared_once, tmp_path_factory.mktemp("trained"), dirs_exist_ok=True)
    for method, hyperparameters in HYPERPARAMETERS.items():
        (folder / "best.json").write_text(json.dumps({"hyperparameters": hyperparameters}))
        done = stage_in(folder)(
            "train", "--settings", json.dumps(TRAINED | {"method": method, "file": method}), *DATA,
            "--hyperparameters", "best.json", "--seed", 1, "--model", f"{method}/model.safetensors",
            "--history", f"{method}/history.csv", "--predictions", f"{method}/predictions.csv", "--record", f"{method}/run.json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


DATA = ("--split", "splits/1.csv", "--images", "data/mine/images.npy")


@pytest.fixture
def trained(trained_once, tmp_path):
    """The folder in which stages run, a copy of that."""
    return shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)


def fit(stage, folder="maskers", method="classification", *more, before="", **changes):
    return stage(
        "fit_masker", "--settings", json.dumps(FIT | {"method": method} | changes), *DATA,
        "--model", f"{method}/model.safetensors", "--seed", 1, "--maskers", f"{folder}/maskers.safetensors",
        "--record", f"{folder}/maskers.json", "--history", f"{folder}/history.csv", "--log", f"{folder}.log", *more,
        before=before,
    )  # fmt: skip


def tune(stage, folder="tuned", before="", **changes):
    return stage(
        "tune_masker", "--settings", json.dumps(SEARCH | changes), *DATA, "--model", "classification/model.safetensors",
        "--trials", f"{folder}/trials.csv", "--best", f"{folder}/best.json", "--log", f"{folder}.log", before=before,
    )  # fmt: skip


def arms_of(path):
    return {name.split("/")[0] for name in load_file(path)}


def recorded(folder):
    """What was recorded of each arm, but for how long it took."""
    arms = json.loads((folder / "maskers.json").read_text())["arms"]
    return {name: {key: value for key, value in arm.items() if key != "seconds"} for name, arm in arms.items()}


def test_every_arm_is_fitted_and_recorded_and_the_classifier_stays_as_it_is(stage, trained):
    before = (trained / "classification/model.safetensors").read_bytes()
    done = fit(stage)
    assert done.returncode == 0, done.stderr
    assert files(trained / "maskers") == OUTPUTS, "no state is left behind"
    assert (trained / "classification/model.safetensors").read_bytes() == before

    weights = load_file(trained / "maskers/maskers.safetensors")
    assert arms_of(trained / "maskers/maskers.safetensors") == {"fixed", "few", "two_stages"}
    assert weights["fixed/stages"].tolist() == [1, 2, 3, 4]
    assert weights["two_stages/stages"].tolist() == [3, 4]
    assert (weights["fixed/output.weight"] != weights["few/output.weight"]).any()

    record = json.loads((trained / "maskers/maskers.json").read_text())
    assert (record["task"], record["method"], record["seed"], record["threads"]) == ("t", "classification", 1, 1)
    assert {"versions", "commit"} <= set(record)
    for name, arm in record["arms"].items():
        assert arm["settings"] == MASKER | FIT["arms"].get(name, {})
        assert arm["steps"] == 6
        assert min(arm["kept_0"], arm["kept_1"], arm["area"]) >= 0
        assert max(arm["kept_0"], arm["kept_1"], arm["area"]) <= 1
        expected = name != "two_stages" and min(arm["kept_0"], arm["kept_1"]) < 0.9
        assert arm["collapsed"] == bool(weights[f"{name}/collapsed"]) == expected

    history = pd.read_csv(trained / "maskers/history.csv")
    assert history[["arm", "epoch"]].to_numpy().tolist() == [
        [arm, epoch] for arm in ("fixed", "few", "two_stages") for epoch in (1, 2)
    ], "four batches an epoch"
    assert history.filter(like="valid_").notna().all().all()


def test_killed_in_the_second_arm_it_ends_as_if_it_had_not_been(stage, trained):
    """And the same twice: the whole one is fitted beside it."""
    assert fit(stage, "whole").returncode == 0
    killed = fit(stage, "cut", before=KILL_AFTER_A_CHECKPOINT.format(number=3))
    assert killed.returncode == -9
    assert files(trained / "cut") >= {
        f"resume/{name}.json" for name in ("fixed/epoch=00002,batch=0000000", "few/epoch=00001,batch=0000000")
    }
    assert fit(stage, "cut").returncode == 0
    log = (trained / "cut.log").read_text()
    assert "continuing after epoch 2 of 2" in log, "the first arm is not fitted again"
    assert "continuing after epoch 1 of 2" in log
    for name in KEPT:
        assert (trained / "cut" / name).read_bytes() == (trained / "whole" / name).read_bytes()
    assert recorded(trained / "cut") == recorded(trained / "whole")
    assert files(trained / "cut") == OUTPUTS


def test_what_was_begun_with_other_settings_is_not_gone_on_with(stage, trained):
    assert fit(stage, "cut", before=KILL_AFTER_A_CHECKPOINT.format(number=1)).returncode == -9
    other = MASKER | {"lambda_in": 2.0}
    assert fit(stage, "cut", masker=other, arms={}).returncode == 0
    assert fit(stage, "whole", masker=other, arms={}).returncode == 0
    assert "belongs to other settings" in (trained / "cut.log").read_text()
    for name in KEPT:
        assert (trained / "cut" / name).read_bytes() == (trained / "whole" / name).read_bytes()


def test_an_arm_does_not_depend_on_the_others(stage, trained):
    assert fit(stage, "several").returncode == 0
    assert fit(stage, "one", arms={"few": FIT["arms"]["few"]}).returncode == 0
    several, one = (load_file(trained / name / "maskers.safetensors") for name in ("several", "one"))
    assert {name.split("/")[0] for name in one} == {"fixed", "few"}
    assert all((several[name] == values).all() for name, values in one.items())


def test_the_masker_that_was_trained_with_a_classifier_is_its_only_arm(stage, trained):
    done = fit(stage, "joint", "joint_masking", arms={})
    assert done.returncode == 0, done.stderr
    own = load_file(trained / "joint_masking/model.safetensors")
    found = load_file(trained / "joint/maskers.safetensors")
    assert {name.removeprefix("joint/") for name in found} == {
        name.removeprefix("masker.") for name in own if name.startswith("masker.")
    }
    for name, values in found.items():
        if name != "joint/collapsed":
            assert (values == own[name.replace("joint/", "masker.")]).all(), name
    record = recorded(trained / "joint")
    assert set(record) == {"joint"}
    assert set(record["joint"]) == {"collapsed", "kept_0", "kept_1", "area"}
    assert pd.read_csv(trained / "joint/history.csv").columns.tolist() == ["arm", "epoch"]
    assert files(trained / "joint") == OUTPUTS


def test_a_masker_that_empties_its_masks_is_said_to_have_collapsed(stage, trained):
    emptying = MASKER | {"lambda_in": 1000.0, "lambda_out": 1000.0, "lr": 0.3, "steps": 24}
    assert fit(stage, masker=emptying, arms={}).returncode == 0
    fixed = recorded(trained / "maskers")["fixed"]
    assert fixed["collapsed"]
    assert min(fixed["kept_0"], fixed["kept_1"]) < 0.1
    assert fixed["area"] < 0.01
    assert load_file(trained / "maskers/maskers.safetensors")["fixed/collapsed"]


def test_what_is_wrong_gets_one_sentence_and_leaves_nothing(stage, trained):
    assert_one_sentence(fit(stage, arms={"few": {"examples": 500}}), "500", "16")
    assert_one_sentence(fit(stage, masker=MASKER | {"lr": 1e30}, arms={}), "masker: ", "try a smaller lr")
    (trained / "classification/model.safetensors").write_bytes(b"half")
    assert_one_sentence(fit(stage), "classification/model.safetensors: is not a whole safetensors file")
    assert not OUTPUTS & files(trained / "maskers")


def test_a_search_is_a_table_and_a_best_that_fitting_takes(stage, trained):
    done = tune(stage)
    assert done.returncode == 0, done.stderr
    assert files(trained / "tuned") == {"trials.csv", "best.json"}
    trials = pd.read_csv(trained / "tuned/trials.csv")
    assert trials["trial"].tolist() == [1, 2, 3]
    assert {"lr", "steps", "status", "valid_score", "valid_kept_0", "valid_kept_1", "valid_area"} <= set(trials)
    assert trials["steps"].between(3, 6).all()
    best = json.loads((trained / "tuned/best.json").read_text())
    chosen = trials.loc[trials["valid_score"].idxmax()]
    assert (best["trial"], best["hyperparameters"]["lr"]) == (chosen["trial"], pytest.approx(chosen["lr"]))

    few = {"few": {"examples": 2, "lr": 1e-4}}
    done = fit(stage, "maskers", "classification", "--hyperparameters", "tuned/best.json", arms=few)
    assert done.returncode == 0, done.stderr
    record = recorded(trained / "maskers")
    assert record["fixed"]["settings"] == MASKER | best["hyperparameters"]
    assert record["few"]["settings"] == MASKER | best["hyperparameters"] | few["few"], "its own over what was searched"
    assert record["few"]["steps"] == best["hyperparameters"]["steps"]


def test_a_search_killed_in_a_trial_ends_as_if_it_had_not_been(stage, trained):
    space = {"lr": ["log-uniform", 1e-3, 1e-2]}
    assert tune(stage, "whole", space=space).returncode == 0
    killed = tune(stage, "cut", before=KILL_AFTER_A_CHECKPOINT.format(number=3), space=space)
    assert killed.returncode == -9
    assert len((trained / "cut/resume/trials.jsonl").read_text().splitlines()) == 2, "fingerprint and one trial"
    assert tune(stage, "cut", space=space).returncode == 0
    assert "continuing after epoch 1 of 2" in (trained / "cut.log").read_text()
    for name in ("trials.csv", "best.json"):
        assert (trained / "cut" / name).read_bytes() == (trained / "whole" / name).read_bytes()
