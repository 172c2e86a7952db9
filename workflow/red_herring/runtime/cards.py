"""Which GPU a job computes on: one that it holds while it lives, alone or with as many others as all of them allow.

The cards of a machine are shared out by locks in one folder, among all studies that a user runs there. A card is known
by what CUDA_VISIBLE_DEVICES calls it, and CUDA sees no other one. Inside a Slurm job Slurm shares them out.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from urllib.parse import quote

from red_herring.runtime.files import StudyError
from red_herring.runtime.locks import is_held, one_of

FOLDER = Path(f"/tmp/red_herring-{os.getuid()}")
"""Of the locks. Not where TMPDIR points, which may differ between two studies."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
HELD = "RED_HERRING_GPU"
"""Environment variable: the card that this process, or the one that started it, holds."""

PER_CARD = "RED_HERRING_GPU_JOBS_PER_CARD"
"""Environment variable: how many jobs may be on a card at once."""

OF_SLURM = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS")
"""Environment variables by which Slurm says which of its node's GPUs it gave a job."""


def visible() -> list[str]:
    """The cards that may be used, in CUDA's order; none when nothing is known of any."""
    listed = os.environ.get(VISIBLE)
    if listed is None:
        return [] if _in_slurm() else [str(number) for number in range(_installed())]
    names = (name.strip() for name in listed.split(","))
    # CUDA ignores what comes after the first that is none, such as -1.
    return list(dict.fromkeys(takewhile(re.compile(r"\d+|(GPU|MIG)-.+").fullmatch, names)))


def _in_slurm() -> bool:
    return "SLURM_JOB_ID" in os.environ


def _installed() -> int:
    """How many cards NVIDIA's driver has; 0 for a PyTorch that was built without CUDA, which is chosen for the CPU."""
    with suppress(importlib.metadata.PackageNotFoundError):
        if importlib.metadata.version("torch").endswith("+cpu"):
            return 0
    if Path("/proc/driver/nvidia/gpus").is_dir():  # seen in containers too, which have the devices that they were given
        devices = [file for file in Path("/dev").glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name)]
        if devices:
            return len(devices)
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, encoding="utf-8", check=True, timeout=60
        ).stdout
        return len(re.findall(r"^GPU \d+:", listed, re.MULTILINE))
    return 0


def jobs_at_once(device: str) -> int:
    """How many jobs that ask for this device (`auto`, `cpu`, `cuda`, `cuda:1`) the machine's cards can take."""
    return len(_eligible(device)) * _per_card()


def granted() -> str | None:
    """What says that there is a GPU for this process, in words; None if nothing does."""
    if HELD in os.environ:
        return f"GPU {os.environ[HELD]} was given to this job"
    if os.environ.get(VISIBLE) and visible():
        return f"{VISIBLE} is {os.environ[VISIBLE]}"
    for name in OF_SLURM:
        if os.environ.get(name):
            return f"Slurm gave this job a GPU ({name} is {os.environ[name]})"
    count = len(visible())
    return f"NVIDIA's driver lists {count} GPU{'s' * (count != 1)}" if count else None


def is_given() -> bool:
    """Whether this process has a card of its own, which then is the only one that CUDA sees."""
    return HELD in os.environ


@contextmanager
def given(device: str) -> Iterator[None]:
    """A card for what is in the block, if `device` asks for one and cards are known; waits until one is free.

    To be entered before CUDA starts. Processes that are started in the block share the card. Raises StudyError for
    `cuda:3` when there is no such card.
    """
    cards, per_card = _eligible(device), _per_card()
    if not cards or (_in_slurm() and len(cards) == 1):
        yield
        return
    folder = _folder()
    # The first place on every card before the second on any.
    places = [
        folder / f"{quote(card, safe='')}@{number}of{per_card}" for number in range(1, per_card + 1) for card in cards
    ]
    waiting = f"no GPU is free of {', '.join(cards)}; waiting until one is"
    with one_of(places, waiting, _is_among_equals) as place:
        before = {name: os.environ.pop(name, None) for name in (HELD, VISIBLE)}
        os.environ[HELD] = os.environ[VISIBLE] = cards[places.index(place) % len(cards)]
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def _eligible(device: str) -> list[str]:
    if device == "cpu":
        return []
    cards, (_, _, number) = visible(), device.partition(":")
    if not number or not cards:
        return cards
    if int(number) >= len(cards):
        raise StudyError(
            f"training.device: is {device}, counted from 0 among {', '.join(cards)}; take one that is there, or auto"
        )
    return [cards[int(number)]]


def _per_card() -> int:
    text = os.environ.get(PER_CARD, "1")
    if not re.fullmatch(r"[1-9]\d*", text):
        raise StudyError(f"gpu_jobs_per_card: is {text}; expected a whole number of jobs, 1 or more")
    return int(text)


def _folder() -> Path:
    """Where the locks are; inside a Slurm job one for that job, as cards of two jobs may have the same number."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if FOLDER.is_symlink() or FOLDER.stat().st_uid != os.getuid():
        raise StudyError(f"{FOLDER}: belongs to somebody else; have it removed, as the locks of your GPUs belong there")
    return FOLDER / f"slurm-{os.environ['SLURM_JOB_ID']}" if _in_slurm() else FOLDER


def _is_among_equals(place: Path) -> bool:
    """Whether all jobs on the card of this place allow as many there; one that wants it alone gets it alone."""
    card, _, _ = place.name.partition("@")
    allowed = place.name.rpartition("of")[2]
    others = (other.name[1:].removesuffix(".lock") for other in place.parent.glob(f".{card}@*.lock"))
    return not any(other.rpartition("of")[2] != allowed and is_held(place.with_name(other)) for other in others)
