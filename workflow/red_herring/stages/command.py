"""What every stage's command line has in common."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from red_herring.files import StudyError


def parser(description: str | None) -> argparse.ArgumentParser:
    """Arguments of every stage: --settings, a JSON object, and --log."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument(
        "--settings", type=json.loads, required=True, help="what the stage reads of the study, as JSON"
    )
    arguments.add_argument(
        "--log", type=Path, help="file for the progress and for library messages; without it the terminal"
    )
    return arguments


def run(stage: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> None:
    """Run a stage; what the user can put right ends it with one sentence on the terminal and in the log, status 1."""
    given = arguments.parse_args()
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    if given.log:
        given.log.parent.mkdir(parents=True, exist_ok=True)
        with open(given.log, "w") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
    # A terminal gets a progress bar, a log gets lines.
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    logging.basicConfig(level=level, format="%(message)s", stream=sys.stderr, force=True)
    try:
        stage(given)
    except StudyError as error:
        _fail(str(error), terminal, given.log)
    except OSError as error:
        traceback.print_exc()
        _fail(
            f"{error.filename or 'output'}: {error.strerror or error}; put that right and run again",
            terminal,
            given.log,
        )
    except Exception as error:
        traceback.print_exc()
        _fail(f"{type(error).__name__}: {error} (the log has the details)", terminal, given.log)


def _fail(sentence: str, terminal, log: Path | None) -> None:
    print(f"error: {sentence}", file=terminal, flush=True)
    if log:
        print(f"error: {sentence}", file=sys.stderr, flush=True)
    sys.exit(1)
