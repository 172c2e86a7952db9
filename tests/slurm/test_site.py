"""The profile and what a site file changes in it, without a cluster: what Snakemake would ask for."""

from __future__ import annotations

import re

import pytest
from support.workflow_checkout import Checkout

STUDY = {"study": {"tasks": ["synthetic"], "methods": ["masked"], "seeds": [1]}}


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Checkout:
    monkeypatch.delenv("RED_HERRING_SITE", raising=False)
    checkout = Checkout(tmp_path)
    checkout.study("one", STUDY)
    return checkout


def asked(checkout: Checkout, *arguments: str) -> dict[str, dict[str, str]]:
    """Rule -> the resources of its jobs."""
    done = checkout.snakemake("--profile", "slurm", "-n", "all", "--configfile=one.yaml", *arguments)
    found = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    resources: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    return {rule: dict(pair.split("=", 1) for pair in line.split(", ") if "=" in pair) for rule, line in found}


def test_as_shipped_it_names_no_account_and_no_model(checkout):
    rules = asked(checkout)
    assert {"slurm_account", "qos", "gpu_model", "constraint"}.isdisjoint(key for job in rules.values() for key in job)
    assert {rule for rule, job in rules.items() if job.get("gpu") == "1"} == {
        "tune",
        "train",
        "localisation",
        "reliance",
    }
    assert {rule for rule, job in rules.items() if "slurm_partition" in job} == {
        "tune",
        "train",
        "localisation",
        "reliance",
    }


def test_what_fits_and_searches_maskers_has_a_gpu_and_its_own_time(checkout):
    learned = {"saliency": {"attributions": ["gradient", "learned_mask"]}, "masker": {"search": {"lr": [1e-3, 1e-2]}}}
    checkout.study("one", STUDY | learned)
    (checkout.folder / "slurm" / "site.yaml").write_text("rules: {fit_masker: {minutes: 7, mb: 9000}}\n")
    rules = asked(checkout)
    assert {rules[name]["gpu"] for name in ("fit_masker", "tune_masker")} == {"1"}
    assert {rules[name]["slurm_partition"] for name in ("fit_masker", "tune_masker")} == {"gpu"}
    assert (rules["fit_masker"]["runtime"], rules["fit_masker"]["mem_mb"]) == ("7", "9000")
    assert (rules["tune_masker"]["runtime"], rules["tune_masker"]["mem_mb"]) == ("240", "8000")


def test_what_searches_and_trains_detectors_and_generates_has_a_gpu_and_what_collects_has_none(checkout):
    study = {
        "study": {"tasks": ["more"], "methods": ["masked"], "seeds": [1]},
        "tasks": {"more": {"of": "synthetic", "generated": {"arm": "gan", "n_real": 5}, "tuned_on": "synthetic"}},
        "detection": {"tasks": ["synthetic"], "n_real": [5], "search": {"lr": [1e-3, 1e-2]}},
    }
    checkout.study("one", study)
    (checkout.folder / "slurm" / "site.yaml").write_text("rules: {train_detector: {minutes: 7}}\n")
    rules = asked(checkout)
    generation = ("pretrain_generator", "tune_detector", "train_detector", "generate_images")
    assert {(rules[name]["gpu"], rules[name]["slurm_partition"]) for name in generation} == {("1", "gpu")}
    assert [rules[name]["runtime"] for name in generation] == ["60", "480", "7", "30"]
    assert "gpu" not in rules["collect_detection"]


def test_a_site_file_is_laid_over_it_value_by_value(checkout):
    site = "account: 007\ncpu_partition: no\ngpu_model: a100\nrules: {train: {minutes: 7.0}}\n"
    (checkout.folder / "slurm" / "site.yaml").write_text(site)
    rules = asked(checkout)
    train = rules["train"]
    assert {job["slurm_account"] for job in rules.values()} == {"007"}
    assert rules["draw_splits"]["slurm_partition"] == "no"
    assert (train["slurm_partition"], train["gpu_model"], train["runtime"]) == ("gpu", "a100", "7")
    assert train["mem_mb"] == rules["tune"]["mem_mb"] == "8000"


def test_a_site_file_may_be_elsewhere(checkout, tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("gpu_partition: fast\n")
    monkeypatch.setenv("RED_HERRING_SITE", str(tmp_path / "mine.yaml"))
    assert asked(checkout)["train"]["slurm_partition"] == "fast"


def test_growth_ends_at_the_longest_time_of_the_site(checkout):
    (checkout.folder / "slurm" / "site.yaml").write_text("longest: 300\n")
    rules = asked(checkout)
    assert (rules["tune"]["runtime"], rules["train"]["runtime"]) == ("300", "240")


def test_a_slip_in_a_site_file_is_named(checkout):
    (checkout.folder / "slurm" / "site.yaml").write_text("longest: 48h\n")
    done = checkout.snakemake("--profile", "slurm", "-n", "all", check=False)
    assert done.returncode != 0
    assert 'slurm/site.yaml: longest: is "48h"; allowed is integer (whole minutes)' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_it_runs_without_a_cluster_too(checkout):
    done = checkout.snakemake("--profile", "slurm", "--executor", "local", "--cores", "2", "-n", "all")
    assert "train" in done.stdout + done.stderr
