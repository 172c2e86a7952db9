"""Runs stages, and Snakemake's dry runs, as processes of their own that need not import the libraries again: each is
forked from this one.

Of `python stage_server.py libraries`: a call on standard input is a line of JSON, with `module`, `arguments`, `cwd`,
`environment`, the code to run `before` and the files `stdout` and `stderr`; the answer is a line with the exit status, negative for a signal.
"""

from __future__ import annotations

import gc
import importlib
import json
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import coverage

STAGES = (
    "numpy",
    "pandas",
    "scipy.ndimage",
    "scipy.stats",
    "torch",
    "torch.nn",
    "safetensors.torch",
    "PIL.Image",
    "skopt",
)
PLANS = ("snakemake.cli", "jsonschema")
"""What stages, and dry runs, import most of the time for. Nothing of the package: its own imports stay what is tested."""


class StageServer:
    """The process above, at the other end of its pipes."""

    def __init__(self, libraries: Sequence[str]) -> None:
        self.said = tempfile.TemporaryDirectory(prefix="said-")
        # Coverage begins in each stage, not here.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self.process = subprocess.Popen(
            [sys.executable, __file__, *libraries], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def run(
        self, module: str, arguments: list[str], cwd: Path, environment: dict[str, str], before: str = ""
    ) -> subprocess.CompletedProcess:
        """What subprocess.run would give of `python -m module`, with its output as text."""
        outputs = {name: str(Path(self.said.name, name)) for name in ("stdout", "stderr")}
        call = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": environment,
            "before": before,
        } | outputs
        print(json.dumps(call), file=self.process.stdin, flush=True)
        status = int(self.process.stdout.readline())
        said = {name: Path(file).read_text() for name, file in outputs.items()}
        return subprocess.CompletedProcess([module, *arguments], status, said["stdout"], said["stderr"])

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.said.cleanup()


def answered(call: dict[str, Any]) -> None:
    """Be the stage that is called for, whose output goes to files."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(call[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    become(call)


def become(call: dict[str, Any]) -> None:
    """Let this process be the stage that is called for, covered if the tests are."""
    os.chdir(call["cwd"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.path[:0] = filter(None, call["environment"].get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = [call["module"], *call["arguments"]]
    covered = coverage.process_startup()
    try:
        exec(call.get("before", ""), {})
        runpy.run_module(call["module"], run_name="__main__", alter_sys=True)
    finally:
        if covered:
            covered.stop()
            covered.save()


def serve() -> None:
    forking = multiprocessing.get_context("fork")
    for line in sys.stdin:
        stage = forking.Process(target=answered, args=(json.loads(line),))
        stage.start()
        stage.join()
        print(stage.exitcode, flush=True)


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file
    for library in sys.argv[1:]:
        importlib.import_module(library)
    gc.freeze()  # else each stage copies what it looks through
    serve()
