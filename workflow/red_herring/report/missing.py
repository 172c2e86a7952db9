"""Which runs and detectors of a study are not there after all jobs have ended, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from red_herring.report.collect import Run, answer_file, asked_of, is_foreign, run_folder
from red_herring.report.detection_runs import DetectorRun, detector_folder, is_searched, of_cell, search_file, there
from red_herring.study.detection import BY_GENERATOR
from red_herring.study.stage_settings import Generating

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
    generated: Mapping[str, Generating],
) -> dict[Run, str]:
    """Run -> why its results are not there, in the order of `runs`; the whole ones are left out.

    analyses: name -> task -> the methods whose runs on it are asked.
    made_by: task/method -> the digest of settings and code; a run of others, or of other hyperparameters than those of
    its search, waits to be made again. searched: task -> that whose search its runs take. generated: task -> the
    detectors that generate images for it, whose failure is that of its runs too.
    """
    reasons = {}
    for run in runs:
        task, method, seed = run
        of_run = f"{task}/{method}/seed={seed}"
        record = run_folder(results / "runs", run) / "run.json"
        logs = {results / "tuning" / searched[task] / method / "best.json": f"tune/{searched[task]}/{method}.log"}
        if task in generated and not record.exists():  # a trained one needs its images no more
            logs |= _generating(results, generated[task], seed)
        logs[record] = f"train/{of_run}.log"
        asked = asked_of(analyses, run)
        logs |= {answer_file(results, analysis, run): f"{analysis}/{of_run}.log" for analysis in asked}
        first = next((log for output, log in logs.items() if not output.exists()), None)
        if first:
            reasons[run] = _why(results / "logs" / first)
        elif is_foreign(results, run, made_by, searched):
            reasons[run] = WAITING
    return reasons


def _generating(results: Path, of: Generating, seed: int) -> dict[Path, str]:
    """Of the jobs by which the images of a seed are generated, in order: an output -> the log."""
    run = of["task"], of["arm"], of["n_real"], seed
    own = detector_folder(Path(), run)
    made = results / "generated" / own / "generated" / "source.json"
    detector = _detecting(results, run, of["further"], of["searched"]) if of["further"] == BY_GENERATOR else {}
    return detector | {made: f"generate_images/{own}.log"}


def _detecting(results: Path, run: DetectorRun, further: str, searched: bool) -> dict[Path, str]:
    """The same of a detector. further: where its further images come from; searched: whether hyperparameters are."""
    task, _, n_real, seed = run
    of_generator, own = f"{task}/n={n_real}/seed={seed}", detector_folder(Path(), run)
    before = results / "generators" / of_generator / "generator.safetensors"
    logs = {before: f"pretrain_generator/{of_generator}.log"} if further == BY_GENERATOR else {}
    logs |= {search_file(results / "detectors", run): f"tune_detector/{of_cell(run)}.log"} if searched else {}
    return logs | {results / "detectors" / own / "run.json": f"train_detector/{own}.log"}


def missing_detector_runs(
    results: Path, runs: Sequence[DetectorRun], further: Mapping[str, str], made_with: Mapping[str, Mapping[str, Any]]
) -> dict[DetectorRun, str]:
    """Run of a detector -> why it is not there, as `missing_runs`. further: arm -> where its further images come from.
    made_with: as for `there`.
    """
    whole = set(there(results / "detectors", runs, made_with))
    reasons = {}
    for run in runs:
        if run not in whole:
            logs = _detecting(results, run, further[run[1]], is_searched(made_with[of_cell(run)]))
            first = next((log for output, log in logs.items() if not output.exists()), None)
            reasons[run] = _why(results / "logs" / first) if first else WAITING
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
    made_by: Mapping[str, str], searched: Mapping[str, str], generated: Mapping[str, Generating],
) -> dict[Run, str]:  # fmt: skip
    """Of the missing runs those that are in no table."""
    return missing_runs(results, runs, {NEEDED: analyses[NEEDED]}, made_by, searched, generated)


def failures(missing: Mapping[Run, str] | Mapping[DetectorRun, str]) -> list[str]:
    """One sentence for each run, of a classifier or detector, that was started and is not there, and one for all that
    were not.
    """
    started = {run: why for run, why in missing.items() if why != WAITING}
    lines = []
    # The seeds of one search share its failure.
    for (names, why), group in groupby(started, key=lambda run: (run[:-1], started[run])):
        named = ", ".join(name if isinstance(name, str) else f"n={name}" for name in names)
        seeds = [str(run[-1]) for run in group]
        lines.append(f"{named}, seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}: {why}")
    waiting = len(missing) - len(started)
    return lines + ([f"{waiting}{' more' * bool(lines)} were not started"] if waiting else [])


def to_markdown(missing: Mapping[Run, str], task: str, methods: Mapping[str, Mapping[str, str]]) -> str:
    """What the table of a task lacks. methods: name -> title."""
    lines = [
        f"* {methods[method]['title']}, seed {seed}: {why}"
        for (of_task, method, seed), why in missing.items()
        if of_task == task
    ]
    return "\n".join(["Missing in this table:", "", *lines]) + "\n" if lines else "All runs are in this table.\n"
