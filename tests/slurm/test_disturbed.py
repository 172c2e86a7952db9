"""A study that is stopped, killed and preempted on a cluster ends with the same results as one that is left alone."""

from __future__ import annotations

import os
import re
import signal
from subprocess import Popen

import pytest
from conftest import ROOT
from slurm.cluster import GPUS, wait_until
from slurm.conftest import TINY, ClusterCheckout

pytestmark = pytest.mark.slow

METHODS = ["classification", "actdiff"]
STUDY = TINY | {
    "study": {"tasks": ["synthetic"], "methods": METHODS, "seeds": [1]},
    "training": {"epochs": 60, "burn_in": 0, "device": "cpu"},
}

TABLE = "results/tables/synthetic.md"
COMMAND = ("--profile", "slurm", TABLE)

# Added to the end of a method's file: with its brake on, training takes two minutes.
BRAKE = """

def _slow(update):
    import time
    from pathlib import Path

    def slow(*arguments):
        if Path(f"brake on {__name__.split('.')[-1]}").exists():
            time.sleep(1)
        return update(*arguments)

    return slow


Method.update = _slow(Method.update)
"""


@pytest.fixture(scope="module")
def prepared(cluster, tmp_path_factory) -> ClusterCheckout:
    """The study up to its search, made without the cluster, which is slower."""
    checkout = ClusterCheckout(tmp_path_factory.mktemp("prepared"), cluster, STUDY)
    for method in METHODS:
        file = checkout.folder / "workflow" / "red_herring" / "methods" / f"{method}.py"
        file.write_text(file.read_text() + BRAKE)
    checkout.snakemake("--cores", "2", "tuning", "results/splits/synthetic/seed=1.csv")
    return checkout


@pytest.fixture(scope="module")
def undisturbed(prepared, tmp_path_factory) -> dict[str, bytes]:
    alone = prepared.copy(tmp_path_factory.mktemp("undisturbed") / "study")
    alone.snakemake("--cores", "2", TABLE)
    return results(alone)


@pytest.fixture
def study(prepared, tmp_path) -> ClusterCheckout:
    """A copy of the prepared study."""
    return prepared.copy(tmp_path / "study")


def results(checkout: ClusterCheckout) -> dict[str, bytes]:
    """The models, histories, predictions, scores and tables; no logs, and no file that says how long it took."""
    folder = checkout.folder / "results"
    rooms = {room: list((folder / room).rglob("*.*")) for room in ("runs", "localisation", "tables")}
    assert all(rooms.values()), "each has files"
    kept = [path for paths in rooms.values() for path in paths if path.is_file()]
    left = [path.name for path in kept if path.name.startswith(".") or "resume" in path.parts]
    assert not left, f"left behind: {left}"
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept if path.name != "run.json"}


def log_of(study: ClusterCheckout, method: str) -> str:
    return (study.folder / f"results/logs/train/synthetic/{method}/seed=1.log").read_text()


def brake(study: ClusterCheckout, *methods: str) -> None:
    """Slow down the training of these methods and let the others run at full speed."""
    for method in METHODS:
        (study.folder / f"brake on {method}").unlink(missing_ok=True)
    for method in methods:
        (study.folder / f"brake on {method}").touch()


def finish(study: ClusterCheckout, process: Popen) -> None:
    brake(study)
    assert process.wait(300) == 0, study.said[-6000:]


def test_after_ctrl_c_and_after_kill_9_the_documented_commands_lead_to_the_same_results(study, undisturbed):
    brake(study, *METHODS)
    process = study.start(*COMMAND)
    study.wait_for_training("classification")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(120) == 1, study.said
    wait_until(lambda: not study.jobs("", "PENDING", "RUNNING", "COMPLETING"), "the end of the cancelled jobs")
    assert {job["JobState"] for job in study.jobs()} == {"CANCELLED"}

    kill_while_training(study)
    brake(study)
    study.shell(documented("After a crash").replace("slurm all", f"slurm {TABLE}"))
    for method in METHODS:
        assert "continuing after epoch" in log_of(study, method)
    assert results(study) == undisturbed


def documented(chapter: str) -> str:
    """The commands in a chapter of the page on Slurm."""
    page = (ROOT / "docs" / "slurm.md").read_text()
    return re.search(rf"## {chapter}\n.*?```bash\n(.*?)```", page, re.DOTALL)[1]


def test_preempted_jobs_and_a_killed_one_go_on_to_the_same_results(study, undisturbed):
    brake(study, *METHODS)
    process = study.start(*COMMAND)
    for method in METHODS:
        study.wait_for_training(method)
    study.cluster.ask("sbatch", "--partition=urgent", f"--gpus={GPUS}", "--output=/dev/null", "--wrap=true")
    queued_again = wait_until(lambda: two_of(study.jobs("train", "PENDING")), "the preempted jobs")
    for job in queued_again:  # which otherwise wait for two minutes
        study.cluster.ask("scontrol", "update", f"JobId={job['JobId']}", "StartTime=now")
    os.kill(study.wait_for_training("classification"), signal.SIGKILL)

    finish(study, process)
    assert [job["Restarts"] for job in study.jobs("train")] == ["1", "1", "0"]
    assert all("continuing after epoch" in log_of(study, method) for method in METHODS)
    assert results(study) == undisturbed


def two_of(jobs: list[dict[str, str]]) -> list[dict[str, str]]:
    return jobs if len(jobs) == 2 else []


def test_a_job_that_was_not_cancelled_before_the_restart_is_waited_for(study, undisturbed):
    brake(study, "classification")
    kill_while_training(study)
    study.snakemake("--profile", "slurm", "--unlock")

    process = study.start(*COMMAND)
    logs = study.folder / "results" / "logs" / "slurm"
    wait_until(lambda: any("another process" in log.read_text() for log in logs.rglob("*.log")), "the second process")
    finish(study, process)
    assert results(study) == undisturbed


def kill_while_training(study: ClusterCheckout) -> None:
    process = study.start(*COMMAND)
    study.wait_for_training("classification")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
