"""One process at a time: locks that end with their holder, on one machine and on a cluster's shared file systems.

A lock is a file that its holder creates and touches now and then. It asks of a file system that a file is created once
and that names change at once, as NFS does too. No flock, which some clusters do without or keep to one machine; nor
filelock's lease, which takes over from the dead only where two names can be exchanged in one step, as NFS cannot.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEASE = 120.0
"""Seconds without a sign of life after which a holder on another machine counts as dead. NFS shows a change up to a
minute later."""

BEAT = 20.0
"""Seconds between two signs of life."""

POLL = 1.0
"""Seconds between two looks at a lock that somebody else holds."""

LOST = 143
"""Exit status of a process whose lock another has taken."""

log = logging.getLogger(__name__)


@contextmanager
def sole(path: Path) -> Iterator[None]:
    """While the block runs no other process is in a `sole` block for `path`; waits until that is so.

    A holder that was killed is recognised at once on the same machine, and after LEASE seconds from another or after a
    reboot. One that was suspended for so long that another took its lock is ended as soon as it notices, whatever it is
    doing, as the other is doing that now.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    marker = path.with_name(f".{path.name}.lock")
    mine = json.dumps({**_process(os.getpid()), "token": secrets.token_hex(8)})
    _acquire(path, marker, mine)
    released = threading.Event()
    beating = threading.Thread(target=_beat, args=(marker, mine, released), daemon=True)
    beating.start()
    try:
        yield
    finally:
        released.set()
        beating.join()
        if _look(marker)[0] == mine:
            marker.unlink(missing_ok=True)


def _acquire(path: Path, marker: Path, mine: str) -> None:
    seen, since, told = None, time.monotonic(), False
    while not _create(marker, mine):
        held = _look(marker)
        if held != seen:
            seen, since = held, time.monotonic()
        text, _ = held
        if text is None:
            continue  # released in between
        if _is_dead(text) or time.monotonic() - since > LEASE:
            _take_away(marker, text)
            continue
        if not told:
            log.warning("%s: another process is at work on this; waiting until it has ended", path)
            told = True
        time.sleep(POLL)
    if told:
        log.warning("%s: the other process has ended", path)


def _create(marker: Path, text: str) -> bool:
    try:
        with open(marker, "x") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError:
        marker.unlink(missing_ok=True)  # there was space for its name only
        raise
    return True


def _look(marker: Path) -> tuple[str | None, int]:
    """What the marker says and when it was last touched; None if there is none. Opening makes NFS look afresh."""
    try:
        with open(marker) as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except FileNotFoundError:
        return None, 0


def _take_away(marker: Path, text: str) -> None:
    """Remove the marker of a dead holder. If another process was faster, and this is its own one, give it back."""
    aside = marker.with_name(f"{marker.name}.{secrets.token_hex(4)}")
    try:
        marker.rename(aside)
    except FileNotFoundError:
        return
    if aside.read_text() != text:
        try:
            os.link(aside, marker)
        except FileExistsError:
            pass  # a third one is in; the living holder will notice
        except OSError:  # a file system without links
            aside.rename(marker)
    aside.unlink(missing_ok=True)


def _beat(marker: Path, mine: str, released: threading.Event) -> None:
    while not released.wait(BEAT):
        with suppress(OSError):  # of a file system that is away for a moment
            # A marker may be aside for a moment, until it is given back.
            if _look(marker)[0] != mine and not released.wait(POLL) and _look(marker)[0] != mine:
                log.error("%s: another process has taken this lock; stopping", marker)
                os._exit(LOST)
            os.utime(marker)


def _is_dead(text: str) -> bool:
    """Whether the holder that wrote this was a process of this machine, since it was started, and has ended."""
    try:
        holder = json.loads(text)
        return holder["machine"] == _machine() and _process(holder["pid"])["started"] != holder["started"]
    except (ValueError, KeyError, TypeError):
        return False  # half written, or not ours


def _process(pid: int) -> dict[str, str | int | None]:
    """What tells this process from all others; started is None if there is none of this number, or it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        state, fields = "Z", []
    return {"machine": _machine(), "pid": pid, "started": None if state == "Z" else int(fields[18])}


def _machine() -> str:
    """This start of this machine, and the space of its process numbers, which containers have for themselves."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
