"""A copy of the checkout in which real small studies run through Snakemake."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import yaml
from conftest import ROOT
from red_herring.runtime.preload import Preloaded
from support.stage_server import PLANS, StageServer

KEPT = ("Snakefile", "config.yaml", "config", "workflow", "envs", "profiles", "slurm", "README.md")

TINY = ("--configfile=tiny.yaml",)
"""Lays the study of the fixture `finished` over config.yaml."""

TARGETS = {"all", "data", "planned_splits", "tuning", "training", "analyses", "published", "incomplete", "cost"}
TARGETS |= {"detection", "generated"}


@cache
def starter() -> StageServer:
    """What Snakemake is forked from, once for all of this process."""
    server = StageServer(PLANS)
    atexit.register(server.close)
    return server


@cache
def jobs() -> Preloaded:
    """What the jobs of studies are forked from, once for all of this process, as studies find one that is there."""
    return Preloaded()


class Checkout:
    """A copy of the project's files: `snakemake` runs there, `edit` changes a file, `planned` is what would run."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in KEPT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "site.yaml"))
            else:
                shutil.copy(source, folder / name)

    @classmethod
    def of(cls, folder: Path) -> Checkout:
        """The copy that is in this folder."""
        checkout = object.__new__(cls)
        checkout.folder = folder
        return checkout

    def copy(self, folder: Path) -> Checkout:
        """A copy of it with its results and Snakemake's records, times of files kept."""
        return self.of(shutil.copytree(self.folder, folder))

    def snakemake(
        self, *arguments: str, check: bool = True, where: Path | None = None, anew: bool = False, **variables: str
    ) -> subprocess.CompletedProcess:
        """Run in the checkout, or in another folder, `where`, with these environment variables besides. Snakemake
        is forked from a process that has imported it, and its jobs from one that has imported the libraries. anew: the
        study starts both, as a user's does.
        """
        # A user's environment: not the tests' import path, nor coverage, which would slow every job down.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "COV"))}
        runs_jobs = not anew and "-n" not in arguments
        environment |= variables | (jobs().environment if runs_jobs else {})
        folder = where or self.folder
        if anew:
            command = [str(Path(sys.executable).parent / "snakemake"), *arguments]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        else:
            done = starter().run("snakemake", arguments, folder, environment)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def study(self, name: str, content: dict) -> None:
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(content))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1))

    def planned(self, *arguments: str, **options) -> list[tuple[str, str]]:
        """(rule, wildcards) of every job that a dry run lists, without targets."""
        done = self.snakemake("-n", *arguments, **options)
        found = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", done.stdout + done.stderr, re.MULTILINE)
        jobs = []
        for rule, details in found:
            wildcards = re.search(r"^    wildcards: (.*)$", details, re.MULTILINE)
            if rule not in TARGETS:
                jobs.append((rule, wildcards[1] if wildcards else ""))
        return jobs

    def counted(self, *arguments: str) -> Counter:
        return Counter(rule for rule, _ in self.planned(*arguments))


def methods_of(jobs: list[tuple[str, str]]) -> set[str]:
    """The methods whose search, training or attribution is planned."""
    return {wildcards.split("method=")[1].split(",")[0] for _, wildcards in jobs if "method=" in wildcards}
