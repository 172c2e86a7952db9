"""A job that is forked from a process with the libraries loaded is, to all who see it, the one that was started."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from red_herring.runtime.preload import IN_SLURM, PRELOADED, THREADS, Preloaded

LOADED = "colorsys"
"""Stands for a library: no Python has loaded it at its start, with or without coverage."""

TOLD = f"""
import os, sys
loaded = "{LOADED}" in sys.modules
print(sys.argv[1:], __name__, os.getcwd(), oct(os.umask(0)), os.environ["SAID"], sys.path[:2], sys.stdin.read())
print("says", loaded, file=sys.stderr)
sys.exit(3)
"""

WAITS = """
import os, pathlib, signal, sys, time
def saved(number, frame):
    print("saved", number)
    sys.exit(128 + number)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, saved)
pathlib.Path("pid.new").write_text(str(os.getpid()))
os.rename("pid.new", "pid")
while not pathlib.Path("go").exists():
    time.sleep(0.01)
print("done")
"""


@pytest.fixture
def preloaded():
    process = Preloaded([LOADED])
    until(lambda: Path(process.folder, "jobs").exists())
    yield process
    process.close()


@pytest.fixture
def job(tmp_path, preloaded):
    """job(code, *arguments, **variables) -> Popen of the stage of this code, that finds the process."""
    package = tmp_path / "packages" / "red_herring"
    for name in ("__init__.py", "runtime/__init__.py", "runtime/preload.py", "stages/__init__.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "workflow" / "red_herring" / name, package / name)

    def started(code: str, *arguments: str, **variables: str) -> subprocess.Popen:
        (package / "stages" / "tried.py").write_text(code)
        own = {"PYTHONPATH": str(package.parent), "SAID": "so"} | dict.fromkeys(THREADS, "1")
        return subprocess.Popen(
            [sys.executable, "-m", "red_herring.stages.tried", *arguments], cwd=tmp_path, text=True,
            env=os.environ | own | preloaded.environment | variables,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return started


def until(condition) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def at_work(folder: Path) -> int:
    """The process of the job that waits."""
    until((folder / "pid").exists)
    return int((folder / "pid").read_text())


@pytest.mark.parametrize("code", [TOLD, "1 / 0", "import sys; sys.exit('a sentence')", "import os; os._exit(7)", ""])
def test_it_says_and_ends_as_it_would_alone(job, code):
    runs = [job(code, "--a", "b c", "ü", **variables) for variables in ({}, {PRELOADED: ""})]
    (said, erred), (alone, erred_alone) = (run.communicate("given") for run in runs)
    assert said == alone
    assert erred.splitlines()[-1:] == erred_alone.replace("says False", "says True").splitlines()[-1:]
    assert runs[0].returncode == runs[1].returncode


@pytest.mark.parametrize(
    "variables",
    [
        {"OMP_NUM_THREADS": "2"},
        {"OPENBLAS_NUM_THREADS": "2"},
        {IN_SLURM: "17"},
        {PRELOADED: "/another/python::/nowhere"},
        {PRELOADED: f"{sys.executable}::/nowhere"},
    ],
    ids=["of more threads", "of more threads of one library", "in a job of Slurm", "of another Python", "when there is no such process"],
)  # fmt: skip
def test_it_runs_where_it_was_started(job, variables):
    assert "says False" in job(TOLD, **variables).communicate("")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_it(job, tmp_path, number):
    run = job(WAITS)
    at_work(tmp_path)
    run.send_signal(number)
    assert run.communicate()[0] == f"saved {number}\n"
    assert run.returncode == 128 + number


def test_it_dies_with_the_one_that_waits(job, tmp_path):
    run = job(WAITS)
    process = psutil.Process(at_work(tmp_path))
    run.kill()
    process.wait(20)


def test_its_death_is_that_of_the_one_that_waits(job, tmp_path):
    run = job(WAITS)
    os.kill(at_work(tmp_path), signal.SIGKILL)
    assert run.wait(20) == -signal.SIGKILL


def test_where_the_process_is_killed_it_dies_with_a_sentence(job, tmp_path, preloaded):
    run = job(WAITS)
    process = psutil.Process(at_work(tmp_path))
    preloaded.process.kill()
    assert "was killed" in run.communicate()[1]
    assert run.returncode == 1
    process.wait(20)
    assert "says False" in job(TOLD).communicate("")[1], "the next runs by itself"


def test_what_is_at_work_goes_on_when_no_more_are_taken(job, tmp_path, preloaded):
    run = job(WAITS)
    at_work(tmp_path)
    preloaded.close()
    assert preloaded.process.poll() is None
    assert "says False" in job(TOLD).communicate("")[1]
    (tmp_path / "go").touch()
    assert run.communicate()[0] == "done\n"
    assert preloaded.process.wait(20) == 0


def test_many_at_once(job):
    runs = [job(TOLD, str(number)) for number in range(12)]
    for number, run in enumerate(runs):
        assert run.communicate("")[0].startswith(f"['{number}']")


def test_a_call_that_breaks_off_harms_no_other(job, preloaded):
    address = str(Path(preloaded.folder, "jobs"))
    for said in (b"", b"\0\0\0\0\0\0\0\x05{", (5).to_bytes(8) + b"words"):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(address)
            line.sendall(said)
    assert "says True" in job(TOLD).communicate("")[1]


def test_it_takes_no_job_of_one_that_has_ended_for_another(job, tmp_path, preloaded):
    """All at once: a job's end, a signal to the one that waits for it, and another job."""
    first = job(WAITS)
    waits = psutil.Process(at_work(tmp_path))
    (tmp_path / "pid").unlink()
    os.kill(preloaded.process.pid, signal.SIGSTOP)
    waits.kill()
    first.send_signal(signal.SIGINT)
    second = job(WAITS)
    time.sleep(0.3)
    os.kill(preloaded.process.pid, signal.SIGCONT)
    at_work(tmp_path)
    (tmp_path / "go").touch()
    assert second.communicate()[0] == "done\n"
    assert first.wait(20) != 0
    assert preloaded.process.poll() is None


def test_it_leaves_nothing_when_its_owner_ends_at_once():
    code = "from red_herring.runtime.preload import Preloaded; print(Preloaded().folder)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == "", "its end is waited for, as it holds the pipe"
    assert not Path(done.stdout.strip()).exists()


def test_it_leaves_nothing_when_its_owner_is_killed(tmp_path):
    code = f"import time; from red_herring.runtime.preload import Preloaded; print(Preloaded(['{LOADED}']).folder, flush=True)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", f"{code}; time.sleep(60)"]
    owner = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    folder = Path(owner.stdout.readline().strip())
    until((folder / "jobs").exists)
    owner.kill()
    until(lambda: not folder.exists())


def test_a_signal_to_the_one_that_waits_is_no_error_when_the_job_has_ended(job, tmp_path, preloaded):
    run = job(WAITS)
    waits = psutil.Process(run.pid)
    at_work(tmp_path)
    waits.suspend()
    (tmp_path / "go").touch()
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    waits.resume()
    assert run.communicate()[0] == "done\n"
    assert run.returncode == 0
