"""Derived tasks and variants of methods, as Snakemake plans and runs them beside a study that has ended."""

import json
from collections import Counter

import pytest
from support.workflow_checkout import methods_of

DERIVED = {
    "study": {
        "tasks": ["synthetic", "dose", "permuted"],
        "methods": ["classification", "actdiff", "gradmask", "gradmask_l1"],
    },
    "tasks": {
        "dose": {"of": "synthetic", "each": {"ratio": [0.7, 1], "mask.budget": [0.5]}, "tuned_on": "synthetic"},
        "permuted": {"of": "dose_ratio=0.7_mask.budget=0.5", "labels": "permuted"},
    },
    "methods": {"gradmask_l1": {"of": "gradmask", "options": {"norm": "l1"}}},
}
FAMILY = ["dose_ratio=0.7_mask.budget=0.5", "dose_ratio=1_mask.budget=0.5"]


@pytest.fixture
def derived(after):
    """The finished study with derived tasks and methods laid over it."""
    after.study("derived", DERIVED)
    return after


LAID = ("--configfile", "tiny.yaml", "derived.yaml")


def of(jobs, rule):
    """(task, method) of the jobs of a rule, with how many there are."""
    found = [dict(word.split("=", 1) for word in wildcards.split(", ")) for name, wildcards in jobs if name == rule]
    return Counter((wildcards["task"], wildcards.get("method")) for wildcards in found)


def test_what_is_tuned_on_another_task_has_no_search_and_the_others_nothing_to_do(derived):
    jobs = derived.planned("training", *LAID)
    assert of(jobs, "tune") == {("synthetic", "gradmask"): 1, ("synthetic", "gradmask_l1"): 1}
    new = [*FAMILY, "permuted"]
    assert of(jobs, "draw_splits") == {(task, None): 2 for task in new}
    trained = {(task, method): 2 for task in new for method in DERIVED["study"]["methods"]}
    assert of(jobs, "train") == trained | {("synthetic", "gradmask"): 2, ("synthetic", "gradmask_l1"): 2}
    assert {rule for rule, _ in jobs} == {"tune", "draw_splits", "train"}


@pytest.mark.slow
def test_the_code_of_its_method_trains_a_variant_again(derived):
    derived.study(
        "derived", DERIVED | {"study": {"methods": ["classification", "actdiff", "gradmask_l1"]}, "tasks": {}}
    )
    derived.snakemake("-c2", "results/tuning/synthetic/gradmask_l1/best.json", *LAID)
    assert methods_of(derived.planned("tuning", *LAID)) == set()
    derived.edit("workflow/red_herring/methods/gradmask.py", "class Method", "MORE = 1\n\n\nclass Method")
    assert methods_of(derived.planned("tuning", *LAID)) == {"gradmask_l1"}


@pytest.mark.slow
def test_a_run_of_both_has_the_hyperparameters_of_the_task_that_it_is_tuned_on(derived):
    run = f"results/runs/{FAMILY[0]}/gradmask_l1/seed=1"
    derived.snakemake("-c2", f"{run}/run.json", *LAID)
    results = derived.folder / "results"
    record = json.loads((derived.folder / run / "run.json").read_text(encoding="utf-8"))
    best = json.loads((results / "tuning/synthetic/gradmask_l1/best.json").read_text(encoding="utf-8"))
    assert record["hyperparameters"] == best["hyperparameters"]
    assert (record["task"], record["method"], record["settings"]["file"]) == (FAMILY[0], "gradmask_l1", "gradmask")
    assert (record["settings"]["options"], record["settings"]["guidance"]["budget"]) == ({"norm": "l1"}, 0.5)
    assert {folder.name for folder in (results / "tuning").iterdir()} == {"synthetic"}
    assert derived.planned(f"{run}/run.json", *LAID) == []


def test_a_derived_task_that_cannot_be_is_one_sentence_of_snakemake(derived):
    derived.study("derived", {"tasks": {"dose": {"of": "synthetik", "ratio": 0.7}}})
    done = derived.snakemake("-n", *LAID, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("config: ")]
    assert line == "config: tasks.dose.of: is 'synthetik'; allowed are no_spc, no_vpc, spc, synthetic, vpc"
    assert "Traceback" not in done.stdout + done.stderr
