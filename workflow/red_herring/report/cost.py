"""What a study costs before it is started: jobs, trainings, images passed, and hours from the benchmarks of runs.

Seconds per image come from runs that are there. Of a run of the same method, width and image size they are taken as
they are; others are scaled, and as the operations of a network grow with width² x pixels while much of what a thin
network takes does not grow at all, the range goes from no scaling to all of it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from red_herring.runtime.files import StudyError, read_json, read_rows
from red_herring.study.stage_settings import Costing, Sizes

TRAIN = "train"
WIDTH = 100
"""Characters a line of the page."""

LIKE, SCALED, OTHERS = "the same method, width and image size", "the same method, scaled", "other methods, scaled"
"""What an estimate may rest on, the best first."""


@dataclass(frozen=True)
class Benchmark:
    """What a job of a run took. job: `train`, or an analysis. seconds: per image passed, those of all its threads on a
    CPU.
    """

    job: str
    file: str
    width: int
    size: int
    gpu: bool
    seconds: float


@dataclass(frozen=True)
class Hours:
    """The least and the most."""

    low: float
    high: float

    def __add__(self, other: Hours) -> Hours:
        return Hours(self.low + other.low, self.high + other.high)

    def __mul__(self, times: float) -> Hours:
        return Hours(self.low * times, self.high * times)

    def __str__(self) -> str:
        low, high = (f"{value:.2g}" if value < 9.95 else f"{value:,.0f}" for value in (self.low, self.high))
        return low if low == high else f"{low} to {high}"


NONE = Hours(0.0, 0.0)


def benchmarks_in(folders: Iterable[Path], analyses: Sequence[str]) -> Iterator[Benchmark]:
    """Those of the runs of the studies in these folders, of which all is there that tells what they passed.

    A training has the seconds of its own record, without the start of its job, which is no longer for more images, and
    also where Snakemake only saw it restored; an analysis those that Snakemake measured, start and all. A run that went
    on after an interruption has the seconds of its last start, and passed more in all.
    """
    for folder in folders:
        for record_file in sorted(folder.glob("runs/*/*/seed=*/run.json")):
            task, method, seed = record_file.parts[-4:-1]
            try:
                record = read_json(record_file)
                size = _size(folder, task, seed)
                passed = {TRAIN: _trained(record)} | dict.fromkeys(analyses, record["images"]["test"])
                settings = record["settings"]
                kind = (settings["file"], settings["width"], size, record["device"] != "cpu")
                took = {TRAIN: record["seconds"]} | {
                    job: _seconds(folder / "benchmarks" / job / task / method / f"{seed}.tsv") for job in analyses
                }
            except (StudyError, OSError, KeyError, StopIteration):
                continue  # of an older version, or copied without its split
            for job, images in passed.items():
                seconds = took[job]
                if seconds and images:
                    threads = 1 if kind[-1] or job != TRAIN else record["threads"]
                    yield Benchmark(job, *kind, seconds * threads / images)


def _trained(record: Mapping[str, Any]) -> int:
    """Training images that a run passed."""
    stopped, settings = record["stopped"], record["settings"]
    passed: int = min(stopped["epochs"] * record["images"]["train"], stopped["steps"] * settings["batch_size"])
    return passed


def _size(folder: Path, task: str, seed: str) -> int:
    """Pixels a side of the images of a task. seed: `seed=1`."""
    with open(folder / "splits" / task / f"{seed}.csv", encoding="utf-8") as lines:
        next(lines)
        source = next(lines).partition(",")[0]
    size: int = read_json(folder / "data" / source / "source.json")["size"]
    return size


def _seconds(file: Path) -> float | None:
    """What Snakemake measured of a job, if it did."""
    if not file.is_file():
        return None
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    try:
        return float(rows[-1]["s"])
    except (IndexError, KeyError, ValueError):
        return None


def per_image(known: Sequence[Benchmark], file: str, width: int, size: int) -> tuple[Hours, str, int] | None:
    """Hours per image of a method at a width and an image size, what they rest on, and on how many benchmarks; None
    without any. known: those of one job, on CPUs or on GPUs.
    """
    choices = {
        LIKE: [one for one in known if (one.file, one.width, one.size) == (file, width, size)],
        SCALED: [one for one in known if one.file == file],
        OTHERS: list(known),
    }
    basis = next((basis for basis, of in choices.items() if of), None)
    if basis is None:
        return None
    spans = [_scaled(one, (width / one.width * size / one.size) ** 2) for one in choices[basis]]
    found = Hours(min(span.low for span in spans), max(span.high for span in spans))
    return found * (1 / 3600), basis, len(spans)


def _scaled(one: Benchmark, factor: float) -> Hours:
    """Seconds per image at so many times the operations, from no scaling to all of it."""
    return Hours(one.seconds * min(1.0, factor), one.seconds * max(1.0, factor))


@dataclass(frozen=True)
class Amount:
    """What a study passes. images: those of each job, by kind of job and pair of task and method; unknown: the tasks
    whose images are decided by splits that are not drawn.
    """

    images: dict[str, dict[tuple[str, str], int]]
    unknown: list[str]

    def total(self, kind: str, jobs: int = 1) -> int:
        return jobs * sum(self.images[kind].values())


SEARCH = "search"


def amount(settings: Costing, results: Path) -> Amount:
    """How many images each search, training and analysis of a study passes: training images x epochs, or batches x
    their size where a task says after how many it stops, of a search for all trials; of an analysis the shifted test.
    """
    counted = {task: _counted(results, task, about["sizes"]) for task, about in settings.tasks.items()}
    kinds: dict[str, dict[tuple[str, str], int]] = {SEARCH: {}, TRAIN: {}, **{name: {} for name in settings.analyses}}
    for task, method in map(tuple, settings.searches):
        if counted[task] and settings.trials:
            of_trial = _passed(settings, task, method, counted[task], settings.trial_epochs)
            kinds[SEARCH][task, method] = settings.trials * of_trial
    for task, method in _pairs(settings):
        if counted[task]:
            kinds[TRAIN][task, method] = _passed(settings, task, method, counted[task], settings.epochs)
            for analysis, asked in settings.analyses.items():
                if method in asked.get(task, ()):
                    kinds[analysis][task, method] = counted[task]["test"]
    return Amount(kinds, [task for task, images in counted.items() if not images])


def _passed(settings: Costing, task: str, method: str, images: Mapping[str, int], epochs: int) -> int:
    steps, extra = settings.tasks[task]["steps"], settings.extra_epochs.get(method, 0) * images["train"]
    return extra + (epochs * images["train"] if steps is None else steps * settings.batch_size)


def _counted(results: Path, task: str, sizes: Sizes | None) -> dict[str, int]:
    """Images of the splits of a task: as it says, or as they were drawn or planned, the most of any seed; else none."""
    if sizes:
        return {split: images for split, images in sizes.items() if isinstance(images, int)}
    folder = results / "splits" / task
    files = sorted(folder.glob("seed=*_counts.csv")) or sorted(folder.glob("planned_counts.csv"))
    found: dict[str, int] = {}
    for file in files:
        of_seeds: dict[tuple[str, str], int] = {}
        for row in read_rows(file):
            key = row["split"], row["seed"]
            of_seeds[key] = of_seeds.get(key, 0) + int(row["images"])
        for (split, _), images in of_seeds.items():
            found[split] = max(found.get(split, 0), images)
    return found


@dataclass(frozen=True)
class Estimate:
    """Hours by kind of job, those of the longest chain of a search, a run and its analyses, and what they rest on."""

    hours: dict[str, Hours]
    longest: Hours
    basis: dict[str, tuple[str, int]]

    @property
    def total(self) -> Hours:
        return sum(self.hours.values(), NONE)


def estimate(settings: Costing, passed: Amount, known: Sequence[Benchmark]) -> Estimate | None:
    """Hours of a study by benchmarks on CPUs, or on GPUs; None where a kind of job that it has was never measured."""
    hours: dict[str, Hours] = {}
    basis: dict[str, tuple[str, int]] = {}
    of_pairs: dict[str, dict[tuple[str, str], Hours]] = {}
    for kind, of in passed.images.items():
        of_kind = [one for one in known if one.job == (TRAIN if kind == SEARCH else kind)]
        found = {
            (task, method): per_image(of_kind, settings.methods[method], settings.width, settings.tasks[task]["size"])
            for task, method in of
        }
        if None in found.values():
            return None
        own = {pair: span * of[pair] for pair, one in found.items() if one for span, *_ in [one]}
        of_pairs[kind] = own
        hours[kind] = sum(own.values(), NONE) * (1 if kind == SEARCH else settings.seeds)
        rests = [(rest, number) for one in found.values() if one for _, rest, number in [one]]
        if rests:
            basis[kind] = min(rests, key=_strength)
    return Estimate(hours, _longest(settings, of_pairs), basis)


def _pairs(settings: Costing) -> list[tuple[str, str]]:
    return [(task, method) for task, methods in settings.runs.items() for method in methods]


def _strength(rest: tuple[str, int]) -> tuple[int, int]:
    """Of what an estimate rests on: first how alike the benchmarks are, then how many."""
    basis, number = rest
    return -(LIKE, SCALED, OTHERS).index(basis), number


def _longest(settings: Costing, of_pairs: Mapping[str, Mapping[tuple[str, str], Hours]]) -> Hours:
    """Of all pairs the longest way from the start of its search to the end of its last run, its trials `parallel` at a
    time, with as many processors as it asks for.
    """
    chains = []
    for task, method in _pairs(settings):
        search = of_pairs[SEARCH].get((settings.tasks[task]["searched"], method), NONE) * (1 / settings.parallel)
        analyses = [of_pairs[name].get((task, method), NONE) for name in settings.analyses]
        most = Hours(max([one.low for one in analyses], default=0.0), max([one.high for one in analyses], default=0.0))
        chains.append(search + of_pairs[TRAIN].get((task, method), NONE) + most)
    return Hours(max(chain.low for chain in chains), max(chain.high for chain in chains))


def plan(settings: Costing, results: Path, known: Sequence[Benchmark]) -> str:
    """The page. known: the benchmarks that there are."""
    passed = amount(settings, results)
    runs = settings.seeds * len(_pairs(settings))
    jobs = [[rule, f"{total:,}", f"{there:,}"] for rule, (total, there) in settings.jobs.items() if total]
    jobs.append(["all", *(f"{sum(column):,}" for column in zip(*settings.jobs.values(), strict=True))])
    parts = [
        f"{results}: {runs:,} trainings of {len(settings.runs)} tasks; {_searches(settings)}.",
        *settings.left_out,
        _aligned(["Rule", "Jobs", "There"], jobs),
        _images(settings, passed),
        *_hours(settings, passed, known),
    ]
    return "\n\n".join(part if part.startswith("  ") else fill(part, WIDTH) for part in parts) + "\n"


def _searches(settings: Costing) -> str:
    if not settings.trials:
        return f"no search, as hyperparameters are given ({len(settings.searches)} are handed on)"
    trials = settings.trials * len(settings.searches)
    return f"{len(settings.searches):,} searches of {settings.trials} trials, {trials:,} in all"


def _images(settings: Costing, passed: Amount) -> str:
    searching, training = passed.total(SEARCH), passed.total(TRAIN, settings.seeds)
    most = "at most " if settings.may_stop or settings.extra_epochs else ""
    sentences = [
        f"Training images passed (images x epochs): {most}{searching:,} by searches, {most}{training:,} by trainings."
    ]
    if settings.may_stop:
        sentences.append("Patience, or a training accuracy that is reached, ends training earlier.")
    sentences += [
        f"{method} trains up to {epochs} epochs on top, which are counted."
        for method, epochs in settings.extra_epochs.items()
    ]
    if passed.unknown:
        sentences.append(
            f"Without {', '.join(passed.unknown)}, whose images decide how many there are: the target `planned_splits` "
            "(make counts) counts them."
        )
    return " ".join(sentences)


def _hours(settings: Costing, passed: Amount, known: Sequence[Benchmark]) -> list[str]:
    """An estimate by CPUs, one by GPUs, or why there is none."""
    parts = []
    for gpu in (False, True):
        if gpu and settings.device == "cpu":
            continue
        own = [one for one in known if one.gpu == gpu]
        found = estimate(settings, passed, own) if own else None
        if found and found.total.high > 0:
            parts += _estimated(settings, found, gpu)
    if parts:
        return [*parts, CAUTION]
    return ["No estimate of hours: no run of a study here has been measured yet that tells what this one takes."]


CAUTION = (
    "An estimate, not a promise: seconds per image of the benchmarks of runs that are there, from the least to the "
    "most that was measured, by the images that are passed; searches like training. What is scaled goes from the "
    "seconds as they are to width² x pixels times them; a method that was never measured may take more than any that "
    "was. An analysis counts as it was asked for where it was measured: localisation by one attribution tells little "
    "of what eleven take. Fetching, preparing, maskers, the report and the seconds in which each training starts are "
    "not in it."
)


def _estimated(settings: Costing, found: Estimate, gpu: bool) -> list[str]:
    unit = "GPU-hours" if gpu else "CPU-hours"
    rows = [
        [kind, str(hours), f"{number} of {basis}"]
        for kind, hours in found.hours.items()
        if kind in found.basis
        for basis, number in [found.basis[kind]]
    ]
    workers = settings.cards if gpu else settings.cores
    rows.append(["all", str(found.total), ""])
    parts = [_aligned(["Job", unit, "Rests, at the least, on benchmarks"], rows)]
    if workers:
        words = f"{workers} {'jobs on GPUs' if gpu else 'cores'} at once"
        wall = Hours(
            max(found.total.low / workers, found.longest.low), max(found.total.high / workers, found.longest.high)
        )
        parts.append(f"With {words}: {wall} hours from start to end, if all are always busy.")
    return parts


def _aligned(headings: list[str], rows: list[list[str]]) -> str:
    """A table for a terminal."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (headings, *rows)]
    return "\n".join(f"  {line}".rstrip() for line in lines)


def studies_near(results: Path) -> list[Path]:
    """The folder of the study, and those of others beside it or in `results`, each once."""
    near = [results, *sorted(results.parent.glob("*")), Path("results"), *sorted(Path("results").glob("*"))]
    folders = {folder.resolve(): folder for folder in reversed(near) if (folder / "benchmarks").is_dir()}
    return [folders[path] for path in sorted(folders)]
