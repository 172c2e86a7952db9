"""Snakemake started twice: the second stops with a clear word, and the first is not disturbed. Its jobs load libraries by
themselves, those that it is compared with were forked from a process that had loaded them: results are the same.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from support.loopback import until
from support.workflow_checkout import TINY

pytestmark = pytest.mark.slow


def test_a_second_snakemake_in_the_same_folder_stops(checkout, finished):
    (checkout.folder / "tiny.yaml").write_text((finished.folder / "tiny.yaml").read_text())
    command = [
        str(Path(sys.executable).parent / "snakemake"),
        "-c2",
        "results/runs.csv",
        *TINY,
        "--config",
        "preload=false",
    ]
    first = subprocess.Popen(command, cwd=checkout.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until((checkout.folder / "results/data/crosses/index.csv").exists)
    second = checkout.snakemake("-c2", "all", "--rerun-incomplete", *TINY, check=False)
    assert second.returncode == 1
    assert "Directory cannot be locked" in second.stdout + second.stderr
    assert first.wait(300) == 0, first.stdout.read()
    undisturbed, runs = (one.folder / "results/runs.csv" for one in (finished, checkout))
    assert runs.read_bytes() == undisturbed.read_bytes()
