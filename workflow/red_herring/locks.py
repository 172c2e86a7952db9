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
    reboot. One on another machine that was suspended for so long that its lock was taken is ended as soon as it
    notices, whatever it is doing, as the other is doing that now.
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
    seen, since, last, told = None, time.monotonic(), time.monotonic(), False
    while not _create(marker, mine):
        held, now = _look(marker), time.monotonic()
        if held != seen or now - last > LEASE / 4:  # or this process was suspended, and has seen nothing meanwhile
            seen, since = held, now
        last = now
        text, _ = held
        if text is not None:
            alive = _is_alive(text)
            if alive is False or (alive is None and now - since > LEASE):
                _take_away(marker, text)
                continue
            if not told:
                log.warning("%s: another process is at work on this; waiting until it has ended", path)
                told = True
        time.sleep(POLL)
    for aside in marker.parent.glob(f"{marker.name}.????????"):  # of processes that were killed as they took it away
        aside.unlink(missing_ok=True)
    if told:
        log.warning("%s: the other process has ended", path)


def _create(marker: Path, text: str) -> bool:
    try:
        descriptor = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        return False
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        marker.unlink(missing_ok=True)  # there was space for its name only
        raise
    return True


def _look(marker: Path) -> tuple[str | None, int]:
    """What the marker says and when it was last touched; None if there is none. Opening makes NFS look afresh."""
    try:
        with open(marker, encoding="utf-8") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:  # gone, or its file system is away for a moment
        return None, 0


def _take_away(marker: Path, text: str) -> None:
    """Remove the marker of a dead holder. If another process was faster, and this is its own one, give it back."""
    if _look(marker)[0] != text:
        return
    aside = marker.with_name(f"{marker.name}.{secrets.token_hex(4)}")
    with suppress(FileNotFoundError):
        marker.rename(aside)
        if aside.read_text(encoding="utf-8") != text:
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
            held = _look(marker)[0]
            if held is None:
                _create(marker, mine)  # somebody has removed it
            elif held == mine:
                os.utime(marker)
            else:
                log.error("%s: another process has taken this lock; stopping", marker)
                os._exit(LOST)


def _is_alive(text: str) -> bool | None:
    """Whether the holder that wrote this is alive; None if that cannot be known here, as on another machine."""
    try:
        holder = json.loads(text)
        if holder["machine"] != _machine():
            return None
        started = _process(holder["pid"])["started"]
        if started is not None:
            return started == holder["started"]
        os.kill(holder["pid"], 0)  # its entry may be hidden
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except (ValueError, KeyError, TypeError):
        return None  # half written, or not ours
    return False  # a zombie


def _process(pid: int) -> dict[str, str | int | None]:
    """What tells this process from all others; started is None if there is none of this number, or it has ended."""
    try:
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        state, fields = "Z", []
    return {"machine": _machine(), "pid": pid, "started": None if state == "Z" else int(fields[18])}


def _machine() -> str:
    """This start of this machine, and the space of its process numbers, which containers have for themselves."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
