"""envs/create.sh installs what is locked and only that, or says in one sentence why not."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from support.interpreters import SUPPORTED, interpreter
from support.package_index import index, pin, pip_settings

DISK = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/disk 99999999 0 {free} 0% {mount}\n"
HUGE = DISK.format(free=99999999, mount="/")
NOWHERE = "http://127.0.0.1:9/simple"


class Machine:
    """A checkout with a lock of small packages, on a machine that finds packages only in an index of its own."""

    def __init__(self, folder: Path, index):
        self.folder, self.index = folder / "the checkout", index
        self.programs = folder / "bin"
        self.programs.mkdir(parents=True)
        shutil.copytree(ROOT / "envs", self.folder / "envs")
        self.environment = pip_settings(index.url, folder) | {"PATH": f"{self.programs}:/usr/bin:/bin"}
        self.program("df", f"cat <<END\n{HUGE}END")
        # coverage and pytest-cov in small: the newest release is not the locked one, and is asked for with an extra.
        covered = index.add("covered", "1.0", ("reader; extra == 'toml'",), extra="toml")
        index.add("covered", "1.1", ("reader; extra == 'toml'",), extra="toml")
        self.others = pin("covered", "1.0", covered) + pin("reader", "1.0", index.add("reader", "1.0"))
        self.others += pin("plugin", "1.0", index.add("plugin", "1.0", ("covered[toml]>=1.0", "torch")))
        cuda, torch = index.add("cuda", "13.0"), index.add("torch", "2.0", ("cuda",))
        self.lock("requirements.lock", self.others + pin("cuda", "13.0", cuda) + pin("torch", "2.0", torch))
        self.lock("requirements-cpu.lock", self.others)
        index.add("torch", "2.0+cpu")
        self.lock("requirements-cpu-torch.lock", f"--extra-index-url {index.url}\ntorch==2.0+cpu\n")

    def lock(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def program(self, name: str, script: str) -> None:
        """What the shell finds under this name before all others."""
        (self.programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.programs / name).chmod(0o755)

    def python(self, version: str) -> str:
        python = interpreter(version)
        if python is None:
            pytest.skip(f"no Python {version} on this machine")
        return python

    def create(self, *arguments: str, shell: str = "sh", **environment: str) -> subprocess.CompletedProcess:
        command = [shell, str(self.folder / "envs" / "create.sh"), *arguments]
        return subprocess.run(
            command, env=self.environment | environment, cwd="/", capture_output=True, text=True, check=False
        )

    def installed(self) -> set[str]:
        done = subprocess.run(
            [self.folder / ".venv/bin/python", "-I", "-m", "pip", "freeze", "--disable-pip-version-check"],
            env=pip_settings(NOWHERE, self.folder), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return set(done.stdout.split())

    @property
    def whole(self) -> bool:
        return (self.folder / ".venv" / ".installed").exists()

    def refusal(self, *arguments: str, **environment: str) -> str:
        """The one sentence of an installation that fails, and leaves nothing that looks whole."""
        done = self.create(*arguments, **environment)
        assert done.returncode == 1, done.stdout + done.stderr
        assert not self.whole
        (sentence,) = done.stderr.splitlines()
        assert sentence.startswith("envs/create.sh: ")
        return sentence


@pytest.fixture
def machine(tmp_path):
    with index(tmp_path / "index") as served:
        machine = Machine(tmp_path / "machine", served)
        machine.environment["PYTHON"] = machine.python("3.11")
        yield machine


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An environment without packages that looks whole, so that the script brings a copy of it up to date."""
    folder = tmp_path_factory.mktemp("whole") / ".venv"
    if interpreter("3.11") is None:
        pytest.skip("no Python 3.11 on this machine")
    subprocess.run([interpreter("3.11"), "-m", "venv", folder], check=True)
    (folder / ".installed").touch()
    return folder


@pytest.fixture
def updated(machine, whole):
    shutil.copytree(whole, machine.folder / ".venv", symlinks=True)
    return machine


LOCKED = {"covered==1.0", "reader==1.0", "plugin==1.0"}
WITH_CUDA = LOCKED | {"torch==2.0", "cuda==13.0"}
WITHOUT_CUDA = LOCKED | {"torch==2.0+cpu"}


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED)
def test_the_locked_release_is_taken_though_a_newer_one_is_out(machine, tmp_path, version):
    """With the pip that the interpreter brings, which resolves an extra anew and so may not be asked to resolve.

    The index is one that the user has set. On clusters PYTHONPATH names modules, and some machines have PIP_USER.
    """
    (tmp_path / "pip.conf").write_text(
        f"[global]\nindex-url = {machine.environment.pop('PIP_INDEX_URL')}\nuser = true\n"
    )
    with zipfile.ZipFile(machine.index.folder / "simple" / "reader" / "reader-1.0-py3-none-any.whl") as wheel:
        wheel.extractall(tmp_path / "modules")
    machine.environment |= {"PYTHON": machine.python(version), "PYTHONPATH": str(tmp_path / "modules")}
    machine.environment["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
    done = machine.create()
    assert done.returncode == 0, done.stderr
    assert machine.installed() == WITH_CUDA
    assert machine.whole
    again = machine.create(PIP_INDEX_URL=NOWHERE)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", ""), "nothing to do, so no network is asked"


@pytest.mark.slow
def test_without_cuda_stays_without_until_told_otherwise(machine):
    shutil.copy(ROOT / "Makefile", machine.folder)
    make = ["make", "--silent", "--directory", str(machine.folder), "env"]
    done = subprocess.run([*make, "TORCH=cpu"], env=machine.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert machine.installed() == WITHOUT_CUDA
    assert subprocess.run(make, env=machine.environment, capture_output=True, check=True).stdout == b""
    (machine.folder / ".venv" / "old").touch()
    assert machine.create("cuda").returncode == 0
    assert machine.installed() == WITH_CUDA
    assert not (machine.folder / ".venv" / "old").exists(), "made anew, without leftovers"


@pytest.mark.slow
def test_a_changed_lock_is_followed_in_place(updated):
    (updated.folder / ".venv" / "mine").touch()
    assert updated.create().returncode == 0
    newer = pin("reader", "1.2", updated.index.add("reader", "1.2"))
    lock = (updated.folder / "requirements.lock").read_text()
    updated.lock("requirements.lock", re.sub(r"reader==1.0.*\n.*\n", lambda _: newer, lock))
    done = updated.create()
    assert done.returncode == 0, done.stderr
    assert updated.installed() == WITH_CUDA - {"reader==1.0"} | {"reader==1.2"}
    assert (updated.folder / ".venv" / "mine").exists()


@pytest.mark.slow
def test_half_an_environment_and_a_moved_one_are_made_anew(machine, tmp_path):
    scratch = tmp_path / "scratch"
    (scratch / "bin").mkdir(parents=True)
    (scratch / "bin" / "python").touch()
    (machine.folder / ".venv").symlink_to(scratch)
    assert machine.create().returncode == 0
    assert (scratch / ".installed").exists(), "where the user wants it"
    (machine.folder / ".venv").unlink()
    scratch.rename(machine.folder / ".venv")
    machine.folder = machine.folder.rename(tmp_path / "moved")
    assert machine.create().returncode == 0
    assert subprocess.run([machine.folder / ".venv/bin/pip", "--version"], check=False).returncode == 0


@pytest.mark.parametrize("system", ["Darwin arm64", "Darwin x86_64", "Linux aarch64", "Linux i686", "FreeBSD amd64"])
def test_another_machine_is_named(machine, system):
    machine.program("uname", f"echo {system}")
    assert f"what is locked is for x86-64 Linux, and this is {system}" in machine.refusal()


@pytest.mark.parametrize(
    ("getconf", "words"),
    [
        ("echo 'getconf: GNU_LIBC_VERSION: unknown variable' >&2; exit 1", "this Linux has another C library"),
        ("echo glibc 2.17", "glibc 2.28 or later (Debian 10, Ubuntu 20.04, RHEL 8), and this Linux has glibc 2.17"),
        ("echo glibc 2.27", "this Linux has glibc 2.27"),
    ],
)
def test_another_c_library_is_named(machine, getconf, words):
    machine.program("getconf", getconf)
    assert words in machine.refusal()


def without_pythons(machine: Machine) -> None:
    """As if nothing were installed but pyenv, whose names run nothing."""
    del machine.environment["PYTHON"]
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        machine.program(name, f"echo 'pyenv: {name}: command not found' >&2; exit 127")


def test_no_python_names_debian_s_package(machine):
    without_pythons(machine)
    assert "there is no Python 3.11, 3.12 or 3.13; on Debian 12: apt install python3.11-venv" in machine.refusal()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("sys.version_info = (3, 9)", "is Python 3.9; 3.11, 3.12 or 3.13 is needed; on Debian 12: apt install"),
        ("sys.version_info = (3, 14)", "is Python 3.14; 3.11, 3.12 or 3.13 is needed"),
        ("sys.implementation.name = 'pypy'", "is not the usual CPython of 64 bits"),
        ("import struct; struct.calcsize = lambda _: 4", "is not the usual CPython of 64 bits"),
        ("sys.modules['venv'] = None", "has no module venv; on Debian and Ubuntu: apt install python3.11-venv"),
        (
            "sys.modules['ensurepip'] = None",
            "has no module ensurepip; on Debian and Ubuntu: apt install python3.11-venv",
        ),
        ("sys.modules['ssl'] = None", "was built without the module ssl"),
        ("sys.modules['lzma'] = None", "was built without the module lzma"),
    ],
)
def test_a_python_that_does_not_suit_is_named(machine, before, words):
    python = machine.environment["PYTHON"]
    without_pythons(machine)
    machine.program("python3", f'exec {python} -c "import sys; {before}; exec(sys.argv[1])" "$3"')
    assert f" python3 {words}" in machine.refusal()
    named = str(machine.programs / "python3")
    assert f" {named} {words}" in machine.refusal(PYTHON=named)


def test_a_name_that_is_no_python_is_named(machine):
    assert "PYTHON=/no/python does not run" in machine.refusal(PYTHON="/no/python")


def test_the_next_python_is_taken_when_the_first_does_not_suit(machine):
    without_pythons(machine)
    machine.program("python3.11", "echo 'has no module ensurepip'; exit 1")
    machine.program("python3.13", "echo a warning >&2; echo /taken")
    assert "no environment can be made" in machine.refusal()
    assert "with /taken" in machine.create().stdout


def test_a_place_that_cannot_be_written_is_named(machine):
    (machine.folder / ".venv").touch()
    assert f"no environment can be made in {machine.folder}/.venv: " in machine.refusal()


@pytest.mark.parametrize(
    ("torch", "options", "words"),
    [
        ("cuda", {}, "it takes 13000 MB on /a disk, which has 1000"),
        ("cuda", {"PIP_NO_CACHE_DIR": "1"}, "it takes 9700 MB on /a disk, which has 1000"),
        ("cpu", {}, "it takes 2800 MB on /a disk, which has 1000"),
    ],
)
def test_a_small_disk_is_named_with_what_it_takes(machine, torch, options, words):
    machine.program("df", f"cat <<END\n{DISK.format(free=1000 << 10, mount='/a disk')}END")
    assert words in machine.refusal(torch, **options)
    assert not (machine.folder / ".venv").exists()


def test_disks_are_taken_one_by_one(machine, tmp_path):
    (tmp_path / "temporary").mkdir()
    small = DISK.format(free=3000 << 10, mount="/small")
    machine.program("df", f"case $2 in */temporary) cat <<END\n{small}END\n;; *) cat <<END\n{HUGE}END\n;; esac")
    assert "it takes 3300 MB on /small, which has 3000" in machine.refusal(TMPDIR=str(tmp_path / "temporary"))


@pytest.mark.slow
def test_a_full_disk_is_named(machine, whole, small_disk):
    shutil.copytree(whole, small_disk(machine.folder / ".venv", "60m"), symlinks=True, dirs_exist_ok=True)
    large = machine.index.add("large", "1.0", megabytes=60)
    machine.lock("requirements.lock", machine.others + pin("large", "1.0", large))
    assert "the disk or your quota is full" in machine.refusal()


def test_no_network_is_named(updated):
    assert "no package index can be reached" in updated.refusal(PIP_INDEX_URL=NOWHERE, PIP_RETRIES="1")


def test_an_index_that_lacks_a_release_is_named(updated):
    updated.lock("requirements.lock", updated.others.replace("reader==1.0", "reader==0.9"))
    assert "pip says: Could not find a version that satisfies the requirement reader==0.9" in updated.refusal()


def test_a_file_that_is_not_the_locked_one_is_refused(updated):
    updated.lock("requirements.lock", re.sub("(?<=sha256:)[0-9a-f]{64}", "0" * 64, updated.others))
    assert "a file is not the one that was locked" in updated.refusal()


def test_what_does_not_go_together_is_named(updated):
    updated.lock("requirements.lock", updated.others)
    assert "what is locked does not go together: plugin 1.0 requires torch, which is not installed" in updated.refusal()


def test_a_word_that_is_neither_is_refused(machine):
    assert "TORCH=rocm is neither cuda nor cpu" in machine.refusal("rocm")
