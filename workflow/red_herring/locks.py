"""One process at a time: locks that end with their holder, on one machine and on a cluster's shared file systems."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import LeaseCompromise, SoftFileLease, Timeout

LEASE = 60.0
"""Seconds without a sign of life after which the holder on another machine counts as dead."""

POLL = 1.0
"""Seconds between two looks at a lock that somebody else holds."""

log = logging.getLogger(__name__)


class Lock:
    """A lock that is held, and the turn to be the next."""

    def __init__(self, turn: SoftFileLease):
        self._turn = turn

    def awaited(self) -> bool:
        """Whether another process, which is alive, waits for it."""
        try:
            self._turn.acquire(timeout=0)
        except Timeout:
            return True
        self._turn.release()
        return False


@contextmanager
def sole(path: Path) -> Iterator[Lock]:
    """While the block runs no other process is in a `sole` block for `path`; waits until that is so.

    The lock is a file beside `path` that its holder touches every 20 s. It needs nothing of the file system but that a
    file is created once: no flock, which some clusters do without or keep to one machine. A holder that was killed is
    recognised at once on the same machine, after a reboot too, and from another after LEASE seconds. One that loses its
    lock, as it was suspended for longer than that, gets a SIGTERM.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, turn = _lease(path, "lock"), _lease(path, "waiting")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process is at work on this; waiting until it has ended", path)
        turn.acquire(poll_interval=POLL)
        try:
            lock.acquire(poll_interval=POLL)
        finally:
            turn.release()
        log.warning("%s: the other process has ended", path)
    try:
        yield Lock(turn)
    finally:
        lock.release()


def _lease(path: Path, purpose: str) -> SoftFileLease:
    return SoftFileLease(path.with_name(f".{path.name}.{purpose}"), lease_duration=LEASE, on_compromise=_stop)


def _stop(loss: LeaseCompromise) -> None:
    log.error("%s: another process has taken this lock (%s); stopping", loss.lock_file, loss.reason)
    os.kill(os.getpid(), signal.SIGTERM)
