"""Whole files or none: every output is written beside its place and moved there in one step."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

telling = logging.getLogger("red_herring.telling")
"""What the user should know and nothing stops for: it goes to the log, as all does, and to the terminal."""


CLOCK_TOLERANCE = 2
"""Seconds by which a file server's clock may be ahead; the shortest job takes longer."""


class StudyError(Exception):
    """Something the user can put right; its text is one sentence that names the file, key, row or image."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends, and vanishes when it fails.

    The temporary name keeps the suffix, as some writers choose their format by it. It is random, as processes on two
    machines may have the same number.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | Path) -> None:
    """Remove the temporary files that processes killed while they were `replacing` this path have left."""
    path = Path(path)
    name = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{8}}{re.escape(path.suffix)}")
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        if name.fullmatch(file.name):
            file.unlink(missing_ok=True)


def check_writable(folder: str | Path) -> None:
    """StudyError if no file can be written in the folder, which is made if it is not there."""
    try:
        with replacing(Path(folder) / ".writable") as temporary:
            temporary.write_bytes(bytes(4096))
        (Path(folder) / ".writable").unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(f"{folder}: {error.strerror}; put that right and run again") from error


def check_times(paths: Iterable[str | Path]) -> None:
    """StudyError for a file, of those that are there, that was changed in the future: Snakemake would take what is made
    of it for older, and stop after the first job with a word about clocks.
    """
    for path in map(Path, paths):
        changed = path.stat().st_mtime if path.exists() else 0
        if changed > time.time() + CLOCK_TOLERANCE:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(changed))
            raise StudyError(f"{path}: was changed on {when}, in the future by this machine's clock; `touch {path}`")


def check_encoding(paths: Mapping[str, Any]) -> None:
    """StudyError for a path (by its key) that this process, for its locale, would not take for UTF-8, as stages do."""
    encoding = sys.getfilesystemencoding()
    for key, path in paths.items():
        if encoding != "utf-8" and isinstance(path, str) and not path.isascii():
            raise StudyError(
                f"config: {key}: is {path!r}, and the locale takes file names for {encoding}; set PYTHONUTF8=1 or "
                "LC_ALL=C.UTF-8 and start again"
            )


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text whole, in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON whole; ValueError for a number that is not finite."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The value in a JSON file; StudyError if it is missing or is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such file; run the rule that makes it") from error
    except ValueError as error:
        raise StudyError(f"{path}: is not valid JSON ({error}); delete it and run again") from error


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a small CSV as dictionaries of strings."""
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
