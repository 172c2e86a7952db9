"""The runs of detectors: what they measured and took, and every two arms on the same test images.

Not to be mistaken for `red_herring.report.detection`, which is about signals that explanations detect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError, read_json
from red_herring.statistics import boxes
from red_herring.statistics.common import RESAMPLES
from red_herring.statistics.paired import t_interval, with_holm
from red_herring.statistics.seeds_and_patients import OVER_PATIENTS, OVER_SEEDS, over_patients, over_seeds
from red_herring.study.stage_settings import DetectionCells

DetectorRun = tuple[str, str, int, int]
"""Task, arm, number of real images, seed."""

KEYS = ["task", "arm", "n_real", "seed"]
MEASURED = ["task", "arm", "further", "n_real", "seed", *boxes.COLUMNS]
USED = [*KEYS, "part", "steps", "seconds", "cpu_seconds", "before_mib", "memory_mib", "gpu_mib"]
COMPARED = [
    *("task", "n_real", "measure", "threshold", "first", "second", "images", "patients"),
    *(*OVER_SEEDS[:5], "p_holm", "family", *OVER_SEEDS[5:], "p_new_holm", "family_new"),
    *OVER_PATIENTS,
]

AT = 0.5
"""The threshold at which arms are compared, of average precision and of the one box of an image."""

BOX = ["top", "left", "bottom", "right"]

PRETRAINING = "pretraining"
"""The part of a job in which its generator is trained before there is a detector."""

COSTS = {
    "seconds": "Seconds",
    "pretraining_seconds": "Of these pretraining",
    "cpu_seconds": "CPU seconds",
    "memory_mib": "Memory (MiB)",
    "gpu_mib": "GPU memory (MiB)",
}
"""What a run takes, see `costs` -> its heading."""


def detector_runs(cells: Sequence[DetectionCells], seeds: Sequence[int]) -> list[DetectorRun]:
    """The runs that a study is to have, in order."""
    return [
        (of["task"], arm, n_real, seed)
        for of in cells
        for arm, sizes in of["arms"].items()
        for n_real in sizes
        for seed in seeds
    ]


def detector_folder(detectors: Path, run: DetectorRun) -> Path:
    """The folder of a run below that of all detectors."""
    task, arm, n_real, seed = run
    return detectors / task / arm / f"n={n_real}" / f"seed={seed}"


def there(
    detectors: Path, runs: Sequence[DetectorRun], made_with: Mapping[str, Mapping[str, Any]]
) -> list[DetectorRun]:
    """Those of the runs that are whole. made_with: task/arm/n={n_real} -> their settings; a run of others, or of other
    hyperparameters than those of its search, waits to be made again, as different makings must not meet in one table.
    """

    def is_whole(run: DetectorRun) -> bool:
        record, settings = detector_folder(detectors, run) / "run.json", made_with[of_cell(run)]
        if not record.exists() or (found := read_json(record)).get("settings") != settings:
            return False
        best = search_file(detectors, run)
        return not is_searched(settings) or (
            best.exists() and read_json(best)["hyperparameters"] == found.get("hyperparameters")
        )

    return [run for run in runs if is_whole(run)]


def of_cell(run: DetectorRun) -> str:
    """Task, arm and number of real images of a run, as settings have them."""
    task, arm, n_real, _ = run
    return f"{task}/{arm}/n={n_real}"


def is_searched(settings: Mapping[str, Any]) -> bool:
    """Whether hyperparameters of the detectors of these settings are searched."""
    return "space" in settings


def search_file(detectors: Path, run: DetectorRun) -> Path:
    """What tune_detector found for a run."""
    return detector_folder(detectors, run).parent / "best.json"


def measured_table(detectors: Path, runs: Sequence[DetectorRun], further: Mapping[str, str]) -> pd.DataFrame:
    """measures.csv of these runs below each other, columns MEASURED. further: arm -> whence its further images."""
    table = _below_each_other(detectors, runs, "measures.csv", MEASURED)
    return table.assign(further=table["arm"].map(further).astype(object))[MEASURED]


def used_table(detectors: Path, runs: Sequence[DetectorRun]) -> pd.DataFrame:
    """usage.csv of these runs below each other, columns USED."""
    return _below_each_other(detectors, runs, "usage.csv", USED)


def _below_each_other(detectors: Path, runs: Sequence[DetectorRun], name: str, columns: Sequence[str]) -> pd.DataFrame:
    parts = {run: read_table(detector_folder(detectors, run) / name) for run in runs}
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, names=KEYS).reset_index(level=KEYS).reset_index(drop=True)


class Tested(NamedTuple):
    """What a detector says of its test images: images (patient and name of each), patients, each [images]; matches and
    overlaps (IoU of the one box of an image), see `red_herring.statistics.boxes`.
    """

    images: pd.MultiIndex
    patients: np.ndarray
    matches: boxes.Matches
    overlaps: np.ndarray

    def value(self, measure: str) -> float:
        """`ap`, or `iou`, the share of the images with a true box whose one box reaches AT; NaN without a true box."""
        return float(self.resampled(measure, np.ones((1, len(self.patients))))[0])

    def resampled(self, measure: str, weights: np.ndarray) -> np.ndarray:
        """The same where each image counts as often as weights [resamples, images] say: [resamples]."""
        if measure == "ap":
            return boxes.average_precisions(self.matches, weights)
        return boxes.shares(self.overlaps >= AT, self.shown(measure), weights)

    def shown(self, measure: str) -> np.ndarray:
        """Which images the measure is of, bool [images]."""
        return np.ones(len(self.patients), bool) if measure == "ap" else ~np.isnan(self.overlaps)


def read_tested(folder: Path) -> Tested:
    """Of a run; StudyError where a predicted box is of no test image."""
    true, predicted = read_table(folder / "truths.csv"), read_table(folder / "predictions.csv")
    images = pd.MultiIndex.from_frame(true[["patient", "image"]].drop_duplicates())
    rows = images.get_indexer(pd.MultiIndex.from_frame(predicted[["patient", "image"]]))
    if (rows < 0).any():
        lost = predicted["image"].iloc[int((rows < 0).argmax())]
        raise StudyError(f"{folder / 'predictions.csv'}: image {lost} is not in truths.csv; train the detector again")
    true = true.assign(row=images.get_indexer(pd.MultiIndex.from_frame(true[["patient", "image"]])))
    truths = _of_images(true.dropna(subset=BOX), BOX, len(images))
    found = _of_images(predicted.assign(row=rows), [*BOX, "score"], len(images))
    predictions = [(own[:, :4], own[:, 4]) for own in found]
    patients = images.get_level_values("patient").to_numpy()
    return Tested(images, patients, boxes.match(predictions, truths), boxes.overlaps_of_best(predictions, truths))


def _of_images(table: pd.DataFrame, columns: list[str], images: int) -> list[np.ndarray]:
    """Of each image, by the column `row`, these columns of its rows, in their order."""
    values = table.sort_values("row", kind="stable")
    ends = np.cumsum(np.bincount(values["row"], minlength=images))[:-1]
    return np.split(values[columns].to_numpy(float), ends)


def compared_table(detectors: Path, runs: Sequence[DetectorRun]) -> pd.DataFrame:
    """Every two arms with the same real images, for each task, number of these and measure (`ap` and `iou` at AT): the
    later one less the earlier one, columns COMPARED.

    images, patients: in all test sets together. Over the seeds that both have (paired): `over_seeds`, and Holm's p over
    all rows of a task and measure. Over patients, and over seeds and patients: `over_patients`. overlap: of the images
    that a measure is of. StudyError where two runs of a task and seed were tested on different images.
    """
    parts = [pd.DataFrame(columns=COMPARED)]
    for task in dict.fromkeys(run[0] for run in runs):
        tested = {run[1:]: read_tested(detector_folder(detectors, run)) for run in runs if run[0] == task}
        _refuse_other_images(task, tested)
        parts += [_compared(task, measure, tested) for measure in ("ap", "iou")]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _refuse_other_images(task: str, tested: Mapping[tuple[str, int, int], Tested]) -> None:
    of_seed: dict[int, tuple[str, int, Tested]] = {}
    for (arm, n_real, seed), own in tested.items():
        other_arm, other_n, other = of_seed.setdefault(seed, (arm, n_real, own))
        if not own.images.equals(other.images):
            raise StudyError(
                f"{task}: {arm} with n={n_real} and {other_arm} with n={other_n} have different test images with seed "
                f"{seed}, so they cannot be compared; train both again"
            )


def _compared(task: str, measure: str, tested: Mapping[tuple[str, int, int], Tested]) -> pd.DataFrame:
    """Of the runs of a task (arm, number of real images, seed) and a measure."""
    of_seed = {seed: own for (_, _, seed), own in tested.items()}
    patients = np.unique(np.concatenate([own.patients[own.shown(measure)] for own in of_seed.values()]))
    if not len(patients):
        return pd.DataFrame(columns=COMPARED)
    images = {seed: set(own.images[own.shown(measure)]) for seed, own in of_seed.items()}
    drawn = _drawn(of_seed)
    values = {run: own.value(measure) for run, own in tested.items()}
    resampled = {run: own.resampled(measure, drawn[run[2]]) for run, own in tested.items()}
    about = {"task": task, "measure": measure, "threshold": AT}
    about |= {"images": len(set().union(*images.values())), "patients": len(patients)}
    rows = []
    for n_real, second, first in _pairs(tested):
        seeds = [seed for seed in of_seed if {(first, n_real, seed), (second, n_real, seed)} <= tested.keys()]
        differences = pd.Series({s: values[first, n_real, s] - values[second, n_real, s] for s in seeds}, dtype=float)
        again = [resampled[first, n_real, s] - resampled[second, n_real, s] for s in seeds]
        if seeds:
            over = over_seeds(differences, _overlaps(images)) | over_patients(
                differences.to_numpy(), np.stack(again, axis=1)
            )
            rows.append({**about, "n_real": n_real, "first": first, "second": second, **over})
    return with_holm(pd.DataFrame(rows))[COMPARED] if rows else pd.DataFrame(columns=COMPARED)


def _drawn(of_seed: Mapping[int, Tested]) -> dict[int, np.ndarray]:
    """Seed -> how often each of its test images counts, [resamples, images]: patients of all test sets are drawn, and
    count equally often in each of these.
    """
    names = np.unique(np.concatenate([own.patients for own in of_seed.values()]))
    times = boxes.times_drawn(len(names), RESAMPLES, seed=0)
    return {seed: times[:, np.searchsorted(names, own.patients)] for seed, own in of_seed.items()}


def _pairs(runs: Mapping[tuple[str, int, int], object]) -> list[tuple[int, str, str]]:
    """Number of real images and two arms that have runs with it, in order."""
    arms = {
        n_real: list(dict.fromkeys(arm for arm, n, _ in runs if n == n_real))
        for n_real in sorted({n for _, n, _ in runs})
    }
    return [(n_real, *pair) for n_real, own in arms.items() for pair in combinations(own, 2)]


def _overlaps(images: Mapping[int, set[Any]]) -> pd.DataFrame:
    """[seed, other]: the share of the images of a seed that are those of another one as well."""
    shared = {
        other: {seed: len(own & theirs) / max(len(own), 1) for seed, own in images.items()}
        for other, theirs in images.items()
    }
    return pd.DataFrame(shared)


def costs(used: pd.DataFrame) -> pd.DataFrame:
    """What each run took, one row per run and key of COSTS: KEYS, measure, value.

    used: of `used_table`. Seconds are sums over the parts of a run, memory is the most of any. NaN: not known.
    """
    own = used.assign(pretraining_seconds=used["seconds"].where(used["part"] == PRETRAINING, 0.0))
    how = {name: ("max" if name.endswith("_mib") else "sum") for name in COSTS}
    found = own.groupby(KEYS, sort=False).agg(how).reset_index()
    return found.melt(KEYS, var_name="measure")


def means_over_seeds(measured: pd.DataFrame) -> pd.DataFrame:
    """One row per task, arm, n_real, measure and threshold, in their order: n (runs with a value), mean, sd and the
    ends of the 95 % interval by Student's t over seeds.

    measured: these columns and value, one row per seed.
    """
    named = ["task", "arm", "n_real", "measure", "threshold"]
    rows = []
    for names, own in measured.groupby(named, sort=False, dropna=False):
        values = own["value"].dropna().to_numpy(float)
        mean, low, high = t_interval(values)
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        rows.append((*names, len(values), mean, sd, low, high))
    return pd.DataFrame(rows, columns=[*named, "n", "mean", "sd", "low", "high"])


def in_words(arm: str) -> str:
    """What an arm is called in tables and figures."""
    return arm.replace("_", " ")
