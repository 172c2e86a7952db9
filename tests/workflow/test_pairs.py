"""A study of which not every method runs on every task, as Snakemake plans and runs it."""

import re
import shutil
from collections import Counter

import pandas as pd
import pytest
from red_herring.report.reading import read_table, read_tables

NEEDY = '''"""Training as for Classification, of which it says that it needs all four cells."""

from red_herring.methods.classification import HYPERPARAMETERS, Method

TITLE = "Needy"
APPROACH = "Group robustness"
CITATION = ""
USES = []
HYPERPARAMETERS = {}
NEEDS_CELLS = "train"
'''
PAIRS = {
    "study": {"tasks": ["synthetic", "ninety", "budget"], "methods": ["classification", "actdiff", "masked", "needy"]},
    "tasks": {
        "synthetic": {"methods": ["classification", "actdiff", "needy"]},
        "ninety": {"of": "synthetic", "ratio": 0.9, "methods": ["actdiff", "needy"]},
        "budget": {"of": "synthetic", "each": {"mask.budget": [0.5]}, "methods": ["masked"], "tuned_on": "synthetic"},
    },
}
BUDGET = "budget_mask.budget=0.5"
LEFT_OUT = (
    "needy is left out of synthetic: it needs images in all four cells of nuisance and label in training, and ratio 1 "
    "leaves 2 empty."
)
RUNS = {
    ("synthetic", "classification"), ("synthetic", "actdiff"), ("ninety", "actdiff"), ("ninety", "needy"), (BUDGET, "masked"),
}  # fmt: skip
LAID = ("--configfile", "tiny.yaml", "pairs.yaml")


@pytest.fixture
def laid(after):
    """The finished study with tasks that have other methods laid over it."""
    (after.folder / "workflow/red_herring/methods/needy.py").write_text(NEEDY, encoding="utf-8")
    after.study("pairs", PAIRS)
    return after


def of(jobs, rule):
    found = [dict(word.split("=", 1) for word in wildcards.split(", ")) for name, wildcards in jobs if name == rule]
    return Counter((wildcards["task"], wildcards["method"]) for wildcards in found)


def test_only_pairs_are_planned_with_the_searches_that_they_take(laid):
    shutil.rmtree(laid.folder / "results")
    jobs = laid.planned("all", *LAID)
    assert of(jobs, "train") == of(jobs, "localisation") == dict.fromkeys(RUNS, 2)
    assert of(jobs, "tune") == dict.fromkeys(RUNS - {(BUDGET, "masked")} | {("synthetic", "masked")}, 1)


def test_what_is_left_out_is_said_once(laid):
    done = laid.snakemake("-n", "training", "--quiet", "rules", *LAID)
    assert (done.stdout + done.stderr).count(LEFT_OUT) == 1
    assert "left out of" not in (done.stdout + done.stderr).replace(LEFT_OUT, "")


@pytest.mark.slow
def test_the_cost_has_as_many_jobs_of_each_rule_as_are_planned(laid):
    """Of a study with pairs, a family, a search on a task that it does not run, and nothing done yet."""
    shutil.rmtree(laid.folder / "results")
    study = PAIRS["study"] | {"tasks": ["ninety", "budget"], "methods": ["actdiff", "masked", "needy"]}
    laid.study("pairs", PAIRS | {"study": study})
    done = laid.snakemake("--quiet", "all", "-c1", "cost", *LAID)
    told = {rule: int(jobs) for rule, jobs in re.findall(r"^  (\w+) +(\d+) +0$", done.stdout, re.MULTILINE)}
    planned = laid.counted("all", *LAID)
    assert told == planned | {"all": sum(planned.values())}
    assert (laid.folder / "results/cost.txt").read_text(encoding="utf-8") == done.stdout
    searching, training = 3 * 2 * 1 * 32, 3 * 2 * 2 * 32  # pairs, trials or seeds, epochs, images
    assert f"{searching} by searches, {training} by trainings." in " ".join(done.stdout.split())
    assert "No estimate of hours" in done.stdout


@pytest.mark.slow
def test_tables_figures_and_what_is_missing_go_by_the_pairs(laid):
    done = laid.snakemake("-c2", "all", *LAID)
    assert (done.stdout + done.stderr).count(LEFT_OUT) == 1, "not by each job"
    results = laid.folder / "results"
    tables = read_tables(results)
    assert set(tables["runs"][["task", "method"]].itertuples(index=False, name=None)) == RUNS
    assert tables["missing"].empty
    text = (results / "tables/synthetic.md").read_text(encoding="utf-8")
    assert LEFT_OUT.replace("needy", "Needy", 1) in text
    assert "Masked" not in text
    for file in results.glob("tables/*.md"):
        assert "missing" not in file.read_text(encoding="utf-8"), file
    shown = tables["tables/ninety"]["method"].tolist()
    assert shown == ["actdiff", "needy"]
    assert LEFT_OUT.replace("needy", "Needy", 1).replace("_", "\\_") in (results / "overview.rst").read_text(
        encoding="utf-8"
    )
    assert laid.planned("all", *LAID) == []
    laid.snakemake("-c1", "release", *LAID)
    costs = laid.snakemake("--quiet", "all", "-c1", "cost", *LAID).stdout
    assert re.search(r"^  train +10 +10$", costs, re.MULTILINE)
    assert re.search(r"^  train +0.0\d+( to 0.0\d+)? +2 of the same method, width and image size$", costs, re.MULTILINE)

    shutil.rmtree(results / f"runs/{BUDGET}/masked/seed=1")
    laid.snakemake("-c2", "results/incomplete/missing.csv", *LAID)  # what is made of it: test_report.py
    missing = read_table(results / "incomplete/missing.csv")
    pd.testing.assert_frame_equal(
        missing[["task", "method", "seed"]], pd.DataFrame({"task": [BUDGET], "method": ["masked"], "seed": [1]})
    )
