"""SIGTERM, a cluster's warning before it kills, and Ctrl-C stop a process where nothing is half done."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
"""Of Linux: the signal that a process gets when its parent has died."""


class Interrupted(BaseException):
    """This process was told to stop. Not an Exception, so that nobody takes it for a failure and goes on."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number
        """The exit status that shells give to such an end."""


_whole = 0
_waiting: int | None = None


def listen() -> None:
    """From now on SIGTERM and SIGINT raise Interrupted in the main thread."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _receive)


def deafen() -> None:
    """From now on these signals do nothing."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def end_with(parent: int) -> None:
    """From now on this process is killed when its parent, the process of that number, ends, also by a kill."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(1)


def stop(number: int) -> None:
    """Stop this process as the signal of this number does."""
    # Slurm sends SIGTERM twice within milliseconds; the second must not end the saving that the first began.
    deafen()
    raise Interrupted(number)


@contextmanager
def whole() -> Iterator[None]:
    """What is in the block is done to its end; a signal that comes meanwhile stops the process after it."""
    global _whole, _waiting
    _whole += 1
    try:
        yield
    finally:
        _whole -= 1
    if _waiting is not None and not _whole:
        number, _waiting = _waiting, None
        stop(number)


def _receive(number: int, frame: object) -> None:
    global _waiting
    if _whole:
        _waiting = number
    else:
        stop(number)
