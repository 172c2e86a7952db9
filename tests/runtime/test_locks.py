"""Locks between real processes: one at a time, and none that outlives its holder."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import ROOT
from red_herring.runtime import locks
from red_herring.runtime.locks import sole
from support.loopback import until

HOLD = """
import sys
from pathlib import Path
from red_herring.runtime import locks
locks.BEAT = 0.2
with locks.sole(Path("out.csv")):
    print("in", flush=True)
    sys.stdin.readline()
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


def waits(process):
    assert "out.csv: another process is at work on this; waiting" in process.stderr.readline()


def end(process):
    process.communicate("\n", timeout=60)
    return process.returncode


def test_the_others_wait_until_the_first_has_ended(holder, tmp_path):
    first = holder()
    has_it(first)
    others = [holder(), holder()]
    for other in others:
        waits(other)
    assert end(first) == 0
    for other in others:
        other.stdin.write("\n")
        other.stdin.flush()
    for other in others:
        has_it(other)
        assert other.wait(60) == 0
    assert list(tmp_path.iterdir()) == [], "no lock is left"


def test_a_holder_that_was_killed_is_not_waited_for(holder, tmp_path):
    first = holder()
    has_it(first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / ".out.csv.lock").exists()
    second = holder()
    has_it(second)
    assert end(second) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_happens_to_have_the_number_of_a_dead_holder_is_not_taken_for_it(tmp_path):
    marker = tmp_path / ".out.csv.lock"
    with sole(tmp_path / "out.csv"):
        text = marker.read_text()
        assert locks._is_alive(text) is True
    assert locks._is_alive(text.replace('"started": ', '"started": 1')) is False
    assert locks._is_alive(text.replace('"machine": "', '"machine": "another')) is None


@pytest.mark.slow
def test_a_holder_on_another_machine_is_waited_for_while_it_lives(tmp_path, monkeypatch):
    """Its sign of life is the time of the file, and without one it counts as dead; both by this machine's own clock."""
    monkeypatch.setattr(locks, "LEASE", 2.0)
    monkeypatch.setattr(locks, "POLL", 0.1)
    marker = tmp_path / ".out.csv.lock"
    marker.write_text('{"machine": "another", "pid": 1, "started": 1, "token": "a"}')
    beats = subprocess.Popen(["sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do sleep 0.5; touch {marker}; done"])
    with sole(tmp_path / "out.csv"):
        assert beats.poll() == 0, "waited until there was no sign of life any more"
    assert list(tmp_path.iterdir()) == []


def test_a_marker_that_was_cut_off_is_waited_for_and_then_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LEASE", 0.5)
    monkeypatch.setattr(locks, "POLL", 0.1)
    (tmp_path / ".out.csv.lock").touch()
    with sole(tmp_path / "out.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_living_holders_marker_that_was_taken_by_mistake_is_given_back(tmp_path, monkeypatch, links):
    """As when two processes find a holder dead, and the slower one meets the marker of the faster."""
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    marker = tmp_path / ".out.csv.lock"
    marker.write_text("the living one's")
    locks._take_away(marker, "the dead one's")
    assert marker.read_text() == "the living one's"
    assert list(tmp_path.iterdir()) == [marker]
    locks._take_away(marker, "the living one's")
    assert list(tmp_path.iterdir()) == []


def test_a_living_holder_of_this_machine_is_waited_for_however_long_it_is_suspended(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "LEASE", 0.5)
    monkeypatch.setattr(locks, "POLL", 0.1)
    first = holder()
    has_it(first)
    first.send_signal(signal.SIGSTOP)
    threading.Timer(3, first.send_signal, [signal.SIGKILL]).start()
    with sole(tmp_path / "out.csv"):
        assert first.wait(1) == -signal.SIGKILL


def test_a_lock_that_somebody_removed_is_there_again(holder, tmp_path):
    first = holder()
    has_it(first)
    marker = tmp_path / ".out.csv.lock"
    text = marker.read_text()
    marker.unlink()
    until(marker.exists)
    assert (end(first), text) == (0, text)
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_left_that_was_killed_as_it_took_a_lock_away_is_removed(tmp_path):
    (tmp_path / ".out.csv.lock.0123abcd").write_text("the dead one's")
    with sole(tmp_path / "out.csv"):
        assert [file.name for file in tmp_path.iterdir()] == [".out.csv.lock"]


def refuse(*_):
    raise PermissionError(1, "no links here")


def test_a_process_that_lost_its_lock_ends_at_once(holder, tmp_path):
    first = holder()
    has_it(first)
    (tmp_path / ".out.csv.lock").write_text("another's")
    assert first.wait(60) == locks.LOST
    assert (tmp_path / ".out.csv.lock").read_text() == "another's"


def test_without_space_for_the_lock_nothing_is_left(tmp_path, small_disk):
    full = small_disk(tmp_path / "full", "4k")
    (full / "filler").write_bytes(bytes(4096))
    with pytest.raises(OSError, match="No space left"), sole(full / "out.csv"):
        pass
    assert [file.name for file in full.iterdir()] == ["filler"]
