"""Kill processes that hold a GPU, at random moments, and watch who computes where. Made-up cards; test_cards.py runs it.

What the locks say is compared with what the kernel knows: who has a card also has flock on a file of its own, which is
gone the moment that it dies. Prints a JSON object: what went wrong, and how often holders were killed.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from red_herring.runtime import cards, interrupt, locks

CARDS = ["0", "3", "GPU-a1b2"]
LONGEST = 20.0
"""Seconds after which a place that nobody takes counts as lost."""


def hold(folder: Path, per_card: int, seconds: float) -> None:
    """Take a card again and again, until killed."""
    os.environ[cards.PER_CARD] = str(per_card)
    while True:
        with cards.given("auto"):
            card = os.environ[cards.VISIBLE]
            truth = [open(folder / f"{card} {number}", "a") for number in range(per_card)]  # noqa: SIM115
            alone = open(folder / card, "a")  # noqa: SIM115
            if not (locked(alone, per_card > 1) and any(locked(file, False) for file in truth)):
                (folder / f"double {os.getpid()}").write_text(card)
            (folder / f"in {os.getpid()}").touch()
            time.sleep(random.expovariate(1 / seconds))
            for file in (alone, *truth):
                file.close()
            (folder / f"in {os.getpid()}").unlink()


def locked(file: Any, shared: bool) -> bool:
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def start(*arguments: Any) -> int:
    parent = os.getpid()
    if child := os.fork():
        return child
    interrupt.end_with(parent)
    random.seed(os.getpid())
    hold(*arguments)
    return 0


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def holders() -> list[int]:
    """The processes that have a lock, by what the locks say."""
    found = []
    for marker in cards.FOLDER.glob(".*.lock"):
        try:
            found.append(json.loads(marker.read_text())["pid"])
        except (OSError, ValueError):
            continue
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--folder", type=Path, required=True)
    arguments.add_argument("--kills", type=int, required=True)
    arguments.add_argument("--per-card", type=int, nargs="+", required=True, help="of the jobs, in turn")
    arguments.add_argument("--seed", type=int, required=True)
    given = arguments.parse_args()
    chance = random.Random(given.seed)
    cards.FOLDER = given.folder / "locks"
    truth = given.folder / "truth"
    truth.mkdir()
    locks.POLL, locks.BEAT = 0.01, 0.02
    os.environ[cards.VISIBLE] = ",".join(CARDS)
    os.environ.pop("SLURM_JOB_ID", None)

    jobs = {start(truth, per_card, 0.05): per_card for per_card in given.per_card}
    killed, last = 0, time.monotonic()
    while killed < given.kills and time.monotonic() - last < LONGEST:
        time.sleep(chance.uniform(0, 0.02))
        if found := [process for process in holders() if process in jobs]:
            process = chance.choice(found)
            kill(process)
            killed, last = killed + 1, time.monotonic()
            per_card = jobs.pop(process)
            jobs[start(truth, per_card, 0.05)] = per_card
    for process in jobs:
        kill(process)

    # Is every place still there? As many as there are, none of which is given up.
    for file in truth.glob("in *"):
        file.unlink()
    most = max(given.per_card)
    last_jobs = [start(truth, most, 1e9) for _ in range(most * len(CARDS))]
    end = time.monotonic() + LONGEST
    while len(list(truth.glob("in *"))) < len(last_jobs) and time.monotonic() < end:
        time.sleep(0.02)
    taken = len(list(truth.glob("in *")))
    for process in last_jobs:
        kill(process)
    doubles = [file.read_text() for file in truth.glob("double *")]
    print(json.dumps({"killed": killed, "doubles": doubles, "lost": len(last_jobs) - taken}))


if __name__ == "__main__":
    main()
