"""Which runs of a study are not there after all jobs have ended, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from red_herring.report.collect import Run, answer_file, asked_of, is_foreign, run_folder

ERROR = "error: "
"""What the last line of a stage's log begins with when it failed."""


WAITING = "not started"

NEEDED = "localisation"
"""The analysis without which a run is in no table; of the others there is what there is."""


def missing_runs(
    results: Path,
    runs: Sequence[Run],
    analyses: Mapping[str, Mapping[str, Sequence[str]]],
    made_by: Mapping[str, str],
    searched: Mapping[str, str],
) -> dict[Run, str]:
    """Run -> why its results are not there, in the order of `runs`; the whole ones are left out.

    analyses: name -> task -> the methods whose runs on it are asked.
    made_by: task/method -> the digest of settings and code; a run of others, or of other hyperparameters than those of
    its search, waits to be made again. searched: task -> that whose search its runs take.
    """
    reasons = {}
    for run in runs:
        task, method, seed = run
        of_run = f"{task}/{method}/seed={seed}"
        logs = {
            results / "tuning" / searched[task] / method / "best.json": f"tune/{searched[task]}/{method}.log",
            run_folder(results / "runs", run) / "run.json": f"train/{of_run}.log",
        }
        asked = asked_of(analyses, run)
        logs |= {answer_file(results, analysis, run): f"{analysis}/{of_run}.log" for analysis in asked}
        first = next((log for output, log in logs.items() if not output.exists()), None)
        if first:
            reasons[run] = _why(results / "logs" / first)
        elif is_foreign(results, run, made_by, searched):
            reasons[run] = WAITING
    return reasons


def _why(log: Path) -> str:
    if not log.exists():
        return WAITING
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if lines and lines[-1].startswith(ERROR):
        return f"{lines[-1].removeprefix(ERROR)} ({log})"
    return f"killed, or lost with its machine: the log {log} ends without an error"


def without_maps(
    results: Path, runs: Sequence[Run], analyses: Mapping[str, Mapping[str, Sequence[str]]],
    made_by: Mapping[str, str], searched: Mapping[str, str],
) -> dict[Run, str]:  # fmt: skip
    """Of the missing runs those that are in no table."""
    return missing_runs(results, runs, {NEEDED: analyses[NEEDED]}, made_by, searched)


def failures(missing: Mapping[Run, str]) -> list[str]:
    """One sentence for each run that was started and is not there, and one for all that were not."""
    started = {run: why for run, why in missing.items() if why != WAITING}
    lines = []
    # The seeds of one search share its failure.
    for (task, method, why), group in groupby(started, key=lambda run: (*run[:2], started[run])):
        seeds = [str(seed) for _, _, seed in group]
        lines.append(f"{task}, {method}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}: {why}")
    waiting = len(missing) - len(started)
    return lines + ([f"{waiting} more were not started"] if waiting else [])


def to_markdown(missing: Mapping[Run, str], task: str, methods: Mapping[str, Mapping[str, str]]) -> str:
    """What the table of a task lacks. methods: name -> title."""
    lines = [
        f"* {methods[method]['title']}, seed {seed}: {why}"
        for (of_task, method, seed), why in missing.items()
        if of_task == task
    ]
    return "\n".join(["Missing in this table:", "", *lines]) + "\n" if lines else "All runs are in this table.\n"
