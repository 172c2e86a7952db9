"""What every stage's command line has in common."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from red_herring import cards, interrupt
from red_herring.files import StudyError, remove_leftovers, telling
from red_herring.locks import sole

RESUME = "resume"

SPACE_AND_RIGHTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors that say all in one sentence."""


class Arguments(argparse.ArgumentParser):
    """Arguments of every stage: --settings, a JSON object, --log, and its outputs.

    resumes: the stage keeps what it has done in the folder `resume` beside its first output, and finds it there when it
    is started again. settings: whether it reads any of the study.
    """

    def __init__(self, description: str | None, resumes: bool = False, settings: bool = True):
        super().__init__(description=description)
        self.outputs: list[str] = []
        self.resumes = resumes
        if settings:
            self.add_argument(
                "--settings", type=json.loads, required=True, help="what the stage reads of the study, as JSON"
            )
        self.add_argument(
            "--log", type=Path, help="file for the progress and for library messages; without it the terminal"
        )

    def add_output(self, flag: str, content: str = "") -> None:
        described = f"output: {content}" if content else "output"
        action = self.add_argument(flag, type=Path, required=True, help=described)
        self.outputs.append(action.dest)

    def add_outputs(self, flag: str, content: str) -> None:
        """Several outputs of one kind."""
        action = self.add_argument(flag, type=Path, nargs="+", required=True, help=f"outputs: {content}")
        self.outputs.append(action.dest)

    def outputs_of(self, given: argparse.Namespace) -> list[Path]:
        """All outputs, in the order of their flags."""
        values = [getattr(given, name) for name in self.outputs]
        return [path for value in values for path in (value if isinstance(value, list) else [value])]


def run(stage: Callable[[argparse.Namespace], None], arguments: Arguments) -> None:
    """Run a stage, the only process at its outputs, with a GPU of its own if it asks for one; both are waited for.

    What the user can put right ends it with one sentence on the terminal and in the log, status 1. SIGTERM and Ctrl-C
    end it with the state saved, status 143 and 130.
    """
    given = arguments.parse_args()
    outputs = arguments.outputs_of(given)
    if arguments.resumes:
        given.resume = outputs[0].parent / RESUME
    for stream in (sys.stdout, sys.stderr):  # what a terminal cannot show it shows as \u2013
        stream.reconfigure(errors="backslashreplace")
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=terminal)
    interrupt.listen()
    try:
        with sole(outputs[0]):
            for output in outputs:
                remove_leftovers(output)
            _log_to(given.log, terminal)
            with cards.given(_device(given)):
                stage(given)
                interrupt.deafen()  # all is done
    except interrupt.Interrupted as stop:
        kept = "what was done is kept; " if arguments.resumes else ""
        _fail(f"stopped by {stop}; {kept}run again to go on", terminal, stop.status)
    except StudyError as error:
        _fail(str(error), terminal)
    except OSError as error:
        if error.errno not in SPACE_AND_RIGHTS:
            traceback.print_exc()
        _fail(
            f"{error.filename or outputs[0].parent}: {error.strerror or error}; put that right and run again", terminal
        )
    except Exception as error:
        traceback.print_exc()
        name, text = type(error).__name__, str(error)
        if name == "OutOfMemoryError":  # PyTorch's, of a GPU
            why = text.partition("\n")[0].rstrip(".")
            _fail(
                f"{why}; set a smaller training.batch_size, let fewer jobs share the card, or take a larger one",
                terminal,
            )
        _fail(f"{name}: {text} (the log has the details)", terminal)


def _device(given: argparse.Namespace) -> str:
    """Where a stage's settings let it compute; those of most stages say nothing of it, and they stay on the CPU."""
    return getattr(given, "settings", {}).get("device", "cpu")


def _log_to(path: Path | None, terminal: TextIO) -> None:
    """From now on all that is printed goes to this file; what is told, to the terminal too."""
    if path:
        aloud = logging.StreamHandler(terminal)
        aloud.setFormatter(logging.Formatter("note: %(message)s"))
        telling.addHandler(aloud)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as log:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(log.fileno(), stream.fileno())
                stream.reconfigure(encoding="utf-8")
    # A terminal gets a progress bar, a log gets lines.
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)


def _fail(sentence: str, terminal: TextIO, status: int = 1) -> None:
    print(f"error: {sentence}", file=terminal, flush=True)
    if not os.path.sameopenfile(terminal.fileno(), sys.stderr.fileno()):
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    sys.exit(status)
