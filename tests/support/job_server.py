"""Runs the jobs of studies as processes of their own that need not import the libraries again: each is forked from this
one. Small studies take most of their time for imports.

Bash puts a folder in front of PATH whose `python` hands `-m red_herring.stages.*` over to this process, with its folder,
environment and standard files; waits, passing signals on; and ends as the job did. Snakemake, its rules and the command
lines are as they are. What Snakemake measures of a job is that of the one who waits. Jobs that run on a cluster are left
alone.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import select
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from support.stage_server import STAGES, become

JOBS = (
    *STAGES,
    "captum.attr",
    "jsonschema",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "statsmodels.regression.mixed_linear_model",
    "statsmodels.stats.multitest",
)

ASKING = """\
#!{python} -ISE
import json, os, signal, socket, sys

if sys.argv[1:2] != ["-m"] or not sys.argv[2].startswith("red_herring.stages."):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect({address!r})
    socket.send_fds(asking, [b"."], [0, 1, 2])
    lines = asking.makefile("rw")
    call = {{"module": sys.argv[2], "arguments": sys.argv[3:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
    print(json.dumps(call), file=lines, flush=True)
    job = int(lines.readline())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(job, number))
    status = int(lines.readline())
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


class JobServer:
    """The process above. variables: those with which Bash finds it."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="jobs-")
        folder = Path(self.folder.name)
        address = str(folder / "socket")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        environment |= {"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
        assert self.process.stdout.readline(), "it has begun to listen"
        asking = folder / "python"
        asking.write_text(ASKING.format(python=sys.executable, address=address))
        asking.chmod(0o755)
        (folder / "path.sh").write_text(f'[ -n "${{SLURM_JOB_ID-}}" ] || PATH={folder}:$PATH\n')
        self.variables = {"BASH_ENV": str(folder / "path.sh")}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.folder.cleanup()


def serve(address: str) -> None:
    """Until standard input ends."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(64)
        print("listening", flush=True)
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            asking, _ = listening.accept()
            if not os.fork():
                listening.close()
                attend(asking)
                os._exit(0)
            asking.close()
            with suppress(ChildProcessError):  # none is left
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def attend(asking: socket.socket) -> None:
    """Fork one job, and tell how it ended."""
    _, files, _, _ = socket.recv_fds(asking, 1, 3)
    lines = asking.makefile("rw")
    job = multiprocessing.get_context("fork").Process(target=do, args=(json.loads(lines.readline()), files))
    job.start()
    print(job.pid, file=lines, flush=True)
    for file in files:
        os.close(file)
    job.join()
    print(job.exitcode, file=lines, flush=True)


def do(call: dict, files: list[int]) -> None:
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # Those of the server know whether one could seek in its own files.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    become(call)


if __name__ == "__main__":
    for library in JOBS:
        importlib.import_module(library)
    del sys.path[:2]  # the folders of this file and of the tests
    gc.freeze()  # else each job copies what it looks through
    serve(sys.argv[1])
