"""A cluster for the tests, and copies of the checkout that run their studies on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from slurm.cluster import Cluster, wait_until, why_not
from support.workflow_checkout import Checkout, jobs

# What the tiny studies need; Slurm kills what needs more, as elsewhere. A stage takes 900 MB, and is counted twice in
# the moment in which it starts another process.
SITE = {
    "cpu_partition": "cpu",
    "jobs": 8,
    "first_check": 1,
    "retries": 1,
    "rules": {
        "index_source": {"mb": 2500},
        "prepare_images": {"mb": 5000, "cpus": 2},
        "plan_splits": {"mb": 2500},
        "draw_splits": {"mb": 2500},
        "render_data_sheet": {"mb": 2500},
        "tune": {"mb": 2500},
        "train": {"mb": 2500},
        "analyses": {"mb": 2500},
    },
}

TINY = {
    "study": {"tasks": ["synthetic"], "seeds": [1]},
    "sources": {"crosses": {"images_per_cell": 40}},
    "tasks": {"synthetic": {"sizes": {"train": 32, "valid": 16, "test": 24}}},
    "model": {"width": 1},
    "training": {"epochs": 2, "burn_in": 0, "device": "cpu"},  # the GPUs that Slurm hands out are none
    "saliency": {"attributions": ["gradient", "edges"], "example_images": 2},
    "tuning": {"mode": "published"},
}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
    shutil.rmtree(folder)  # kept when the cluster fails to start, for its logs


class ClusterCheckout(Checkout):
    """A copy of the checkout on the cluster's login node, with a site file beside the profile."""

    def __init__(self, folder: Path, cluster: Cluster, study: dict, minutes: dict[str, int] | None = None):
        super().__init__(folder)
        self.cluster = cluster
        rules = {rule: {**job, "minutes": (minutes or {}).get(rule, 10)} for rule, job in SITE["rules"].items()}
        (folder / "slurm" / "site.yaml").write_text(yaml.safe_dump(SITE | {"rules": rules}))
        # Snakemake's command line takes every word behind --configfile for a file, so the study is config.yaml itself.
        config = yaml.safe_load((folder / "config.yaml").read_text())
        (folder / "config.yaml").write_text(yaml.safe_dump(_laid_over(config, study)))

    def copy(self, folder: Path) -> ClusterCheckout:
        """A copy with its results and Snakemake's records, times of files kept; it has no jobs yet."""
        copy = super().copy(folder)
        copy.cluster = self.cluster
        return copy

    def start(self, *arguments: str) -> subprocess.Popen:
        """Snakemake in the background, in a session of its own as behind a terminal; its output goes to `said`."""
        return self._start("snakemake", *(arguments or ("--profile", "slurm", "all")))

    def _start(self, *command: str) -> subprocess.Popen:
        environment = {k: v for k, v in self.cluster.environment.items() if not k.startswith(("PYTHONPATH", "COV"))}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        environment |= jobs().environment  # of those that stay on the login node
        with open(self.folder / "said.txt", "w") as said:
            return subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # as behind a terminal
            )  # fmt: skip

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def snakemake(self, *arguments: str, check: bool = True, seconds: float = 400) -> subprocess.CompletedProcess:
        return self._finish(self.start(*arguments), check, seconds)

    def shell(self, commands: str, seconds: float = 400) -> None:
        """What a user types."""
        self._finish(self._start("bash", "-ec", commands), True, seconds)

    def _finish(self, process: subprocess.Popen, check: bool, seconds: float) -> subprocess.CompletedProcess:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail(f"hangs for {seconds} seconds: {self.said[-3000:]}")
        assert not check or process.returncode == 0, self.said[-6000:]
        return subprocess.CompletedProcess(process.args, process.returncode, self.said, "")

    def jobs(self, rule: str = "", *states: str) -> list[dict[str, str]]:
        """The cluster's jobs of this checkout, of one rule or of all, in the given states or in any."""
        jobs = [job for job in self.cluster.jobs(*states) if job["WorkDir"] == str(self.folder)]
        return [job for job in jobs if job["Comment"].startswith(f"rule_{rule}")]

    def wait_for_training(self, method: str) -> int:
        """The process of the stage that trains this method, once it has trained for an epoch."""
        folder = f"results/runs/synthetic/{method}/seed=1"

        def trains() -> int | None:
            saved = list((self.folder / folder / "resume").glob("epoch=*.json"))
            return self.cluster.stage("stages.train", folder) if saved else None

        return wait_until(trains, f"the training of {method}; {self.said[-2000:]}", 180)


def _laid_over(below: dict, above: dict) -> dict:
    laid = {
        name: _laid_over(below.get(name) or {}, value) if isinstance(value, dict) else value
        for name, value in above.items()
    }
    return below | laid
