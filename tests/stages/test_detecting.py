"""The stages of a detection study as the rules call them: pretraining, training, and inserting findings."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.data.splits import COLUMNS
from red_herring.generation import detection_metrics, usage
from red_herring.saliency.boxes import true_boxes
from red_herring.statistics import boxes as box_measures
from safetensors.numpy import load_file
from support.detecting import (
    ARMS,
    DETECTION,
    DETECTOR,
    GENERATED,
    SEARCH,
    SIZE,
    generate,
    make_study,
    pretrain,
    train,
    tune,
)
from support.prepared_images import KILL_AFTER_A_CHECKPOINT, assert_one_sentence, files

pytestmark = pytest.mark.slow

PRETRAINED = {"generator.safetensors", "history.csv", "usage.csv"}
SAME = set(DETECTOR.values()) - {"usage.csv", "run.json"}
"""Outputs that do not say how long it took."""

LONG = DETECTION | {"steps": 25, "pretraining_steps": 14}
"""More than an epoch of either."""


@pytest.fixture(scope="module")
def trained_once(stage_in, tmp_path_factory):
    """A folder with a study, a pretraining and a run of three arms."""
    folder = tmp_path_factory.mktemp("detecting")
    stage = stage_in(folder)
    made = [*make_study(stage), pretrain(stage), *(train(stage, arm) for arm in ("real", "copy_paste", "unrolled"))]
    for done in made:
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def study(trained_once, tmp_path):
    """The folder in which stages run, a copy of that."""
    return shutil.copytree(trained_once, tmp_path, dirs_exist_ok=True)


def contents(folder, names):
    return {name: (folder / name).read_bytes() for name in names}


def split_of(study):
    return pd.read_csv(study / "split.csv")


def test_a_run_leaves_its_files_and_no_state(study):
    assert files(study / "generator") == PRETRAINED
    for arm in ("real", "copy_paste", "unrolled"):
        assert files(study / arm) == set(DETECTOR.values())
        parts = {name.split("/")[0] for name in load_file(study / arm / "weights.safetensors")}
        assert parts == ({"detector", "insert"} if arm in GENERATED else {"detector"})
        record = json.loads((study / arm / "run.json").read_text())
        assert (record["task"], record["arm"], record["n_real"], record["seed"]) == ("t", arm, 4, 5)
        assert record["settings"]["arm_is"] == ARMS[arm]
        assert record["settings"]["detection"] == DETECTION
        assert record["hyperparameters"] == {}, "none but those of the settings"
        assert record["images"] == {"real": 4, "free": 16, "valid": 16, "test": 16}
        assert (record["device"], record["precision"], record["threads"]) == ("cpu", "float32", 1)
        assert {"versions", "commit", "seconds"} <= record.keys()
        measures = pd.read_csv(study / arm / "measures.csv")
        assert measures.columns.tolist() == box_measures.COLUMNS
        assert record["ap"] == measures["value"][0]
        history = pd.read_csv(study / arm / "history.csv")
        assert history["epoch"].tolist() == [1]
        assert ("train_generator_unrolled" in history) == (arm == "unrolled")


def test_the_cost_of_a_run_begins_with_that_of_its_pretraining(study):
    before = pd.read_csv(study / "generator/usage.csv")
    table = pd.read_csv(study / "unrolled/usage.csv")
    assert table.columns.tolist() == before.columns.tolist() == usage.COLUMNS
    pd.testing.assert_frame_equal(table[:1], before)
    assert table[["part", "steps"]].to_numpy().tolist() == [["pretraining", 4], ["detector", 5], ["test", 0]]
    assert pd.read_csv(study / "real/usage.csv")["part"].tolist() == ["detector", "test"]


def test_truths_are_those_of_the_test_images_and_predictions_give_the_measures(study):
    split = split_of(study)
    test = split[split["split"] == "test"].set_index("image")
    truths = pd.read_csv(study / "real/truths.csv")
    assert sorted(truths["image"]) == sorted(test.index)
    masks = np.load(study / "data/found/masks.npy")
    for row in truths.itertuples():
        boxes = true_boxes(masks[test.loc[row.image, "row"]])
        expected = boxes[0].tolist() if len(boxes) else [None] * 4
        assert [None if pd.isna(x) else x for x in (row.top, row.left, row.bottom, row.right)] == expected
        assert test.loc[row.image, "patient"] == row.patient
    assert (study / "real/truths.csv").read_bytes() == (study / "unrolled/truths.csv").read_bytes()

    table = pd.read_csv(study / "unrolled/predictions.csv")
    found = [table[table["image"] == name] for name in truths["image"]]
    assert sum(map(len, found)) == len(table) > 0
    tensors = [(torch.tensor(own.iloc[:, 2:6].to_numpy()), torch.tensor(own["score"].to_numpy())) for own in found]
    true = [torch.tensor(row.dropna().to_numpy(float)).reshape(-1, 4) for _, row in truths.iloc[:, 2:].iterrows()]
    again = detection_metrics.detection_measures(tensors, true, truths["patient"].tolist())
    pd.testing.assert_frame_equal(again, pd.read_csv(study / "unrolled/measures.csv"), rtol=1e-12)


def test_shown_are_images_of_training_with_a_box_each(study):
    split = split_of(study)
    stored = np.load(study / "data/found/images.npy")
    train = split[split["split"] == "train"]
    free, crosses = (stored[train.loc[train["label"] == label, "row"]] for label in (0, 1))
    for arm in ("real", "copy_paste", "unrolled"):
        shown = load_file(study / arm / "shown.safetensors")
        assert shown["images"].shape == shown["real_images"].shape == (4, SIZE, SIZE)
        assert shown["images"].dtype == np.uint8
        assert shown["boxes"].dtype == np.int64
        assert all((image == crosses).all(axis=(1, 2)).any() for image in shown["real_images"])
        of = crosses if arm == "real" else free
        for image, (top, left, bottom, right) in zip(shown["images"], shown["boxes"], strict=True):
            outside = np.ones((SIZE, SIZE), bool)
            outside[top:bottom, left:right] = False
            candidates = [*of, *of[:, :, ::-1]]
            assert any((image[outside] == other[outside]).all() for other in candidates)


@pytest.mark.slow
def test_a_detector_killed_in_training_ends_as_if_it_had_not_been(stage, study):
    generator = "long/generator.safetensors"
    assert pretrain(stage, "long", detection=LONG).returncode == 0
    assert train(stage, "unrolled", "whole", generator=generator, detection=LONG).returncode == 0
    before = KILL_AFTER_A_CHECKPOINT.format(number=1)
    killed = train(stage, "unrolled", "cut", before=before, generator=generator, detection=LONG)
    assert killed.returncode == -9
    assert "resume/epoch=00001,batch=0000000.json" in files(study / "cut")
    assert train(stage, "unrolled", "cut", generator=generator, detection=LONG).returncode == 0
    assert "continuing after epoch 1 of 2" in (study / "cut.log").read_text()
    assert contents(study / "cut", SAME) == contents(study / "whole", SAME)
    assert files(study / "cut") == set(DETECTOR.values())


@pytest.mark.slow
def test_a_pretraining_killed_ends_as_if_it_had_not_been_and_other_settings_begin_anew(stage, study):
    assert pretrain(stage, "whole", detection=LONG).returncode == 0
    before = KILL_AFTER_A_CHECKPOINT.format(number=1)
    for folder in ("cut", "other"):
        assert pretrain(stage, folder, before=before, detection=LONG).returncode == -9
    assert pretrain(stage, "cut", detection=LONG).returncode == 0
    assert "continuing after epoch 1 of 2" in (study / "cut.log").read_text()
    kept = PRETRAINED - {"usage.csv"}
    assert contents(study / "cut", kept) == contents(study / "whole", kept)
    assert pretrain(stage, "other").returncode == 0
    assert "belongs to other settings" in (study / "other.log").read_text()
    assert contents(study / "other", kept) == contents(study / "generator", kept)


def test_what_cannot_be_trained_gets_one_sentence_and_leaves_nothing(stage, study):
    assert_one_sentence(pretrain(stage, "none", n_real=17), "n_real: is 17, and there are 16")
    assert_one_sentence(train(stage, "real", "none", mask={"kind": "ellipse"}), "mask.kind: is ellipse")
    (study / "generator/generator.safetensors").write_bytes(b"half")
    assert_one_sentence(train(stage, "gan", "none"), "generator/generator.safetensors: is not a whole state")
    assert_one_sentence(
        train(stage, "unrolled_alone", "none", generator="no.safetensors"), "no.safetensors: there is no"
    )
    assert not files(study / "none")


def test_a_search_is_a_table_and_a_best_that_training_takes(stage, study):
    done = tune(stage, "unrolled")
    assert done.returncode == 0, done.stderr
    assert files(study / "tuned") == {"trials.csv", "best.json"}
    trials = pd.read_csv(study / "tuned/trials.csv")
    assert trials.columns.tolist() == ["trial", "lr", "lambda_s", "status", "valid_loss", "valid_score"]
    assert trials["trial"].tolist() == [1, 2, 3]
    assert trials["lr"].between(1e-3, 1e-2).all()
    best = json.loads((study / "tuned/best.json").read_text())
    chosen = trials.loc[trials["valid_score"].idxmax()]
    assert (best["trial"], best["hyperparameters"]["lr"]) == (chosen["trial"], pytest.approx(chosen["lr"]))
    assert (best["task"], best["arm"], best["n_real"], best["seed"]) == ("t", "unrolled", 4, 5)

    found = json.dumps(best | {"hyperparameters": {"lr": 5e-3, "lambda_s": 0.7}})
    (study / "found.json").write_text(found)
    done = train(stage, "unrolled", "searched", hyperparameters="found.json", **SEARCH)
    assert done.returncode == 0, done.stderr
    record = json.loads((study / "searched/run.json").read_text())
    assert record["hyperparameters"] == {"lr": 5e-3, "lambda_s": 0.7}
    assert record["settings"] == json.loads((study / "unrolled/run.json").read_text())["settings"] | SEARCH
    by_hand = {"detection": DETECTION | {"lr": 5e-3}, "arm_is": ARMS["unrolled"] | {"lambda_s": 0.7}}
    assert train(stage, "unrolled", "by_hand", **by_hand).returncode == 0
    assert contents(study / "searched", SAME) == contents(study / "by_hand", SAME)


def test_no_test_image_is_read_to_search(stage, study):
    space = {"lr": SEARCH["space"]["lr"]}
    assert tune(stage, "real", space=space).returncode == 0
    split = split_of(study)
    for name in ("images", "masks"):
        stored = np.load(study / f"data/found/{name}.npy")
        stored[split.loc[split["split"] == "test", "row"]] = 255
        np.save(study / f"data/found/{name}.npy", stored)
    assert tune(stage, "real", "again", space=space).returncode == 0
    assert contents(study / "again", ["trials.csv", "best.json"]) == contents(
        study / "tuned", ["trials.csv", "best.json"]
    )
    split[split["split"] != "test"].to_csv(study / "split.csv", index=False)
    assert tune(stage, "real", "without", space=space).returncode == 0


@pytest.mark.slow
def test_a_search_killed_in_a_trial_ends_as_if_it_had_not_been(stage, study):
    changes = {"space": {"lr": SEARCH["space"]["lr"]}, "detection": LONG}
    assert tune(stage, "real", "whole", **changes).returncode == 0
    killed = tune(stage, "real", "cut", before=KILL_AFTER_A_CHECKPOINT.format(number=3), **changes)
    assert killed.returncode == -9
    assert len((study / "cut/resume/trials.jsonl").read_text().splitlines()) == 2, "fingerprint and one trial"
    assert tune(stage, "real", "cut", **changes).returncode == 0
    assert "continuing after epoch 1 of 2" in (study / "cut.log").read_text()
    names = ["trials.csv", "best.json"]
    assert contents(study / "cut", names) == contents(study / "whole", names)


@pytest.mark.parametrize("arm", ["copy_paste", "unrolled"])
def test_generated_images_are_positives_of_the_group_that_lacks_them(stage, study, arm):
    done = generate(stage, arm)
    assert done.returncode == 0, done.stderr
    assert files(study / "generated") == {"images.npy", "masks.npy", "index.csv", "source.json"}
    images, masks = (np.load(study / "generated" / name) for name in ("images.npy", "masks.npy"))
    assert images.dtype == masks.dtype == np.uint8
    split, index = split_of(study), pd.read_csv(study / "generated/index.csv")
    assert index.columns.tolist() == [*COLUMNS, "group"]
    assert index[["source", "split", "label", "nuisance"]].drop_duplicates().to_numpy().tolist() == [
        ["generated", "train", 1, 0]
    ]
    assert index["row"].tolist() == list(range(8)), "12 negatives of 16 are in group 0, and 4 positives"
    assert index["image"].is_unique
    assert set(index["group"]) == {"left"}

    train = split[split["split"] == "train"].set_index("patient")
    behind = train.loc[index["patient"]]
    assert (behind["label"] == 0).all()
    assert (behind["nuisance"] == 0).all()
    before = np.load(study / "data/found/images.npy")[behind["row"]]
    assert (images[masks == 0] == before[masks == 0]).all()
    assert [len(true_boxes(mask)) for mask in masks] == [1] * 8

    about = json.loads((study / "generated/source.json").read_text())
    prepared = json.loads((study / "data/found/source.json").read_text())
    assert prepared.keys() - about.keys() == {"formats"}
    assert all(about[key] == prepared[key] for key in ("size", "pixel_range", "nuisance", "unreadable"))
    made = {key: about[key] for key in ("kind", "generated", "arm", "n_real", "seed", "images", "outside_change")}
    assert made == {
        "kind": "generated", "generated": True, "arm": arm, "n_real": 4, "seed": 5, "images": 8, "outside_change": 0.0,
    }  # fmt: skip
    top, left, bottom, right = prepared["nuisance"]["left"]
    changes = np.abs(images.astype(int) - before)[:, top:bottom, left:right]
    assert about["nuisance_change"] == pytest.approx(changes.mean())


@pytest.mark.parametrize("arm", ["copy_paste", "unrolled"])
def test_no_image_of_validation_or_test_is_read_to_generate(stage, study, arm):
    assert generate(stage, arm).returncode == 0
    split = split_of(study)
    for name in ("images", "masks"):
        stored = np.load(study / f"data/found/{name}.npy")
        stored[split.loc[split["split"] != "train", "row"]] = 255
        np.save(study / f"data/found/{name}.npy", stored)
    assert generate(stage, arm, "again").returncode == 0
    names = files(study / "generated")
    assert contents(study / "again", names) == contents(study / "generated", names)


def test_without_a_known_nuisance_its_change_is_missing(stage, study):
    about = json.loads((study / "data/found/source.json").read_text())
    (study / "data/found/source.json").write_text(json.dumps(about | {"nuisance": {}}))
    assert generate(stage, "copy_paste").returncode == 0
    made = json.loads((study / "generated/source.json").read_text())
    assert made["nuisance_change"] is None
    assert made["nuisance"] == {}


def test_where_there_is_nothing_to_insert_or_no_way_to_do_it_one_sentence_says_so(stage, study):
    assert_one_sentence(generate(stage, "real"), "arm real: its further images are real ones, so it can generate none")
    split = split_of(study)
    split["nuisance"] = split.groupby(["split", "label"]).cumcount() % 2
    split.to_csv(study / "split.csv", index=False)
    assert_one_sentence(generate(stage, "copy_paste"), "no nuisance group has more negatives than positives")
    assert not files(study / "generated")


def test_what_runs_left_is_collected_and_compared(study, stage_in):
    """Of those that are there, in a folder of their own; beside the detectors only all of them."""
    arms = ["real", "copy_paste", "unrolled"]
    for arm in arms:
        shutil.copytree(study / arm, study / "detectors/t" / arm / "n=4/seed=5")
    cells = [{"task": "t", "arms": {arm: [4] for arm in [*arms, "gan"]}}]
    settings = {"cells": cells, "further": {arm: about["further"] for arm, about in ARMS.items()}, "seeds": [5, 6]}
    made = {arm: json.loads((study / arm / "run.json").read_text())["settings"] for arm in arms}
    settings["made_with"] = {f"t/{arm}/n=4": made.get(arm, {}) for arm in [*arms, "gan"]}
    names = {
        "measured": "part/detection.csv", "used": "part/detection_usage.csv", "compared": "part/detection_comparisons.csv",
    }  # fmt: skip
    outputs = [word for name, file in names.items() for word in (f"--{name}", file)]
    given = ("--settings", json.dumps(settings), "--detectors", "detectors")
    done = stage_in(study)("collect_detection", *given, *outputs, "--log", "collect.log")
    assert done.returncode == 0, done.stderr
    measured, used, compared = (pd.read_csv(study / file) for file in names.values())
    assert measured["arm"].drop_duplicates().tolist() == arms, "of gan, and of the other seed, there is no run"
    aps = measured[measured["measure"] == "ap"].set_index("arm")["value"]
    differences = compared[compared["measure"] == "ap"].set_index(["first", "second"])["difference"]
    assert differences.to_dict() == pytest.approx(
        {(a, b): aps[a] - aps[b] for a, b in (("copy_paste", "real"), ("unrolled", "real"), ("unrolled", "copy_paste"))}
    )
    assert used.groupby("arm")["part"].first().to_dict() == {
        "real": "detector", "copy_paste": "detector", "unrolled": "pretraining"
    }  # fmt: skip

    outputs[1] = "detection.csv"
    done = stage_in(study)("collect_detection", *given, *outputs, "--log", "collect.log")
    assert_one_sentence(done, "detectors/t/real/n=4/seed=6/run.json: is not there, or of other settings than those")
