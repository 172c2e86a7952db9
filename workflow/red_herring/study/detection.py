"""Detectors that are trained with few boxes and with further images: which there are, by what they are made, and which
tasks train classifiers with images that such a run generated.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations
from typing import Any, NamedTuple, cast

from red_herring.runtime.files import StudyError
from red_herring.study.defaults import Config
from red_herring.study.space import LAWS, lawful
from red_herring.study.stage_settings import (
    CollectingDetection,
    Detecting,
    Detection,
    DetectionArm,
    DetectionCells,
    Generating,
    Mask,
    Pretraining,
    SearchingDetector,
)
from red_herring.study.tasks import DEFAULTS, GENERATED, effective, mask_settings

REAL, BY_GENERATOR = "real", "generated"
"""Values of `further`: the arm makes no images, or makes them by a generator."""

ORDER = (REAL, "copy_paste", BY_GENERATOR)
"""Values of `further` as tables have them."""

SEARCHABLE = ("lr", "inner_rate", "lambda_s", "lambda_r")
"""What can be searched, of arms that have it. Steps are equal in every arm."""

TABLES = ("detection.csv", "detection_usage.csv", "detection_comparisons.csv")
"""What the detectors of a study measured and took, and how arms compare."""

LAW = "log-uniform"
"""Of all that is searched."""

OF_SPLITS = ("finding", "control", "nuisance", "ratio", "sizes", "patients", "selection", "labels")
"""Keys of a task that decide which images are in its splits."""

AS_THEY_ARE = ("patients", "labels", "signal.kind")
"""Dotted keys of a task that must be as by default where detectors look for its finding."""


class Cell(NamedTuple):
    """The detectors that differ in nothing but the seed: task, name of the arm, real images with boxes."""

    task: str
    arm: str
    n_real: int


def arms(config: Config) -> dict[str, DetectionArm]:
    """Name -> arm with all its keys, also of those that are left out. In display order, where an arm is compared with
    those before it: real images, pasting, generators, of these those last that learn from what the detector does.
    """
    found = {name: _whole(arm) for name, arm in config["detection"]["arms"].items()}
    return dict(sorted(found.items(), key=lambda named: _place(*named)))


def _place(name: str, arm: DetectionArm) -> tuple[int, float, float, str]:
    return ORDER.index(arm["further"]), arm["lambda_r"], arm["lambda_s"], name


def _whole(arm: Config) -> DetectionArm:
    return DetectionArm(further=arm["further"], lambda_s=arm.get("lambda_s", 0.0), lambda_r=arm.get("lambda_r", 0.0))


def numbers(config: Config) -> dict[str, list[int]]:
    """Arm -> the numbers of real images with which its detectors are trained, of those arms that are not left out."""
    section = config["detection"]
    found = {name: section["arms"][name].get("n_real", section["n_real"]) for name in arms(config)}
    return {name: own for name, own in found.items() if own}


def cells(config: Config) -> list[Cell]:
    """Those of the detection study."""
    return [
        Cell(task, arm, number)
        for task in config["detection"]["tasks"]
        for arm, own in numbers(config).items()
        for number in own
    ]


def is_generated(config: Config, arm: str) -> bool:
    """Whether a generator makes the further images of an arm."""
    return bool(config["detection"]["arms"][arm]["further"] == BY_GENERATOR)


def search_space(config: Config, arm: str) -> dict[str, list[Any]]:
    """Hyperparameter -> [law, low, high] of what is searched of an arm: of what it has, what the section says."""
    ranges, own = config["detection"]["search"], arms(config)[arm]
    weights = {name for name in ("lambda_s", "lambda_r") if own[name]}
    has = {"lr", *weights} | ({"inner_rate"} if "lambda_r" in weights else set())
    return {name: [LAW, *ranges[name]] for name in SEARCHABLE if name in has & ranges.keys()}


def is_searched(config: Config, arm: str) -> bool:
    """Whether hyperparameters of an arm are searched."""
    return bool(search_space(config, arm))


def generated_by(config: Config, task: str) -> Cell | None:
    """The detectors whose runs generate images for the training of a task; None where there are none."""
    entry = config["tasks"][task]
    own = entry.get(GENERATED)
    return Cell(entry["of"], own["arm"], own["n_real"]) if own else None


def pretraining_settings(config: Config, task: str, n_real: int) -> Pretraining:
    """What training a generator reads, before there is a detector."""
    return Pretraining(
        task=task,
        n_real=n_real,
        mask=cast(Mask, mask_settings(config, task)),
        detection=cast(Detection, {key: config["detection"][key] for key in Detection.__annotations__}),
        device=config["training"]["device"],
    )


def detecting_settings(config: Config, task: str, arm: str, n_real: int) -> Detecting:
    """What training a detector reads where nothing is searched, and generating images by the generator of its run."""
    return Detecting(**vars(pretraining_settings(config, task, n_real)), arm=arm, arm_is=arms(config)[arm])


def searching_settings(config: Config, task: str, arm: str, n_real: int) -> SearchingDetector:
    """What searching reads: the run of the first seed of the study."""
    counts = {key: config["detection"][key] for key in ("initial_points", "iterations")}
    detecting, space = vars(detecting_settings(config, task, arm, n_real)), search_space(config, arm)
    return SearchingDetector(**detecting, **counts, space=space, seed=config["study"]["seeds"][0])


def training_settings(config: Config, task: str, arm: str, n_real: int) -> Detecting:
    """What training a detector reads: where it has hyperparameters of a search, what that reads."""
    select = searching_settings if is_searched(config, arm) else detecting_settings
    return select(config, task, arm, n_real)


def collecting_detection_settings(config: Config) -> CollectingDetection:
    """Which detectors there are to be."""
    own, known = numbers(config), arms(config)
    return CollectingDetection(
        cells=[DetectionCells(task=task, arms=own) for task in config["detection"]["tasks"]],
        further={arm: known[arm]["further"] for arm in own},
        seeds=config["study"]["seeds"],
        made_with={
            f"{task}/{arm}/n={n}": asdict(training_settings(config, task, arm, n)) for task, arm, n in cells(config)
        },
    )


def generating_settings(config: Config) -> dict[str, Generating]:
    """Task of the study -> the detectors that generate images for it, of those that have such."""
    found = {task: generated_by(config, task) for task in config["study"]["tasks"]}
    return {
        task: Generating(
            task=cell.task,
            arm=cell.arm,
            n_real=cell.n_real,
            further=config["detection"]["arms"][cell.arm]["further"],
            searched=is_searched(config, cell.arm),
        )
        for task, cell in found.items()
        if cell
    }


def check_detection(config: Config) -> None:
    """StudyError for a task in which no detector can be trained, for an arm that has what does nothing or is another
    one again, and for a task whose images nothing can generate, or that is not otherwise as the one that it is of.
    """
    section = config["detection"]
    for number, task in enumerate(section["tasks"]):
        where = f"config: detection.tasks.{number}: is {task!r}"
        if task not in config["tasks"]:
            raise StudyError(f"{where}; allowed are {', '.join(config['tasks'])}")
        _check_detectable(where, config, task)
        for arm, own in numbers(config).items():
            _check_positives(f"{where}, but {arm} has n_real {max(own)}", config, task, max(own))
    if section["tasks"] and not numbers(config):
        raise StudyError("config: detection.arms: all have n_real []; give one of them some numbers")
    _check_arms(arms(config))
    _check_search(config)
    for name, task in config["tasks"].items():
        if GENERATED in task:
            _check_generated(config, name, task)


def _check_arms(known: dict[str, DetectionArm]) -> None:
    for name, arm in known.items():
        for key in ("lambda_s", "lambda_r"):
            if arm[key] and arm["further"] != BY_GENERATOR:
                raise StudyError(
                    f"config: detection.arms.{name}.{key}: is a weight in the loss of a generator, but further is "
                    f"{arm['further']}; leave it out or take further generated"
                )
    folders: dict[str, str] = {}
    for name in known:
        other = folders.setdefault(name.lower(), name)
        if other != name:
            raise StudyError(
                f"config: detection.arms: has {other!r} and {name!r}, one folder to some disks; rename one of them"
            )
    for one, other in combinations(known, 2):
        if known[one] == known[other]:
            raise StudyError(
                f"config: detection.arms.{other}: differs from {one} in nothing; leave it out or say what differs"
            )


def _check_search(config: Config) -> None:
    for name, (low, high) in config["detection"]["search"].items():
        if not low < high or not (lawful(LAW, low) and lawful(LAW, high)):
            raise StudyError(
                f"config: detection.search.{name}: is [{low}, {high}]; allowed is a range of {LAWS[LAW]}, low < high"
            )
    known, own = arms(config), numbers(config)
    left = {name: {**known[name], **dict.fromkeys(search_space(config, name))} for name in own}
    for one, other in combinations(left, 2):
        if left[one] == left[other]:
            raise StudyError(
                f"config: detection.search: leaves nothing in which arm {other} differs from {one}; leave out one of "
                "them, or what they differ in"
            )


def _check_detectable(where: str, config: Config, task: str) -> None:
    """Whether a task has boxes of its finding, and labels that say which images have it. where: key and value."""
    entry = config["tasks"][task]
    if GENERATED in entry:
        raise StudyError(f"{where}, which has generated images among its own; name {entry.get('of')!r}")
    if entry["mask"]["kind"] != "source":
        raise StudyError(
            f"{where}, whose mask is of kind {entry['mask']['kind']}; boxes are those of masks of kind source, so give "
            "it such masks or name another task"
        )
    whole: dict[str, Any] = effective(entry)
    for key in AS_THEY_ARE:
        if whole[key] != DEFAULTS[key]:
            raise StudyError(
                f"{where}, which has {key} {whole[key]}; allowed is one with {DEFAULTS[key]}, as detectors and "
                "generators are trained with its images as they are, and with no patient who tests"
            )


def _check_positives(where: str, config: Config, task: str, n_real: int) -> None:
    """Whether training has so many positives, as far as is known without images."""
    sizes = config["tasks"][task].get("sizes")
    if sizes and n_real > sizes["train"] // 2:
        raise StudyError(f"{where}; allowed is at most {sizes['train'] // 2}, the positive training images of {task}")


def _check_generated(config: Config, name: str, task: Config) -> None:
    where, own = f"config: tasks.{name}.{GENERATED}", task[GENERATED]
    if "of" not in task:
        raise StudyError(f"{where}: goes with of, the task whose images others are made of, and only with it")
    of = task["of"]
    base, whole = effective(config["tasks"][of]), effective(task)
    if GENERATED in config["tasks"][of]:
        raise StudyError(
            f"config: tasks.{name}.of: is {of!r}, which has generated images itself; name the task that that one is of"
        )
    for key in sorted(base.keys() | whole.keys()):
        if key.partition(".")[0] in OF_SPLITS and base.get(key) != whole.get(key):
            raise StudyError(
                f"config: tasks.{name}.{key}: differs from {of}, whose splits a task with generated images has; leave "
                "it out"
            )
    if own["arm"] not in config["detection"]["arms"]:
        raise StudyError(f"{where}.arm: is {own['arm']!r}; allowed are {', '.join(_making(config))}")
    if own["arm"] not in _making(config):
        raise StudyError(
            f"{where}.arm: is {own['arm']!r}, which makes no images; allowed are {', '.join(_making(config))}"
        )
    _check_detectable(f"config: tasks.{name}.of: is {of!r}", config, of)
    if task["mask"]["kind"] != "source":
        raise StudyError(
            f"config: tasks.{name}.mask.kind: is {task['mask']['kind']}, which generated images do not have; allowed "
            "is source"
        )
    _check_positives(f"{where}.n_real: is {own['n_real']}", config, of, own["n_real"])


def _making(config: Config) -> list[str]:
    """The arms that make images."""
    return [name for name, arm in config["detection"]["arms"].items() if arm["further"] != REAL]
