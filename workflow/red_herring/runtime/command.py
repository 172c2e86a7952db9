"""The command line of a stage, made from the signature of its function, and what all of them have in common."""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import inspect
import logging
import os
import resource
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NoReturn, TextIO, get_args, get_origin, get_type_hints

from red_herring.runtime import cards, interrupt
from red_herring.runtime.files import StudyError, remove_leftovers, telling
from red_herring.runtime.locks import sole
from red_herring.runtime.typed_json import is_record, loaded

RESUME = "resume"
"""The folder beside its first output in which a stage keeps what it has done, and finds it when it is started again:
what the parameter of this name is given.
"""

SPACE_AND_RIGHTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors that say all in one sentence."""


MIB = 2**20 if sys.platform == "darwin" else 2**10
"""As the system counts memory: macOS in bytes, Linux in KiB."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Input:
    """Marks a parameter as a file, or files, that a stage reads. content: what it is, such as "CSV of draw_splits"."""

    content: str


@dataclass(frozen=True)
class Output:
    """Marks a parameter as a file, or files, that a stage writes."""

    content: str = ""


Stage = Callable[..., None]
"""Its parameters are its command line, `--name value`: Path, list[Path] or Sequence[Path], each `Annotated` as Input or
Output; int, str; and a dataclass, a union of some, or a dict, given as JSON. One with a default may be left out.
`resume` is no flag, see RESUME.
"""


def run(stage: Stage) -> None:
    """Run a stage, the only process at its outputs, with a GPU of its own if it asks for one; both are waited for.

    What the user can put right ends it with one sentence on the terminal and in the log, status 1. SIGTERM and Ctrl-C
    end it with the state saved, status 143 and 130.
    """
    atexit.register(gc.freeze)  # or Python looks for garbage as it ends, for a quarter of a second with PyTorch
    given = vars(parser_of(stage).parse_args())
    log_file = given.pop("log")
    outputs = outputs_of(stage, given)
    resumes = RESUME in inspect.signature(stage).parameters
    if resumes:
        given[RESUME] = outputs[0].parent / RESUME
    for stream in _streams():  # what a terminal cannot show it shows as \u2013
        stream.reconfigure(errors="backslashreplace")
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=terminal)
    interrupt.listen()
    try:
        with sole(outputs[0]):
            for output in outputs:
                remove_leftovers(output)
            _log_to(log_file, terminal)
            with cards.given(_device(given)):
                stage(**given)
                interrupt.deafen()  # all is done
                _log_usage()
    except interrupt.Interrupted as stop:
        kept = "what was done is kept; " if resumes else ""
        _fail(f"stopped by {stop}; {kept}run again to go on", terminal, stop.status)
    except Exception as error:
        if not (isinstance(error, StudyError) or (isinstance(error, OSError) and error.errno in SPACE_AND_RIGHTS)):
            traceback.print_exc()
        _fail(_sentence(error, outputs[0].parent), terminal)


def _log_usage() -> None:
    """What Snakemake cannot measure of a job that another process has forked (`red_herring.runtime.preload`)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(of.ru_utime + of.ru_stime for of in used)
    log.info("%.1f s of processor time, %.0f MiB of memory at most", seconds, used[0].ru_maxrss / MIB)


def _sentence(error: Exception, folder: Path) -> str:
    """What went wrong and, where that is known, what to do. folder: that of the outputs."""
    if isinstance(error, StudyError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or folder}: {error.strerror or error}; put that right and run again"
    name, text = type(error).__name__, str(error)
    if name == "OutOfMemoryError":  # PyTorch's, of a GPU
        why = text.partition("\n")[0].rstrip(".")
        return f"{why}; set a smaller training.batch_size, let fewer jobs share the card, or take a larger one"
    return f"{name}: {text} (the log has the details)"


def parser_of(stage: Stage) -> argparse.ArgumentParser:
    """What reads the command line of a stage, described by the docstring of its module; and `--log`, which all have."""
    parser = argparse.ArgumentParser(description=sys.modules[stage.__module__].__doc__)
    hints = get_type_hints(stage, include_extras=True)
    for name, parameter in inspect.signature(stage).parameters.items():
        if name != RESUME:
            needed = parameter.default is parameter.empty
            options = {"required": True} if needed else {"default": parameter.default}
            parser.add_argument(f"--{name.replace('_', '-')}", **options, **_read_as(hints[name]))
    parser.add_argument(
        "--log", type=Path, help="file for the progress and for library messages; without it the terminal"
    )
    return parser


def _read_as(hint: Any) -> dict[str, Any]:
    """How argparse reads a parameter of this type."""
    own, marks = _unmarked(hint)
    several = get_origin(own) in (list, Sequence)
    if is_record(own) or get_origin(own) is dict:
        return {"type": partial(_from_json, own), "help": "; ".join([*map(_described, marks), *_reads(own)])}
    if several or get_origin(own) is UnionType:  # of one type, and of it or None
        own = get_args(own)[0]
    return {
        "type": own,
        "nargs": "+" if several else None,
        "help": "; ".join(_described(mark) for mark in marks),
    }


def _from_json(kind: Any, text: str) -> Any:
    try:
        return loaded(kind, text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _reads(kind: Any) -> list[str]:
    """The fields of a dataclass, or of several, for the help."""
    if not is_record(kind):
        return []
    fields = dict.fromkeys(name for one in get_args(kind) or (kind,) for name in get_type_hints(one))
    return [f"JSON with {', '.join(fields)}"]


def _unmarked(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and what it is annotated with."""
    return (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())


def _described(mark: Input | Output | str) -> str:
    if isinstance(mark, str):
        return mark
    kind = type(mark).__name__.lower()
    return f"{kind}: {mark.content}" if mark.content else kind


def outputs_of(stage: Stage, given: dict[str, Any]) -> list[Path]:
    """All outputs that a stage was given, in the order of its parameters."""
    hints = get_type_hints(stage, include_extras=True)
    values = [
        given[name] for name, hint in hints.items() if any(isinstance(mark, Output) for mark in _unmarked(hint)[1])
    ]
    return [path for value in values for path in (value if isinstance(value, list) else [value])]


def _device(given: dict[str, Any]) -> str:
    """Where a stage's settings let it compute; those of most stages say nothing of it, and they stay on the CPU."""
    settings = given.get("settings")
    return settings.get("device", "cpu") if isinstance(settings, dict) else getattr(settings, "device", "cpu")


def _log_to(path: Path | None, terminal: TextIO) -> None:
    """From now on all that is printed goes to this file; what is told, to the terminal too."""
    if path:
        aloud = logging.StreamHandler(terminal)
        aloud.setFormatter(logging.Formatter("note: %(message)s"))
        telling.addHandler(aloud)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as log:
            for stream in _streams():
                os.dup2(log.fileno(), stream.fileno())
                stream.reconfigure(encoding="utf-8")
    # A terminal gets a progress bar, a log gets lines.
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)


def _streams() -> list[TextIOWrapper]:
    return [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]


def _fail(sentence: str, terminal: TextIO, status: int = 1) -> NoReturn:
    print(f"error: {sentence}", file=terminal, flush=True)
    if not os.path.sameopenfile(terminal.fileno(), sys.stderr.fileno()):
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    sys.exit(status)
