"""Jobs that are forked from one process that has loaded the libraries, which is most of what a small job does.

Snakemake starts `python -m red_herring.stages.train ...` as ever. That process finds the other one by an environment
variable, hands it its command line, folder, environment and standard files, passes signals on, and ends as the job
ends. Where there is no such process, or it is of another Python, the job runs where it was started.

Run as a script, this file is the process that jobs are forked from. It loads nothing of the package, so that a job runs
the code as it is then; imports here are of the standard library only.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NoReturn, cast

PRELOADED = "RED_HERRING_PRELOADED"
"""Environment variable: where the Python of the process is installed, the job of Slurm that it is in, if any, and the
socket at which it takes jobs, with colons between them.
"""

IN_SLURM = "SLURM_JOB_ID"
"""Environment variable of Slurm: its number of the job that a process is in. A job of another number is Slurm's to
start and to end.
"""

STAGES = "red_herring.stages."
"""What the name of a module that can be handed over begins with."""

LIBRARIES = (
    *("numpy", "pandas", "scipy.ndimage", "scipy.stats", "torch", "safetensors.torch", "PIL.Image", "skopt"),
    *("captum.attr", "matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_pdf"),
    *("sklearn.linear_model", "sklearn.model_selection", "statsmodels.regression.mixed_linear_model"),
    *("statsmodels.stats.multitest", "jsonschema"),
)
"""What stages take most of their time to import. They start no threads, which a fork would lose."""

THREADS = tuple(f"{of}_NUM_THREADS" for of in ("OMP", "OPENBLAS", "GOTO", "MKL", "VECLIB", "NUMEXPR"))
"""Environment variables: how many threads a job has, as Snakemake sets them. Libraries read them when they are loaded,
which is with one here.
"""

SIZE = 8
"""Bytes that say how long a call is."""

PR_SET_PDEATHSIG = 1
"""Of Linux: the signal that a process gets when its parent has died."""

PATIENCE = 2.0
"""Seconds within which a call is there once it was begun."""

TAKEN = b"+"
"""The answer to a call once there is a job of it."""


class Preloaded:
    """The process that jobs are forked from, until this one ends or `close`. environment: the variable by which jobs
    find it, once it has loaded the libraries; until then they run where they are started.
    """

    def __init__(self, libraries: Sequence[str] = LIBRARIES) -> None:
        # For this user alone. Not where TMPDIR points, as the name of a socket has 107 bytes at most.
        self.folder = tempfile.mkdtemp(prefix="red_herring-", dir="/tmp")
        self.address = Path(self.folder, "jobs")
        self.environment = {PRELOADED: f"{_place()}:{self.address}"}
        # In a session of its own: Ctrl-C is for those that wait for jobs, which pass it on.
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(self.address), *libraries],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ | dict.fromkeys(THREADS, "1") | {"MPLBACKEND": "Agg"},  # as stages have it
            start_new_session=True,
        )
        atexit.register(self.close)

    def close(self) -> None:
        """No more jobs; those at work go on to their end."""
        if self.process.stdin is None or self.process.stdin.closed:
            return
        if not self.address.exists():  # it has not begun to take any
            self.process.terminate()
        self.process.stdin.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _place() -> str:
    return f"{sys.prefix}:{os.environ.get(IN_SLURM, '')}"


def hand_over() -> None:
    """If this process is the command line of a job that can be handed over, end as that job ends; else do nothing."""
    words = sys.orig_argv[1:]
    is_job = len(words) > 1 and words[0] == "-m" and words[1].startswith(STAGES)
    place, _, address = os.environ.get(PRELOADED, "").rpartition(":")
    if not is_job or place != _place() or any(os.environ.get(name, "1") != "1" for name in THREADS):
        return
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(address)
        except OSError:  # it is not there yet, or any more
            return
        _wait(line, words[1], words[2:])


def _wait(line: socket.socket, module: str, arguments: list[str]) -> None:
    """Have this done by the other process; return only if it does not take it."""
    umask = os.umask(0)
    os.umask(umask)
    call = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), "umask": umask}
    text = json.dumps({**call, "environment": dict(os.environ)}).encode()
    try:
        socket.send_fds(line, [len(text).to_bytes(SIZE)], [0, 1, 2])
        line.sendall(text)
        if line.recv(1) != TAKEN:
            return
    except OSError:
        return

    def pass_on(number: int, frame: object) -> None:
        with suppress(OSError):  # it has just ended
            line.sendall(bytes([number]))

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    try:
        status = line.makefile(encoding="ascii").readline()
    except OSError:
        status = ""
    if not status:
        sys.exit("error: the process that loads libraries for jobs was killed, perhaps for want of memory; run again")
    _end(int(status))


def _end(status: int) -> NoReturn:
    """End with this exit status; a negative one is that of a process that a signal has ended."""
    if status < 0:
        with suppress(OSError):  # of SIGKILL, which nobody can handle
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


class Server:
    """Forks jobs, and tells those that wait how they ended."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(address)
        self.listening.listen(64)
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.listening, selectors.EVENT_READ, self._accept)
        self.ready.register(sys.stdin.fileno(), selectors.EVENT_READ, self._close)

    def serve(self) -> None:
        """Until standard input has ended and all jobs are done."""
        while self.ready.get_map():
            for key, _ in self.ready.select():
                if self.ready.get_map().get(key.fd) is key:  # else what it was of has ended just now
                    key.data()

    def _close(self) -> None:
        self.ready.unregister(sys.stdin.fileno())
        self.ready.unregister(self.listening)
        self.listening.close()
        shutil.rmtree(Path(self.address).parent, ignore_errors=True)  # Snakemake may have been killed

    def _accept(self) -> None:
        files: list[int] = []
        try:
            line, _ = self.listening.accept()
        except OSError:  # it is gone again, or there are too many files
            return
        line.settimeout(PATIENCE)
        try:
            size, files, _, _ = socket.recv_fds(line, SIZE, 3)
            call = json.loads(_received(line, int.from_bytes(size)))
            job = multiprocessing.get_context("fork").Process(
                target=self._become, args=(call, files, line, os.getpid())
            )
            job.start()
        except (OSError, ValueError):  # the other was killed meanwhile, or there is no memory; it will see
            line.close()
            return
        finally:
            for file in files:
                os.close(file)
        with suppress(OSError):
            line.sendall(TAKEN)
        self.ready.register(line, selectors.EVENT_READ, partial(self._pass_on, line, job))
        self.ready.register(job.sentinel, selectors.EVENT_READ, partial(self._tell, line, job))

    def _pass_on(self, line: socket.socket, job: ForkProcess) -> None:
        """The numbers of signals that the one that waits has got; if it has died, so shall its job."""
        try:
            numbers = line.recv(SIZE)
        except OSError:
            numbers = b""
        if not numbers:
            self.ready.unregister(line)
        for number in numbers or [signal.SIGKILL]:
            if job.is_alive():  # else its number may be another's by now
                os.kill(cast(int, job.pid), number)

    def _tell(self, line: socket.socket, job: ForkProcess) -> None:
        """How a job has ended."""
        self.ready.unregister(job.sentinel)
        with suppress(KeyError):
            self.ready.unregister(line)
        job.join()
        with suppress(OSError):
            line.sendall(f"{job.exitcode}\n".encode())
        line.close()
        job.close()

    def _become(self, call: dict[str, Any], files: list[int], line: socket.socket, server: int) -> None:
        """In the fork, which holds nothing of what is the server's, and has the files of the one that waits."""
        _end_with(server)
        line.close()
        for key in list(self.ready.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self.ready.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        become(call)


def _end_with(server: int) -> None:
    """From now on this process is killed when the server ends, as nobody would wait for it any more."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it has ended already
        os._exit(1)


def _received(line: socket.socket, size: int) -> bytes:
    parts = []
    while size and (part := line.recv(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def become(call: dict[str, Any]) -> None:
    """Run a module as `python -m` would, in this process, with the command line, folder and environment of the call.
    Raises what the module raises.
    """
    os.umask(call["umask"])
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    packages = [path for path in call["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [call["folder"], *packages, *(path for path in sys.path if path not in packages)]
    sys.argv = [call["module"], *call["arguments"]]
    # Those of the server know whether one could seek in its own files. UTF-8 as by `stages.make_runnable`.
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
    runpy.run_module(call["module"], run_name="__main__", alter_sys=True)


def main(address: str, *libraries: str) -> None:
    """Load the libraries, then serve."""
    sys.path.pop(0)  # the folder of this file
    for library in libraries:
        with suppress(Exception):  # which is for those to tell that need it
            importlib.import_module(library)
    gc.collect()
    gc.freeze()  # else each job copies what it looks through for garbage
    try:
        server = Server(address)
    except OSError:  # Snakemake has ended meanwhile, and taken the folder away
        return
    try:
        server.serve()
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # at once, so that those who wait see it


if __name__ == "__main__":
    main(*sys.argv[1:])
