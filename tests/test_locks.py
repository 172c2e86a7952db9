"""Locks between real processes: one at a time, and none that outlives its holder."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from loopback import until
from red_herring import locks
from red_herring.locks import sole

HOLD = """
import sys, time
from pathlib import Path
from red_herring.locks import sole
with sole(Path("out.csv")) as lock:
    print("in", flush=True)
    sys.stdin.readline()
    print("awaited" if lock.awaited() else "alone", flush=True)
"""


@pytest.fixture
def holder(tmp_path):
    """A function that starts a process which holds the lock from its word `in` until it is sent a line."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def has_it(process):
    assert process.stdout.readline() == "in\n"


def end(process):
    out, err = process.communicate("\n", timeout=60)
    return out.split(), err


def test_the_second_waits_until_the_first_has_ended(holder, tmp_path):
    first = holder()
    has_it(first)
    second = holder()
    until((tmp_path / ".out.csv.waiting").exists)
    assert end(first) == (["awaited"], "")
    has_it(second)
    said, warned = end(second)
    assert said == ["alone"]
    assert "out.csv: another process is at work on this; waiting" in warned
    assert list(tmp_path.iterdir()) == [], "no lock is left"


def test_a_holder_that_was_killed_is_not_waited_for(holder, tmp_path):
    first = holder()
    has_it(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / ".out.csv.lock").exists()
    second = holder()
    has_it(second)
    assert end(second) == (["alone"], "")


def test_a_waiting_process_that_was_killed_does_not_count(holder, tmp_path):
    first = holder()
    has_it(first)
    second = holder()
    until((tmp_path / ".out.csv.waiting").exists)
    second.send_signal(signal.SIGKILL)
    second.wait()
    assert end(first) == (["alone"], "")
    assert list(tmp_path.iterdir()) == []


def on_another_machine(lock):
    """The marker as a holder on another machine would have written it: its process cannot be asked after."""
    lock.write_text(lock.read_text().replace("host=", "host=another-"))


def test_a_holder_on_another_machine_is_waited_for_while_it_lives(holder, tmp_path, monkeypatch):
    """Its sign of life is the time of the file, and without one it counts as dead; both by this machine's own clock."""
    monkeypatch.setattr(locks, "LEASE", 2.0)
    monkeypatch.setattr(locks, "POLL", 0.1)
    path, marker = tmp_path / "other.csv", tmp_path / ".other.csv.lock"
    with sole(path):
        text = marker.read_text()
    marker.write_text(text)
    on_another_machine(marker)
    beats = subprocess.Popen(["sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do sleep 0.5; touch {marker}; done"])
    with sole(path):
        assert beats.poll() == 0, "waited until there was no sign of life any more"


def test_a_process_that_lost_its_lock_is_told_to_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LEASE", 0.6)
    told = []
    before = signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    try:
        with sole(tmp_path / "out.csv"):
            (tmp_path / ".out.csv.lock").unlink()
            for _ in range(100):
                if told:
                    break
                time.sleep(0.1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told
