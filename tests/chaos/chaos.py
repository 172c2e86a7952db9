"""Kill a study at random moments, start it again as the README says, and compare what comes out, byte by byte.

The study takes seconds: images are fetched from a server on this machine, prepared, split; two methods are searched,
trained on two seeds and attributed; tables and figures follow. It is run once undisturbed. Then, round after round,
it is run with kills (SIGKILL) of

stage      one process that is at work; Snakemake sees its job fail
snakemake  Snakemake alone; its jobs go on, and the next start meets them, at work or, every other time, ended
machine    Snakemake and all its jobs at once
preloaded  the process that has loaded the libraries; jobs that were forked from it die with it

at a random time, or as soon as something is being written. After every kill each file that has its final name must be
that of the undisturbed run; at the end of a round all must be, and Snakemake must find nothing to do.
No training that has ended may be done again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from support.loopback import Quiet, serving
from support.workflow_checkout import Checkout

KINDS = ("stage", "snakemake", "machine", "preloaded")
KILLS_A_ROUND = 8
PRELOAD = "workflow/red_herring/runtime/preload.py"
LONGEST_WAIT = 8.0
"""Seconds after the first job of a start within which the kill comes; a job takes about four. In every other round it
comes sooner rather than later, or the first jobs of the study, which are short, would hardly be hit."""

VOLATILE = {"seconds", "commit", "uncommitted_changes"}
"""What run.json says of its making."""

TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}(\.\w+)")
COLUMNS = {"file": "file", "label": "label", "group": "view", "patient": "patient"}
SOURCE = {
    "kind": "folder",
    "size": 32,
    "max_unreadable": 0,
    "csvpath": "scans.csv",
    "imgpath": None,
    "columns": COLUMNS,
}
STUDY = {
    "study": {"tasks": ["chaos"], "methods": ["classification", "actdiff"], "seeds": [1, 2]},
    "tasks": {
        "chaos": {
            "finding": "ill",
            "control": "well",
            "nuisance": {
                "name": "view",
                "groups": [{"name": view, "source": "scans", "group": view} for view in ("AP", "PA")],
            },
            "ratio": 0.75,
            "mask": {"kind": "ellipse", "semi_axis": 0.3},
            "mean_map_images": 5,
        }
    },
    "model": {"width": 2},
    "training": {"epochs": 6, "burn_in": 0, "batch_size": 8},
    "saliency": {"attributions": ["gradient", "edges"], "example_images": 2},
    "tuning": {"seed": 1, "initial_points": 2, "iterations": 1, "epochs": 3, "burn_in": 0},
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--seed", type=int, default=None, help="of the moments; given, they are drawn again")
    given = arguments.parse_args()
    seed = given.seed if given.seed is not None else random.randrange(10**6)
    print(f"chaos: {given.kills} kills, seed {seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    with images_server(folder) as archive:
        chaos = Chaos(folder, archive, random.Random(seed))
        chaos.run(given.kills)
    print(chaos.report())
    if chaos.survived < given.kills or chaos.corrupted or chaos.different or chaos.repeated:
        sys.exit(f"error: see above; the study is in {folder}")
    shutil.rmtree(folder)


class Chaos:
    """The undisturbed run, the rounds of kills, and the count of what became of them."""

    def __init__(self, folder: Path, archive: str, moments: random.Random):
        self.folder, self.archive, self.moments = folder, archive, moments
        self.killed: Counter[tuple[str, str]] = Counter()
        self.survived = self.rounds = self.identical = 0
        self.corrupted: list[str] = []
        self.different: list[str] = []
        self.ended: dict[Path, float] = {}  # training log -> when that training had ended
        self.repeated: list[str] = []
        start = time.monotonic()
        undisturbed = self._checkout("undisturbed")
        finish(undisturbed)
        self.expected = contents(undisturbed / "results")
        print(f"undisturbed: {len(self.expected)} files in {time.monotonic() - start:.0f} s", flush=True)

    def run(self, kills: int) -> None:
        while sum(self.killed.values()) < kills:
            self.rounds += 1
            self._round(f"round{self.rounds}", min(KILLS_A_ROUND, kills - sum(self.killed.values())))

    def _round(self, name: str, kills: int) -> None:
        checkout, struck = self._checkout(name), 0
        while struck < kills:
            kind = self.moments.choice(KINDS)
            with started(checkout) as snakemake:
                victim = self._strike(checkout, snakemake, kind)
                if victim is None:
                    break  # the study is complete
                self.killed[victim, kind] += 1
                struck += 1
                if kind == "snakemake" and self.moments.random() < 0.5:
                    psutil.wait_procs(stages(checkout), timeout=120)
                self.corrupted += [f"{name}: {file}" for file in self._wrong(checkout)]
                self._see_training(checkout)
            print(f"  {name}: killed {kind} in {victim}, {len(self.corrupted)} files corrupted", flush=True)
        finish(checkout)
        self._see_training(checkout)
        different = self._wrong(checkout) + sorted(set(self.expected) - set(contents(checkout / "results")))
        different += leftovers(checkout / "results")
        self.different += [f"{name}: {file}" for file in different]
        self.identical += not different
        self.survived += 0 if different else struck
        print(f"{name}: complete after {struck} kills, {len(different)} files differ", flush=True)
        if not different:
            shutil.rmtree(checkout)

    def _strike(self, checkout: Path, snakemake: subprocess.Popen, kind: str) -> str | None:
        """Kill at a random moment and return the stage that was at work; None if Snakemake has ended before."""
        running(snakemake, lambda: stages(checkout))
        wait = LONGEST_WAIT * self.moments.random() ** (1 + self.rounds % 2)
        moment = time.monotonic() + wait
        running(snakemake, lambda: time.monotonic() > moment)
        if self.moments.random() < 0.5:
            hidden = (checkout / "results").rglob
            latest = time.monotonic() + LONGEST_WAIT
            running(snakemake, lambda: any(map(is_being_written, hidden(".*"))) or time.monotonic() > latest)
        at_work = running(snakemake, lambda: stages(checkout))
        if not at_work:
            if snakemake.returncode:
                raise RuntimeError(f"a start failed that nobody disturbed, see {checkout}/snakemake.log")
            return None
        victim = self.moments.choice(sorted(at_work, key=lambda process: process.pid))
        name = stage_of(victim) or "ending"
        main = psutil.Process(snakemake.pid)
        loaded = [child for child in main.children() if child.cmdline()[1:2] == [str(checkout / PRELOAD)]]
        kill({"stage": [victim], "snakemake": [main], "machine": [main, *at_work], "preloaded": loaded}[kind])
        snakemake.wait()
        return name

    def _see_training(self, checkout: Path) -> None:
        """Note which trainings have ended, and which of those that had were begun again."""
        runs = checkout / "results" / "runs"
        for finished in runs.glob("*/*/*/resume/finished.json"):
            with suppress(FileNotFoundError):
                log = checkout / "results" / "logs" / "train" / f"{finished.parents[1].relative_to(runs)}.log"
                self.ended.setdefault(log, finished.stat().st_mtime)
        for log, ended in self.ended.items():
            if log.exists() and log.stat().st_mtime > ended and "epoch 1/" in log.read_text():
                self.repeated.append(f"{log} is of a training that had ended before")

    def _wrong(self, checkout: Path) -> list[str]:
        """The files with their final names that are not those of the undisturbed run."""
        return sorted(
            file for file, digest in contents(checkout / "results").items() if self.expected.get(file) != digest
        )

    def _checkout(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        checkout = Checkout(folder)
        checkout.study("chaos", STUDY | {"sources": {"scans": SOURCE | {"archive": self.archive}}})
        shutil.copy(self.folder / "scans.csv", folder)
        return folder

    def report(self) -> str:
        stages_hit = sorted({stage for stage, _ in self.killed})
        lines = ["", f"| at work | {' | '.join(KINDS)} | kills |", f"|---|{'--:|' * (len(KINDS) + 1)}"]
        for stage in stages_hit:
            counts = [self.killed[stage, kind] for kind in KINDS]
            lines.append(f"| {stage} | {' | '.join(map(str, counts))} | {sum(counts)} |")
        totals = [sum(self.killed[stage, kind] for stage in stages_hit) for kind in KINDS]
        kills = sum(totals)
        lines += [f"| all | {' | '.join(map(str, totals))} | {kills} |", ""]
        lines += [
            f"kills survived     {self.survived} of {kills}",
            f"results identical  {self.identical} of {self.rounds} rounds, {len(self.expected)} files each",
            f"outputs corrupted  {len(self.corrupted)}",
            f"trainings repeated {len(self.repeated)}",
        ]
        return "\n".join(lines + [f"  {line}" for line in self.corrupted + self.different + self.repeated])


SNAKEMAKE = [str(Path(sys.executable).parent / "snakemake")]
START = [*SNAKEMAKE, "-c2", "all", "--rerun-incomplete", "--configfile=chaos.yaml"]


def unlock(checkout: Path) -> None:
    """What the README says to do after Snakemake was killed."""
    locks = checkout / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        subprocess.run([*SNAKEMAKE, "--unlock", "--configfile=chaos.yaml"], cwd=checkout, check=True, **SILENT)


SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


@contextmanager
def started(checkout: Path) -> Iterator[subprocess.Popen]:
    unlock(checkout)
    with open(checkout / "snakemake.log", "ab") as log:
        yield subprocess.Popen(START, cwd=checkout, stdout=log, stderr=log)


def finish(checkout: Path) -> None:
    """Run the study to its end, after which there is nothing to do."""
    with started(checkout) as snakemake:
        if snakemake.wait() != 0:
            raise RuntimeError(f"the study did not complete, see {checkout}/snakemake.log")
    planned = subprocess.run([*START, "--dry-run"], cwd=checkout, capture_output=True, text=True, check=True)
    if "Nothing to be done" not in planned.stdout + planned.stderr:
        raise RuntimeError(f"{checkout}: Snakemake finds something to do: {planned.stdout}")


def running(snakemake: subprocess.Popen, condition: Callable[[], Any]) -> Any:
    """Wait for a condition while Snakemake runs; what it was at last, nothing if Snakemake has ended."""
    while snakemake.poll() is None:
        if value := condition():
            return value
        time.sleep(0.005)
    return None


def stages(checkout: Path) -> list[psutil.Process]:
    """The stages that are at work in a checkout, without the processes that they have started in turn."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(checkout) and stage_of(process) and not stage_of(process.parent()):
                found.append(process)
    return found


def stage_of(process: psutil.Process) -> str:
    """The stage that a process runs, or nothing; of a process that has just ended, its last word."""
    with suppress(psutil.Error, AttributeError):
        for word in process.cmdline()[1:3]:
            if word.startswith("red_herring.stages."):
                return word.removeprefix("red_herring.stages.")
    return ""


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def is_being_written(file: Path) -> bool:
    return TEMPORARY.fullmatch(file.name) is not None


def contents(results: Path) -> dict[str, str]:
    """Digest of every file that a reader could take for a result."""
    found = {}
    for file in sorted(results.rglob("*")):
        relative = file.relative_to(results)
        hidden = any(part.startswith(".") or part in ("resume", "partial") for part in relative.parts)
        # incomplete.md tells of the jobs that were killed.
        if hidden or relative.parts[0] in ("logs", "benchmarks", "incomplete.md"):
            continue
        with suppress(FileNotFoundError, IsADirectoryError):
            found[str(relative)] = hashlib.sha256(lasting(file)).hexdigest()
    return found


def lasting(file: Path) -> bytes:
    """A file's content, without what differs between two makings of the same."""
    content = file.read_bytes()
    if file.name != "run.json":
        return content
    record = json.loads(content)
    return json.dumps({key: value for key, value in record.items() if key not in VOLATILE}).encode()


def leftovers(results: Path) -> list[str]:
    """States and half-written files that nobody needs any more."""
    return [str(file) for file in results.rglob("*") if file.name == "resume" or is_being_written(file)]


@contextmanager
def images_server(folder: Path) -> Iterator[str]:
    """A table of 96 images in `folder`, and the address of the archive of them, which comes within two seconds."""
    draw, rows, archive = np.random.default_rng(0), ["file,label,view,patient"], io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(96):
            pixels = draw.integers(0, 100, (40, 36), dtype=np.uint8)
            pixels[16:22, 16:22] += 100 * (number % 2)
            image = io.BytesIO()
            Image.fromarray(pixels).save(image, "png")
            packed.writestr(f"scans/{number}.png", image.getvalue())
            rows.append(f"{number}.png,{('well', 'ill')[number % 2]},{('AP', 'PA')[number // 2 % 2]},p{number}")
    (folder / "scans.csv").write_text("\n".join(rows) + "\n")
    content = archive.getvalue()

    class Slow(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            step = -(-len(content) // 20)
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                time.sleep(0.1)

    with serving(Slow) as server:
        yield address(server)


def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/scans.zip"


if __name__ == "__main__":
    main()
