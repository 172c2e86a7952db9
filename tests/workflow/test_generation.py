"""Detectors and generated images: which are planned, what a change of theirs runs again, and their studies in their
smallest form; of the whole, tests/acceptance.
"""

import json
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from support.workflow_checkout import Checkout

pytestmark = pytest.mark.slow

STUDIES = [f"workflow/studies/{name}.yaml" for name in ("generation", "generated")]
LAID = ("--configfile", *STUDIES, "short.yaml")  # both in one
RESULTS = "results/generated"
GENERATION = {"pretrain_generator", "tune_detector", "train_detector", "generate_images", "collect_detection"}

# One arm of each kind, one seed; the others are left out.
LEFT_OUT = {name: {"n_real": []} for name in ("detector_loss", "unrolled", "unrolled_alone")}
SHORT = {
    "study": {"methods": ["classification"], "seeds": [1]},
    "sources": {name: {"images_per_cell": 40} for name in ("to_find", "boxed")},
    "tasks": {
        name: {"sizes": {"train": 40, "valid": 20, "test": 20}, "ratio": ratio}
        for name, ratio in (("find_crosses", 0.5), ("shortcut", 0.9))
    },
    "detection": {
        "n_real": [4],
        "arms": {"real": {"n_real": [4, 6]}, **LEFT_OUT},
        **{"width": 1, "steps": 3, "images": 2, "channels": 2, "pretraining_steps": 3},
    },
    "model": {"width": 1},
    "training": {"epochs": 1, "burn_in": 0},
    "saliency": {"attributions": ["gradient"], "example_images": 1},
}
SHORT["tasks"] |= {
    name: {"generated": {"arm": arm, "n_real": 4}}
    for name, arm in (("shortcut_generated", "gan"), ("shortcut_pasted", "copy_paste"))
}
TARGETS = (
    *("detection", "generated"),
    *(f"{RESULTS}/localisation/{task}/classification/seed=1.csv" for task in ("shortcut", "shortcut_generated")),
    *(f"{RESULTS}/tables/splits.md", f"{RESULTS}/figures/masks.pdf"),
)


def cells(jobs, rule):
    """Task and arm of the jobs of a rule, as far as they have them."""
    found = [dict(pair.split("=") for pair in wildcards.split(", ")) for name, wildcards in jobs if name == rule]
    return Counter((job["task"], job.get("arm")) for job in found)


def counted(checkout, *targets):
    return {rule: number for rule, number in checkout.counted(*targets).items() if rule in GENERATION}


def test_the_whole_studies(checkout):
    detectors, classifiers = (f"--configfile={study}" for study in STUDIES)
    assert counted(checkout, "all", detectors) == {
        "pretrain_generator": 6, "train_detector": 36, "collect_detection": 1,
    }  # fmt: skip
    jobs = checkout.planned("generated", classifiers)
    assert {rule for rule, _ in jobs} == {
        "index_source", "prepare_images", "draw_splits", "pretrain_generator", "train_detector", "generate_images",
    }  # fmt: skip
    assert cells(jobs, "train_detector") == {("shortcut", "gan"): 3}, "pasting needs none"
    assert cells(jobs, "pretrain_generator") == {("shortcut", None): 3}
    assert counted(checkout, "all", classifiers) == {
        "pretrain_generator": 3, "train_detector": 3, "generate_images": 6,
    }  # fmt: skip


def test_a_study_without_tasks_for_detectors_plans_none(checkout):
    assert counted(checkout, "all") == {}
    for target in ("detection", "generated"):
        assert checkout.planned(target) == []
    done = checkout.snakemake("-n", "results/detectors/synthetic/real/n=10/seed=1234/run.json")
    assert "train_detector" in done.stdout, "though one may be asked for"
    assert checkout.snakemake("-n", "results/detectors/vpc/other/n=10/seed=1/run.json", check=False).returncode == 1


def test_what_has_something_to_search_is_searched_once_for_each_number_of_boxes(checkout):
    detectors, classifiers = (("--configfile", study, "one.yaml") for study in STUDIES)
    checkout.study("one", {"detection": {"search": {"lambda_s": [0.01, 1.0]}}})
    jobs = checkout.planned("detection", *detectors)
    assert cells(jobs, "tune_detector") == {("find_crosses", arm): 2 for arm in ("detector_loss", "unrolled")}
    assert cells(jobs, "train_detector").total() == 36
    assert cells(jobs, "pretrain_generator").total() == 6
    checkout.study("one", {"detection": {"search": {"lr": [1e-3, 1e-2]}}})
    jobs = checkout.planned("generated", *classifiers)
    assert cells(jobs, "tune_detector") == {("shortcut", "gan"): 1}, "pasting needs none"
    done = checkout.snakemake("--quiet", "all", "-c1", "cost", *classifiers)
    for rule, number in (
        ("pretrain_generator", 3),
        ("tune_detector", 1),
        ("train_detector", 3),
        ("generate_images", 6),
    ):
        assert re.search(rf"^ *{rule} +{number} +0$", done.stdout, re.MULTILINE), done.stdout


def test_a_search_reads_what_was_generated_with_its_own_seed(checkout):
    tasks = {"more": {"of": "synthetic", "generated": {"arm": "gan", "n_real": 5}}}
    study = {"tasks": ["more"], "methods": ["classification"], "seeds": [1]}
    checkout.study("one", {"study": study, "tasks": tasks, "tuning": {"seed": 7}})
    jobs = checkout.planned("results/tuning/more/classification/best.json", "--configfile=one.yaml")
    assert [wildcards for rule, wildcards in jobs if rule == "generate_images"] == [
        "task=synthetic, arm=gan, n_real=5, seed=7"
    ]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Checkout:
    """Both studies in their smallest form, to what they are for. Tests work on copies."""
    checkout = Checkout(tmp_path_factory.mktemp("generation"))
    checkout.study("short", SHORT)
    checkout.snakemake("-c2", *TARGETS, *LAID)
    return checkout


def again(checkout, **changes):
    """What runs again after a change of the section, reports left out."""
    checkout.study("more", {"detection": changes})
    jobs = checkout.planned(*TARGETS, *LAID, "more.yaml")
    return [job for job in jobs if not job[0].startswith(("collect", "render", "tabulate", "compare"))]


def test_every_run_leaves_what_is_shown(study):
    results = study.folder / RESULTS
    assert study.planned(*TARGETS, *LAID) == []
    measured = pd.read_csv(results / "detection.csv")
    assert set(zip(measured["arm"], measured["n_real"], strict=True)) == {
        ("real", 4), ("real", 6), ("copy_paste", 4), ("gan", 4),
    }  # fmt: skip
    assert set(measured["task"]) == {"find_crosses"}, "the runs that generate for shortcut are none of the study's"
    gan = results / "detectors/find_crosses/gan/n=4/seed=1"
    assert {name.split("/")[0] for name in load_file(gan / "weights.safetensors")} == {"detector", "insert"}
    assert "pretraining" in pd.read_csv(gan / "usage.csv")["part"].tolist()
    assert not list(results.glob("generators/*/*/*/*resume*"))


def test_classifiers_train_with_generated_images_and_test_without(study):
    results = study.folder / RESULTS
    for task, arm in (("shortcut_generated", "gan"), ("shortcut_pasted", "copy_paste")):
        made = results / f"generated/shortcut/{arm}/n=4/seed=1/generated"
        images, about = np.load(made / "images.npy"), json.loads((made / "source.json").read_text())
        splits = {name: pd.read_csv(results / f"splits/{name}/seed=1.csv") for name in (task, "shortcut")}
        new = splits[task][splits[task]["source"] == "generated"]
        assert len(new) == len(images) > 0
        assert (about["arm"], about["generated"]) == (arm, True)
        assert len(splits[task]) == len(splits["shortcut"]) + len(new)
        assert set(zip(new["split"], new["label"], strict=True)) == {("train", 1)}
    records = {
        task: json.loads((results / f"runs/{task}/classification/seed=1/run.json").read_text())["images"]
        for task in ("shortcut", "shortcut_generated")
    }
    assert records["shortcut_generated"].pop("train") > records["shortcut"].pop("train")
    assert records["shortcut_generated"] == records["shortcut"]
    table = (results / "tables/splits.md").read_text()
    assert table.count("shortcut_generated") >= 1


def test_another_weight_of_an_arm_trains_that_arm_again_and_no_generator_before(study, tmp_path):
    copied = study.copy(tmp_path / "copy")
    jobs = again(copied, arms={"gan": {"lambda_s": 0.5}})
    assert cells(jobs, "train_detector") == {("find_crosses", "gan"): 1, ("shortcut", "gan"): 1}
    assert cells(jobs, "pretrain_generator") == {}
    assert cells(jobs, "generate_images") == {("shortcut", "gan"): 1}
    assert cells(jobs, "train") == {("shortcut_generated", None): 1}, "with other images, and no other task's"


def test_more_boxes_of_an_arm_are_detectors_of_its_own(study, tmp_path):
    copied = study.copy(tmp_path / "copy")
    assert again(copied, arms={"copy_paste": {"n_real": [4, 8]}}) == [
        ("train_detector", "task=find_crosses, arm=copy_paste, n_real=8, seed=1")
    ]


def test_another_detector_retrains_no_classifier_without_generated_images(study, tmp_path):
    copied = study.copy(tmp_path / "copy")
    jobs = again(copied, steps=4)
    assert cells(jobs, "train") == {("shortcut_generated", None): 1}
    assert cells(jobs, "train_detector") == {
        ("find_crosses", "real"): 2, ("find_crosses", "copy_paste"): 1, ("find_crosses", "gan"): 1,
        ("shortcut", "gan"): 1,
    }  # fmt: skip


SEARCH = {"search": {"lambda_s": [0.1, 1.0]}, "initial_points": 1, "iterations": 1}


def test_a_search_and_a_change_of_it_run_again_what_it_is_of_and_nothing_else(study, tmp_path):
    """Of an arm that is there without one."""
    copied = study.copy(tmp_path / "copy")
    searched = {"gan": {"lambda_s": 0.5}}
    jobs = again(copied, arms=searched, **SEARCH)
    of_arm = {("find_crosses", "gan"): 1, ("shortcut", "gan"): 1}
    assert cells(jobs, "tune_detector") == cells(jobs, "train_detector") == of_arm
    assert cells(jobs, "pretrain_generator") == {}
    own = f"{RESULTS}/detectors/find_crosses/gan/n=4/seed=1/run.json"
    copied.snakemake("-c2", own, *LAID, "more.yaml")
    run = copied.folder / own
    record, best = (json.loads(file.read_text()) for file in (run, run.parents[1] / "best.json"))
    assert record["hyperparameters"] == best["hyperparameters"]
    assert copied.planned(own, *LAID, "more.yaml") == []
    copied.study("more", {"detection": {"arms": searched} | SEARCH | {"search": {"lambda_s": [0.2, 1.0]}}})
    assert [rule for rule, _ in copied.planned(own, *LAID, "more.yaml")] == ["tune_detector", "train_detector"]


def test_an_arm_that_fails_is_named_and_the_others_are_shown(study, tmp_path):
    """An arm whose loss is not finite, on both tasks; one that generates for a classifier that is not there."""
    copied = study.copy(tmp_path / "copy")
    results = copied.folder / RESULTS
    shutil.rmtree(results / "runs/shortcut_generated")
    copied.study("more", {"detection": {"arms": {"gan": {"lambda_s": 1e300}}}})
    laid = (*LAID, "more.yaml")
    targets = ("detection", f"{RESULTS}/runs/shortcut_generated/classification/seed=1/run.json")
    done = copied.snakemake("-c2", *targets, "--keep-going", *laid, check=False)
    assert done.returncode == 1
    assert "Missing detectors, 1 of 4:\n  find_crosses, gan, n=4, seed 1: " in done.stdout
    assert "\n  shortcut_generated, classification, seed 1: " in done.stdout, "as its images are"
    for task in ("find_crosses", "shortcut"):
        assert f"try a smaller lr or smaller lambdas ({RESULTS}/logs/train_detector/{task}/gan/n=4" in done.stdout
    report = (results / "incomplete.md").read_text()
    assert "Missing detectors: 1 of 4." in report
    assert "| copy paste | 0" in report

    assert {"collect_incomplete", "collect_detection"} <= copied.counted("incomplete", *laid).keys()
    for lost in ("runs", "localisation"):
        shutil.rmtree(results / lost)
    copied.snakemake("-c2", "incomplete", *laid)
    measured = pd.read_csv(results / "incomplete/detection.csv")
    assert set(zip(measured["arm"], measured["n_real"], strict=True)) == {("real", 4), ("real", 6), ("copy_paste", 4)}
    made = {file.relative_to(results / "incomplete").as_posix() for file in (results / "incomplete").rglob("*.*")}
    assert {"detection_usage.csv", "detection_comparisons.csv", "tables/detection.md"} <= made
    assert {"figures/average_precision.pdf", "figures/generated_images_find_crosses.pdf"} <= made
    assert "explorer.html" not in made, "of classifiers, of which none is there"
    assert "1 of 4 runs are missing" in (results / "incomplete/tables/detection.md").read_text()
    copied.snakemake("-c2", f"{RESULTS}/detection.csv", *LAID)
    assert not (results / "incomplete").exists()
    assert not (results / "incomplete.md").exists()
