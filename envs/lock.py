"""Write the lock files: what pip chooses for pyproject.toml with each Python, every file by its hash.

Usage: python envs/lock.py [--upgrade] PYTHON ...

What is locked stays, and only what is missing is added; --upgrade resolves everything anew. The locks are for the
platform that this runs on.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCK = Path("requirements.lock")
CPU_LOCK = Path("requirements-cpu.lock")
TORCH_LOCK = Path("requirements-cpu-torch.lock")
TORCH = re.compile("torch|torchvision")
CUDA = re.compile("triton|nvidia-.*|cuda-.*")
"""What PyTorch of PyPI needs for NVIDIA's GPUs, and nothing else does."""

HEAD = """\
# Made by `make lock` from pyproject.toml for CPython {pythons} on x86-64 Linux with glibc from 2.28; do not edit.
# Installed by envs/create.sh{what}.
"""
WITHOUT_CUDA = " cpu: what requirements.lock has without CUDA; PyTorch is in requirements-cpu-torch.lock"
TORCH_WITHOUT_CUDA = """\
# PyTorch without CUDA, which is at PyTorch's own index only. That was out of reach when this was made: so no hashes.
--extra-index-url https://download.pytorch.org/whl/cpu
"""

Pinned = dict[str, dict[str, str]]
"""The version and the hash of each distribution."""


def main(upgrade: bool, pythons: list[str]) -> None:
    """Write the three files. upgrade: forget what is locked. pythons: interpreters, by name or path."""
    wanted = requirements()
    kept = [] if upgrade else still_wanted(locked(), wanted)
    # pip takes no name for an interpreter, only a path.
    resolved = {version(python): resolve(shutil.which(python) or python, wanted, kept) for python in pythons}
    blocks = merge(resolved)
    names = ", ".join(resolved)
    LOCK.write_text(HEAD.format(pythons=names, what="") + "".join(blocks.values()))
    others = [block for name, block in blocks.items() if not (TORCH.fullmatch(name) or CUDA.fullmatch(name))]
    CPU_LOCK.write_text(HEAD.format(pythons=names, what=WITHOUT_CUDA) + "".join(others))
    torch = [
        re.sub(r"(==\S+).*", r"\1+cpu", block.splitlines()[0])
        for name, block in blocks.items()
        if TORCH.fullmatch(name)
    ]
    TORCH_LOCK.write_text(TORCH_WITHOUT_CUDA + "".join(f"{line}\n" for line in torch))


def requirements() -> list[str]:
    """All that pyproject.toml asks for: to run the package, to run the workflow, to develop them."""
    asked = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    project = asked["project"]
    return [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
        *(one for group in asked["dependency-groups"].values() for one in group),
    ]


def locked() -> list[str]:
    """The pins of the lock, with their markers."""
    return re.findall(r"^([\w.-]+==[^\\\n]+?) *\\$", LOCK.read_text(), re.MULTILINE) if LOCK.exists() else []


def still_wanted(pins: list[str], wanted: list[str]) -> list[str]:
    """Without the pins that pyproject.toml does not admit any more."""
    limits = defaultdict(SpecifierSet)
    for one in map(Requirement, wanted):
        limits[canonicalize_name(one.name)] &= one.specifier
    return [pin for pin in pins if limits[Requirement(pin).name].contains(pin_version(pin), prereleases=True)]


def pin_version(pin: str) -> str:
    """The version in a line such as `name==1.0`."""
    (one,) = Requirement(pin).specifier
    return one.version


def version(python: str) -> str:
    """Such as 3.12."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"{python} does not run; name an interpreter of each version: make lock PYTHONS='python3.11 ...'")


def resolve(python: str, wanted: list[str], kept: list[str]) -> Pinned:
    """What pip would install into a new environment of this interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wanted").write_text("\n".join(wanted))
        Path(folder, "kept").write_text("\n".join(kept))
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python]
        what = ["--requirement", f"{folder}/wanted", "--constraint", f"{folder}/kept"]
        report = ["--dry-run", "--ignore-installed", "--report", f"{folder}/report"]
        if subprocess.run([*pip, "install", *report, *what], check=False).returncode:
            sys.exit(f"{python}: pip finds no versions that go together; change pyproject.toml, or say `make upgrade`")
        chosen = json.loads(Path(folder, "report").read_text())["install"]
    return {
        canonicalize_name(item["metadata"]["name"]): {
            "version": item["metadata"]["version"],
            "hash": item["download_info"]["archive_info"]["hashes"]["sha256"],
        }
        for item in chosen
    }


def merge(resolved: dict[str, Pinned]) -> dict[str, str]:
    """The lines of each distribution; a marker says for which versions of Python it is, unless it is for all."""
    blocks = {}
    for name in sorted(set().union(*resolved.values())):
        hashes, pythons = defaultdict(set), defaultdict(list)
        for python, pinned in resolved.items():
            if name in pinned:
                hashes[pinned[name]["version"]].add(pinned[name]["hash"])
                pythons[pinned[name]["version"]].append(f'python_version == "{python}"')
        blocks[name] = ""
        for one in sorted(hashes):
            marker = "" if len(pythons[one]) == len(resolved) else f" ; {' or '.join(pythons[one])}"
            lines = [f"{name}=={one}{marker}", *(f"    --hash=sha256:{digest}" for digest in sorted(hashes[one]))]
            blocks[name] += " \\\n".join(lines) + "\n"
    return blocks


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="forget what is locked")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON", help="an interpreter of each version")
    args = parser.parse_args()
    main(args.upgrade, args.pythons)
