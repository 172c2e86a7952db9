"""What Snakemake plans, without running it."""

import re
from collections import Counter

import pytest
from conftest import ROOT
from support.workflow_checkout import Checkout

OF_RULES = [file for file in sorted((ROOT / "workflow" / "rules").glob("*.smk")) if file.stem != "common"]
RULES = "".join(file.read_text() for file in OF_RULES)


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> list[tuple[str, str]]:
    """The jobs of the full study."""
    return Checkout(tmp_path_factory.mktemp("full")).planned("all")


@pytest.mark.slow
def test_the_full_study(full, checkout):
    counts = Counter(rule for rule, _ in full)
    assert counts == {
        "fetch_source": 3, "index_source": 4, "prepare_images": 4, "render_data_sheet": 4, "draw_splits": 50,
        "compare_splits": 1, "tabulate_splits": 1, "tune": 30, "train": 300, "localisation": 300, "reliance": 300, "collect_analysis": 2, "collect_runs": 1, "bootstrap_auc": 1,
        "render_table": 30, "render_figure": 33, "render_explorer": 1, "render_overview": 1,
    }  # fmt: skip
    assert counts == checkout.counted(), "all is the default target"


@pytest.mark.slow
def test_one_method_or_one_stage_can_be_asked_for(checkout):
    assert checkout.counted("data") == {
        "fetch_source": 3, "index_source": 4, "prepare_images": 4, "render_data_sheet": 4, "draw_splits": 50,
        "compare_splits": 1, "tabulate_splits": 1, "render_figure": 3,
    }  # fmt: skip
    assert checkout.counted("results/runs/vpc/rrr/seed=451/run.json") == {
        "fetch_source": 1, "index_source": 1, "prepare_images": 1, "draw_splits": 2, "tune": 1, "train": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_every_item_of_the_paper_is_a_target(full):
    planned = {wildcards.split("=")[-1] for rule, wildcards in full if rule.startswith("render_")}
    figures = [f"figure_{number}" for number in (*range(1, 9), "a1", "a2")]
    assert {*figures, "table_1", "table_2", "table_synthetic", "figure_8_iop", "figure_8_iot"} <= planned


@pytest.mark.slow
def test_the_released_runs_need_nothing_but_themselves(checkout):
    counts = checkout.counted("published")
    assert counts == {
        "collect_published": 1, "render_table": 20, "render_figure": 14, "render_explorer": 1, "render_overview": 1,
    }  # fmt: skip
    small = ("--configfile=workflow/studies/demo.yaml",)
    assert checkout.counted("published", *small) == counts, "whatever the study at hand"


@pytest.mark.slow
def test_nothing_is_fetched_for_a_folder_that_is_given(checkout):
    here = {"sources": {name: {"imgpath": "here"} for name in ("nih", "padchest", "rsna")}}
    checkout.study("here", here)
    counts = checkout.counted("data", "--configfile=here.yaml")
    assert "fetch_source" not in counts
    assert counts["prepare_images"] == 4


def test_the_splits_are_counted_without_any_image(checkout):
    assert checkout.counted("planned_splits") == {"index_source": 4, "plan_splits": 5, "tabulate_splits": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("study={methods: [actdif]}", ["study.methods.0", '"actdif"', "actdiff"]),
        ("traning={epochs: 3}", ["traning", "training"]),
        ("training={epochs: -1}", ["training.epochs", "is -1", "at least 1"]),
        ("study={seeds: [seven]}", ["study.seeds.0", '"seven"', "integer"]),
    ],
)
def test_a_wrong_configuration_stops_before_anything_runs(checkout, option, words):
    done = checkout.snakemake("-n", "all", "--config", option, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("config: ")]
    for word in words:
        assert word in line
    assert "Traceback" not in done.stdout + done.stderr
    assert not (checkout.folder / "results").exists()


def test_every_study_whose_images_are_at_hand_is_run_by_make_studies_and_has_its_bounds():
    studies = {file.stem for file in (ROOT / "workflow" / "studies").glob("*.yaml")} - {"covid"}  # from the internet
    (run,) = re.findall(r"^studies: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(run.split()) == studies | {"published"}
    assert {file.stem for file in (ROOT / "tests" / "acceptance").glob("test_*.py")} == {
        f"test_{name}" for name in run.split()
    }


def test_a_mistyped_target_is_refused(checkout):
    assert checkout.snakemake("-n", "results/runs/spc/rr/seed=451/run.json", check=False).returncode == 1


@pytest.mark.slow
def test_readers_are_asked_of_a_study_with_signals_and_their_answers_looked_for_where_it_is_said(checkout, tmp_path):
    done = checkout.snakemake("-n", "reader", check=False)
    assert "readers are shown what signal_detection explains, which is not among study.analyses; add it" in done.stdout
    signals = {"study": {"tasks": ["no_spc", "tag"], "analyses": ["localisation", "signal_detection"], "seeds": [1, 2]}}
    checkout.study(
        "signals", signals | {"tasks": {"tag": {"of": "no_spc", "signal": {"kind": "tag"}, "tuned_on": "no_spc"}}}
    )
    asked = ("reader_results", "--configfile=signals.yaml")
    done = checkout.snakemake("-n", *asked, check=False)
    assert "RED_HERRING_ANSWERS is not set; set it to the folder of the files that readers saved" in done.stdout
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers/one.csv").touch()
    planned = checkout.planned(*asked, RED_HERRING_ANSWERS=str(tmp_path / "answers"))
    assert {"reader", "reader_results", "signal_detection"} <= {rule for rule, _ in planned}


def test_traps_of_snakemake_are_not_stepped_into():
    for forbidden in (r"^\s+run:", r"^\s+script:", r"^\s+cache:", r"^\s+retries:", r"\btemp\("):
        assert not re.search(forbidden, RULES, re.MULTILINE), forbidden


@pytest.mark.parametrize(
    "rule", re.split(r"^ *rule(?: |(?=:))", RULES, flags=re.MULTILINE)[1:], ids=lambda rule: rule.split(":")[0]
)
def test_every_rule_has_a_log_a_benchmark_an_environment_and_its_code(rule):
    for needed in ("log:", "benchmark:", "conda:"):
        assert needed in rule
    assert ("settings=" in rule) == ("params.settings" in rule)
    assert ("code=" in rule) != rule.startswith("fetch_"), "what is fetched does not depend on the code"
    assert "config[" not in rule.split("shell:")[1], "settings reach a stage through params only"


def test_the_conda_environment_has_the_versions_of_the_lock():
    lock = dict(re.findall(r"^([\w.-]+)==(\S+) ", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    pins = re.findall(r"- ([\w.-]+)==(\S+)", (ROOT / "envs" / "red_herring.yaml").read_text())
    assert len(pins) > 5
    for name, version in pins:
        assert lock[name] == version


WATCHED = """
include: "workflow/Snakefile"
import inspect
signature = inspect.signature
def watching(function):
    if inspect.isfunction(function) and not hasattr(function, "__signature__"):
        print("looked for:", function.__code__.co_filename)
    return signature(function)
inspect.signature = watching
"""


def test_no_signature_of_a_function_of_ours_is_looked_for_at_every_job(checkout):
    (checkout.folder / "watched").write_text(WATCHED)
    done = checkout.snakemake("-n", "all", "-s", "watched", "--configfile=workflow/studies/demo.yaml")
    looked_for = re.findall("^looked for: (.*)$", done.stdout, re.MULTILINE)
    assert looked_for, "of Snakemake's own functions"
    assert not [file for file in looked_for if file.endswith(".smk")]
