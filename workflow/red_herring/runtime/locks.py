"""One process at a time: locks that end with their holder, on one machine and on a cluster's shared file systems.

A lock is a file that its holder creates and touches now and then. It asks of a file system that a file is created once
and that names change at once, as NFS does too. It does not rest on flock, which some clusters do without or keep to one
machine; nor on filelock's lease, which takes over from the dead only where two names can be exchanged in one step, as
NFS cannot.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

LEASE = 120.0
"""Seconds without a sign of life after which a holder on another machine counts as dead. NFS shows a change up to a
minute later."""

BEAT = 20.0
"""Seconds between two signs of life."""

POLL = 1.0
"""Seconds between two looks at a lock that somebody else holds."""

WITHOUT_LINKS = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)
"""Errors of file systems that have no hard links."""

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
    with one_of([path], f"{path}: another process is at work on this; waiting until it has ended"):
        yield


@contextmanager
def one_of(paths: Sequence[Path], waiting: str, fits: Callable[[Path], bool] = lambda path: True) -> Iterator[Path]:
    """The first of these that this process is alone in, as `sole` would have it; waits until there is one.

    waiting: what the log says when it has to. fits: asked of a path that this process has just taken; false and it is
    given back.
    """
    mine = json.dumps({**_process(os.getpid()), "token": secrets.token_hex(8)})
    lock = _first([_Lock(path, mine) for path in paths], waiting, fits)
    released = threading.Event()
    beating = threading.Thread(target=_beat, args=(lock.marker, mine, released), daemon=True)
    beating.start()
    try:
        yield lock.path
    finally:
        released.set()
        beating.join()
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process has this lock now, by this machine's own clock."""
    text, touched = _look(marker_of(path))
    if text is None:
        return False
    alive = _is_alive(text)
    return time.time() - touched / 1e9 < LEASE if alive is None else alive


def marker_of(path: Path) -> Path:
    """The file that stands for the lock of `path`."""
    return path.with_name(f".{path.name}.lock")


class _Lock:
    """A lock that this process wants: whose it is, and since when there was no sign of life."""

    def __init__(self, path: Path, mine: str):
        self.path, self.marker, self.mine = path, marker_of(path), mine
        self.seen: tuple[str | None, int] | None = None
        self.since = self.last = time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)

    def take(self) -> bool:
        """One try, which succeeds if nobody has it, or a dead process."""
        if not _create(self.marker, self.mine):
            text = self._dead()
            if text is None:
                return False
            _take_away(self.marker, text)
            if not _create(self.marker, self.mine):
                return False
        for left in self.marker.parent.glob(f"{self.marker.name}.????????"):
            left.unlink(missing_ok=True)
        return True

    def take_if(self, fits: Callable[[Path], bool]) -> bool:
        """One try, given back if what is taken does not fit."""
        taken = self.take()
        if taken and not fits(self.path):
            self.release()
            return False
        return taken

    def _dead(self) -> str | None:
        """What the marker says, if its holder is dead."""
        held, now = _look(self.marker), time.monotonic()
        if held != self.seen or now - self.last > LEASE / 4:  # or this process was suspended, and has seen nothing
            self.seen, self.since = held, now
        self.last = now
        text, _ = held
        alive = None if text is None else _is_alive(text)
        return text if alive is False or (alive is None and now - self.since > LEASE) else None

    def release(self) -> None:
        if _look(self.marker)[0] == self.mine:
            self.marker.unlink(missing_ok=True)


def _first(locks: list[_Lock], waiting: str, fits: Callable[[Path], bool]) -> _Lock:
    told = False
    while (taken := next((lock for lock in locks if lock.take_if(fits)), None)) is None:
        if not told:
            log.warning("%s", waiting)
            told = True
        time.sleep(POLL * random.uniform(0.5, 1.5))  # or two that do not fit beside each other would meet for ever
    if told:
        log.warning("%s: the wait is over", taken.path)
    return taken


def _create(marker: Path, text: str) -> bool:
    """Whether the marker, which is not there without its text, is now this process's; False if there is another's."""
    if _look(marker)[0] is not None:
        return False
    draft = _beside(marker)
    try:
        draft.write_text(text, encoding="utf-8")
        os.link(draft, marker)
    except (FileExistsError, FileNotFoundError):  # the latter: who was faster has tidied up
        return _look(marker)[0] == text  # NFS may say so after it has made the link
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
        return _create_in_place(marker, text)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _create_in_place(marker: Path, text: str) -> bool:
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


def _beside(marker: Path) -> Path:
    """A name that no other process uses; who takes the lock next removes what killed ones have left there."""
    return marker.with_name(f"{marker.name}.{secrets.token_hex(4)}")


def _look(marker: Path) -> tuple[str | None, int]:
    """What the marker says and when it was last touched; None if there is none. Opening makes NFS look afresh."""
    try:
        with open(marker, encoding="utf-8") as file:
            return file.read(), os.fstat(file.fileno()).st_mtime_ns
    except OSError:  # gone, or its file system is away for a moment
        return None, 0


def _take_away(marker: Path, text: str) -> None:
    """Remove the marker of a dead holder. If another process was faster, and this is its own one, give it back.

    On one machine nobody is faster where there is flock: what is taken away is locked and known to be the dead one's,
    so that a living holder's marker is never away for a moment, in which a third process would come in.
    """
    try:
        descriptor = os.open(marker, os.O_RDONLY)
    except OSError:  # gone, or its file system is away for a moment
        return
    with open(descriptor, encoding="utf-8") as dead, suppress(FileNotFoundError):
        if not _is_for_us(dead, marker, text):
            return
        aside = _beside(marker)
        marker.rename(aside)
        if aside.read_text(encoding="utf-8") != text:
            try:
                os.link(aside, marker)
            except FileExistsError:
                pass  # a third one is in; the living holder will notice
            except OSError:  # a file system without links
                aside.rename(marker)
        aside.unlink(missing_ok=True)


def _is_for_us(dead: TextIO, marker: Path, text: str) -> bool:
    """Whether this open file is the marker, says this, and no other process of this machine is taking it away."""
    try:
        fcntl.flock(dead, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        log.debug("%s: on a file system without flock", marker)
    return dead.read() == text and os.path.samestat(os.fstat(dead.fileno()), marker.stat())


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
            return bool(started == holder["started"])
        os.kill(holder["pid"], 0)  # its entry may be hidden
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except (ValueError, KeyError, TypeError):
        return None  # half written, or not ours
    return False  # a zombie


def _process(pid: int) -> dict[str, str | int | None]:
    """What tells this process from all others; started is None if there is none of this number, or it has ended.

    It has not yet while one of its threads is on its way out, and holds its files and devices.
    """
    started = None
    with suppress(OSError):
        state, *fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        threads = int(fields[16])
        if state != "Z" or threads > 1:
            started = int(fields[18])
    return {"machine": _machine(), "pid": pid, "started": started}


def _machine() -> str:
    """This start of this machine, and the space of its process numbers, which containers have for themselves."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
