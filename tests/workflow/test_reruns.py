"""What runs again after a change, by what the dry run lists."""

import shutil
import zipfile
from collections import Counter

import pandas as pd
import pytest
from support.workflow_checkout import TINY, methods_of

pytestmark = pytest.mark.slow

ACTDIFF = "method=actdiff"


def rules_of(jobs):
    return {rule for rule, _ in jobs}


SHOWN = {"collect_runs", "bootstrap_auc", "render_table", "render_figure", "render_explorer", "render_overview"}
BRANCH = {"tune", "train", "localisation", "reliance", "collect_analysis"} | SHOWN


def test_a_finished_study_has_nothing_to_do(after):
    assert after.planned(*TINY) == []
    done = after.snakemake("-c2", *TINY)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_its_results_are_whole(after):
    results = after.folder / "results"
    runs = pd.read_csv(results / "runs.csv")
    assert runs[["task", "method", "seed"]].to_numpy().tolist() == [
        ["synthetic", method, seed] for method in ("classification", "actdiff") for seed in (1, 2)
    ]
    assert runs.notna().all().all()
    assert len(pd.read_csv(results / "histories.csv")) == 8
    assert len(pd.read_csv(results / "trials.csv")) == 4
    table = (results / "tables" / "synthetic.md").read_text()
    assert "ActDiff | 2 |" in table
    assert not list(results.rglob("resume"))


def test_another_search_range_reruns_that_methods_branch(after):
    content = after.folder / "tiny.yaml"
    content.write_text(content.read_text() + "methods: {actdiff: {search: {lambda: [1.0e-2, 1.0]}}}\n")
    jobs = after.planned(*TINY)
    assert methods_of(jobs) == {"actdiff"}
    assert rules_of(jobs) == BRANCH
    assert not any("figure_3" in wildcards for _, wildcards in jobs)


def test_the_order_of_keys_and_the_spelling_of_numbers_rerun_nothing(after):
    (after.folder / "tiny.yaml").write_text("""
tuning: {seed: 1.0, iterations: 1, initial_points: 1.0, burn_in: 0, epochs: 1e0}
saliency: {example_images: 2.0, attributions: [gradient, integrated_gradients, edges]}
training: {burn_in: 0.0, epochs: 2}
tasks: {synthetic: {ratio: 1, sizes: {test: 24.0, train: 32, valid: 16}}}
sources: {crosses: {images_per_cell: 4.0e+1, size: 28.0, max_unreadable: 0.0}}
model: {width: 1.0}
pathvars: {results: ./results/}
study: {seeds: [1.0, 2], methods: [classification, actdiff], tasks: [synthetic]}
""")
    assert after.planned(*TINY) == []


def test_a_comment_in_a_loss_reruns_nothing(after):
    after.edit("workflow/red_herring/methods/actdiff.py", '"""penalty = mean', '"""The penalty is the mean')
    after.edit(
        "workflow/red_herring/methods/actdiff.py",
        "        masked, features = ",
        "        # all pixels\n        masked, features = ",
    )
    assert after.planned(*TINY) == []


def test_the_title_of_a_method_redraws_what_shows_it(after):
    after.edit("workflow/red_herring/methods/actdiff.py", 'TITLE = "ActDiff"', 'TITLE = "Activation difference"')
    assert rules_of(after.planned(*TINY)) == SHOWN - {"collect_runs", "bootstrap_auc"}


def test_a_method_that_the_study_does_not_have_reruns_nothing(after):
    methods = after.folder / "workflow/red_herring/methods"
    shutil.copy(methods / "rrr.py", methods / "mine.py")
    assert after.planned(*TINY) == []


def test_the_text_of_a_rule_reruns_nothing(after):
    after.edit("workflow/rules/common.smk", "exec python -m", "exec  python -m")
    assert after.planned(*TINY) == []


def test_the_arithmetic_of_a_loss_retrains_that_method(after):
    after.edit("workflow/red_herring/methods/actdiff.py", "distance.mean()", "distance.sum()")
    jobs = after.planned(*TINY)
    assert methods_of(jobs) == {"actdiff"}
    assert rules_of(jobs) == BRANCH


def test_a_figures_code_redraws_that_figure(after):
    after.edit("workflow/red_herring/report/figures/figure_a1.py", 'ylabel="best validation AUC"', 'ylabel="best AUC"')
    assert after.planned(*TINY) == [("render_figure", "study=results, figure=figure_a1")]


def test_a_new_seed_adds_one_run_a_method(after):
    after.edit("tiny.yaml", "- 2\n", "- 2\n  - 3\n")
    jobs = after.planned(*TINY)
    for rule in ("draw_splits", "train", "localisation", "reliance"):
        assert all("seed=3" in wildcards for name, wildcards in jobs if name == rule)
    counts = after.counted(*TINY)
    assert (counts["draw_splits"], counts["train"], counts["localisation"], counts["tune"]) == (1, 2, 2, 0)


def test_a_new_method_adds_its_branch(after):
    after.edit("tiny.yaml", "- actdiff\n", "- actdiff\n  - rrr\n")
    assert methods_of(after.planned(*TINY)) == {"rrr"}


METHOD_AGAIN = ("--forcerun", "results/tuning/synthetic/actdiff/best.json")


@pytest.mark.parametrize("where", [(), ("--profile", "slurm")], ids=["here", "cluster"])
def test_one_command_reruns_the_branch_of_a_method(after, where):
    jobs = after.planned("all", *where, *TINY, *METHOD_AGAIN)
    assert methods_of(jobs) == {"actdiff"}
    assert rules_of(jobs) == BRANCH
    assert Counter(rule for rule, _ in jobs) == {
        "tune": 1, "train": 2, "localisation": 2, "reliance": 2, "collect_analysis": 2, "collect_runs": 1, "bootstrap_auc": 1, "render_table": 14,
        "render_figure": 16, "render_explorer": 1, "render_overview": 1,
    }  # fmt: skip


@pytest.mark.parametrize("where", [(), ("--profile", "slurm")], ids=["here", "cluster"])
def test_another_continues_what_is_missing(after, where):
    shutil.rmtree(after.folder / "results/runs/synthetic/actdiff/seed=2")
    (after.folder / "results/localisation/synthetic/classification/seed=1.csv").unlink()
    jobs = after.planned("all", *where, *TINY)
    ran = {(rule, wildcards) for rule, wildcards in jobs if rule in ("tune", "train", "localisation")}
    assert ran == {
        ("train", "task=synthetic, method=actdiff, seed=2"),
        ("localisation", "task=synthetic, method=actdiff, seed=2"),
        ("localisation", "task=synthetic, method=classification, seed=1"),
    }


def test_a_forced_branch_gives_the_same_runs_and_tables(after):
    results, run = after.folder / "results", "runs/synthetic/actdiff/seed=2"
    wanted = ("results/runs.csv", "results/tables/synthetic.md")
    names = ["runs.csv", "tables/synthetic.md"]
    names += [f"{run}/{name}" for name in ("history.csv", "predictions.csv", "model.safetensors")]
    before = {name: (results / name).read_bytes() for name in names}
    begun = (results / run / "run.json").stat().st_mtime
    after.snakemake("-c2", *wanted, *TINY, *METHOD_AGAIN)
    assert (results / run / "run.json").stat().st_mtime > begun, "it was trained again"
    assert {name: (results / name).read_bytes() for name in names} == before
    assert after.planned(*wanted, *TINY) == []


def test_a_failing_job_shows_its_one_sentence(after):
    after.edit("tiny.yaml", "train: 32", "train: 320")
    done = after.snakemake("-c1", "data", *TINY, check=False)
    assert done.returncode == 1
    assert "error: synthetic: label 0 in nuisance group 0 has 40 images but ratio 1.0 needs 160" in done.stderr


UNLUCKY = (
    "        if torch.initial_seed() == 2:\n            raise RuntimeError('unlucky')\n        masked, features = "
)


def test_a_failing_seed_stops_no_other_and_is_named_at_the_end_and_in_the_table(after):
    """Then, fixed, only what is missing is made, and the tables are as if nothing had been."""
    tables = {name: (after.folder / "results" / name).read_bytes() for name in ("runs.csv", "tables/synthetic.md")}
    wanted = [f"results/{name}" for name in tables]
    shutil.rmtree(after.folder / "results/runs/synthetic/actdiff")
    loss = "workflow/red_herring/methods/actdiff.py"
    after.edit(loss, "        masked, features = ", UNLUCKY)
    done = after.snakemake("-c2", *wanted, "--keep-going", *TINY, check=False)
    assert done.returncode == 1
    assert "Missing runs, 1 of 4:\n  synthetic, actdiff, seed 2: RuntimeError: unlucky" in done.stdout
    incomplete = after.folder / "results/incomplete.md"
    assert "ActDiff | 1 |" in incomplete.read_text()
    assert "* ActDiff, seed 2: RuntimeError: unlucky" in incomplete.read_text()
    after.edit(loss, UNLUCKY, "        masked, features = ")
    after.snakemake("-c2", *wanted, *TINY)
    assert not incomplete.exists()
    assert {name: (after.folder / "results" / name).read_bytes() for name in tables} == tables


def test_the_report_holds_the_splits_tables_figures_and_data_sheets(after):
    after.snakemake("all", "--report", "report.zip", *TINY)
    with zipfile.ZipFile(after.folder / "report.zip") as report:
        held = {name.rsplit("/", 1)[-1] for name in report.namelist()}
    assert {"report.html", "splits.csv", "synthetic.html", "figure_1.png", "masks.png", "data_sheet.png"} <= held
