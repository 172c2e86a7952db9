"""The lock files: what they hold, and how envs/lock.py keeps, adds and merges."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.interpreters import SUPPORTED, interpreter
from support.package_index import index, pin, pip_settings

PIN = re.compile(r"^([a-z0-9-]+)==(\S+?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
PROJECT = """\
[project]
dependencies = ["kept>=1", {more}]
[project.optional-dependencies]
workflow = ["old; python_version < '3.12'"]
[dependency-groups]
dev = ["differs"]
"""


def pins(name: str) -> dict[str, tuple[str, str]]:
    return {name: (version, hashes) for name, version, hashes in PIN.findall((ROOT / name).read_text())}


def test_everything_asked_for_is_locked_in_a_version_that_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["workflow"]
    locked = pins("requirements.lock")
    for one in map(Requirement, asked + project["dependency-groups"]["dev"]):
        assert one.specifier.contains(locked[canonicalize_name(one.name)][0])


def test_the_lock_without_cuda_is_the_other_without_cuda():
    everything, without = pins("requirements.lock"), pins("requirements-cpu.lock")
    assert {name: everything[name] for name in without} == without
    left_out = set(everything) - set(without)
    assert {"torch", "torchvision", "triton"} <= left_out
    assert all(re.match("torch$|torchvision$|triton$|nvidia-|cuda-", name) for name in left_out)
    torch = re.findall(r"^(\w+)==(.*)\+cpu$", (ROOT / "requirements-cpu-torch.lock").read_text(), re.MULTILINE)
    assert dict(torch) == {name: everything[name][0] for name in ("torch", "torchvision")}


def test_nothing_is_locked_for_one_version_of_python_only_without_saying_so():
    text = (ROOT / "requirements.lock").read_text()
    assert len(PIN.findall(text)) == len(re.findall("==", re.sub("#.*", "", text)))
    assert "CPython 3.11, 3.12, 3.13" in text.splitlines()[0]


@pytest.fixture
def project(tmp_path):
    pythons = [interpreter(version) for version in ("3.11", "3.13")]
    if None in pythons:
        pytest.skip("no Python 3.11 and 3.13 on this machine")
    by_name_or_path = [Path(pythons[0]).name, pythons[1]]
    with index(tmp_path / "index") as served:
        settings = pip_settings(served.url, tmp_path)
        settings["PATH"] = f"{Path(pythons[0]).parent}:{settings['PATH']}"

        class Project:
            add = served.add

            def lock(self, *options: str, more: str = "") -> subprocess.CompletedProcess:
                (tmp_path / "pyproject.toml").write_text(PROJECT.format(more=more))
                return subprocess.run(
                    [sys.executable, ROOT / "envs" / "lock.py", *options, *by_name_or_path],
                    cwd=tmp_path, env=settings, capture_output=True, text=True, check=False,
                )  # fmt: skip

            def locked(self) -> str:
                return re.sub("^#.*\n", "", (tmp_path / "requirements.lock").read_text(), flags=re.MULTILINE)

        yield Project()


@pytest.mark.slow
def test_a_lock_keeps_what_is_there_and_adds_what_is_missing(project):
    kept, deep, old = project.add("kept", "1.0", ("deep",)), project.add("deep", "1.0"), project.add("old", "1.0")
    differs = project.add("differs", "1.0"), project.add("differs", "2.0", python=">=3.12")
    done = project.lock()
    assert done.returncode == 0, done.stderr
    only = '{} ; python_version == "{}"'
    first = [
        pin("deep", "1.0", deep),
        pin("differs", only.format("1.0", "3.11"), differs[0]),
        pin("differs", only.format("2.0", "3.13"), differs[1]),
        pin("kept", "1.0", kept),
        pin("old", only.format("1.0", "3.11"), old),
    ]
    assert project.locked() == "".join(first)

    for name in ("kept", "deep", "differs", "old"):
        newer = project.add(name, "3.0", ("deep",) if name == "kept" else ())
    added = pin("added", "1.0", project.add("added", "1.0"))
    assert project.lock(more="'added', 'old>=2'").returncode == 0
    changed = added + "".join(first[:-1]) + pin("old", "3.0", newer)
    assert project.locked() == changed, "but for what is not admitted any more"

    done = project.lock(more="'absent'")
    assert done.returncode == 1
    assert "pip finds no versions that go together" in done.stderr.splitlines()[-1]
    assert project.locked() == changed

    assert project.lock("--upgrade").returncode == 0
    upgraded = re.findall(r"^(\w+==\S+).*\\$", project.locked(), re.MULTILINE)
    assert upgraded == ["deep==3.0", "differs==3.0", "kept==3.0", "old==3.0"]


def test_a_python_that_does_not_run_is_named():
    done = subprocess.run(
        [sys.executable, ROOT / "envs" / "lock.py", "/no/python"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.startswith("/no/python does not run; ")
    assert done.returncode == 1


def test_the_versions_of_python_are_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    shell = Path(ROOT / "envs" / "create.sh").read_text()
    assert "(" + ", ".join(f'"{version}"' for version in SUPPORTED) + ")" in shell
