"""Which method runs on which task: the pairs of a study, the searches that they take, and why others are left out."""

from __future__ import annotations

from red_herring.runtime.files import StudyError
from red_herring.study.cells import Sizes, cell_counts
from red_herring.study.defaults import Config
from red_herring.study.tasks import effective, hyperparameters_of, searched_tasks
from red_herring.study.variants import card_of

Pair = tuple[str, str]
"""Task, method."""

SPLIT_IN_WORDS = {"train": "training", "valid": "validation"}

LEAST = 2
"""Images that each cell of a split must have: one has no spread, and no other half to be scored on."""

MANY = Sizes(10**9, 10**9, 10**9)
"""Images of a task whose sizes the images decide: so many that only the ratio empties a cell."""


def pairs(config: Config) -> list[Pair]:
    """Those whose runs the study has, tasks and methods in its order."""
    return [(task, method) for task in config["study"]["tasks"] for method in methods_on(config, task)]


def searches(config: Config) -> list[Pair]:
    """Those whose hyperparameters the runs take, each once: of the task that another one is tuned on, also those of
    methods that run on the other one alone.
    """
    taken = {(hyperparameters_of(config, task), method) for task, method in pairs(config)}
    ordered = [(task, method) for task in searched_tasks(config) for method in config["study"]["methods"]]
    return [pair for pair in ordered if pair in taken]


def methods_on(config: Config, task: str) -> list[str]:
    """The methods that run on a task, in the order of the study."""
    out = left_out(config, task)
    return [method for method in _asked(config, task) if method not in out]


def left_out(config: Config, task: str) -> dict[str, str]:
    """Method -> why it cannot run on a task, of those that are asked to: it needs cells that are empty there."""
    reasons = {method: why_not(config, task, method) for method in _asked(config, task)}
    return {method: why for method, why in reasons.items() if why}


def why_not(config: Config, task: str, method: str) -> str:
    """Why a method can do nothing on a task, as a part of a sentence; empty where it can."""
    split = card_of(config, method).needs_cells
    if split is None:
        return ""
    small = small_cells(config, task, split)
    if not small:
        return ""
    selection = effective(config["tasks"][task])["selection"]
    relation = f"ratio {config['tasks'][task]['ratio']:g}" + (f", selection {selection}" if split == "valid" else "")
    return (
        f"it needs images in all four cells of nuisance and label in {SPLIT_IN_WORDS[split]}, and {relation} leaves "
        f"{len(small)} {'with one image or none' if any(small) else 'empty'}"
    )


def small_cells(config: Config, task: str, split: str) -> list[int]:
    """The images of those of the four nuisance-by-label cells of a split that have too few (LEAST), as far as is known
    without images: by the ratio, and by `sizes` where the task has them. None of training where its labels are
    permuted: the cells that a method sees then go by these, and both groups have images of either.
    """
    entry = config["tasks"][task]
    if split == "train" and effective(entry)["labels"] == "permuted":
        return []
    sizes = Sizes(**entry["sizes"]) if entry.get("sizes") else MANY
    counts = cell_counts(sizes, entry["ratio"], effective(entry)["selection"])
    return [count for (of_split, *_), count in counts.items() if of_split == split and count < LEAST]


def notices(config: Config) -> list[str]:
    """A sentence for each pair that is left out."""
    return [
        f"{method} is left out of {task}: {why}."
        for task in config["study"]["tasks"]
        for method, why in left_out(config, task).items()
    ]


def check_pairs(config: Config) -> None:
    """StudyError for a task without a method, a method without a task, or a search that cannot be."""
    study = config["study"]
    for task in study["tasks"]:
        for number, method in enumerate(config["tasks"][task].get("methods", [])):
            if method not in study["methods"]:
                raise StudyError(
                    f"config: tasks.{task}.methods.{number}: is {method!r}, which is not in study.methods; allowed "
                    f"are {', '.join(study['methods'])}"
                )
        if not methods_on(config, task):
            method, why = next(iter(left_out(config, task).items()))
            raise StudyError(
                f"config: tasks.{task}: none of its methods can run on it: of {method}, {why}; give it another "
                "method or leave the task out"
            )
    for number, method in enumerate(study["methods"]):
        if method not in {runs for _, runs in pairs(config)}:
            raise StudyError(
                f"config: study.methods.{number}: is {method!r}, which runs on no task of the study: "
                f"{_absence(config, method)}; leave it out, or give it a task"
            )
    if config["tuning"]["mode"] == "search":
        for task, method in pairs(config):
            _check_search(config, task, method)


def _check_search(config: Config, task: str, method: str) -> None:
    searched = hyperparameters_of(config, task)
    why = why_not(config, searched, method)
    if why:
        raise StudyError(
            f"config: tasks.{task}.tuned_on: is {searched!r}, where {method} cannot be tuned: {why}; take another "
            f"task, or leave {method} out of {task} by `methods`"
        )


def _absence(config: Config, method: str) -> str:
    """Why a method runs nowhere."""
    reasons = {task: left_out(config, task).get(method) for task in config["study"]["tasks"]}
    cells = [f"on {task} {why}" for task, why in reasons.items() if why]
    return cells[0] if cells else "no task has it among its `methods`"


def _asked(config: Config, task: str) -> list[str]:
    """The methods of the study that are to run on a task: all, or those that it names."""
    methods: list[str] = config["study"]["methods"]
    named = config["tasks"][task].get("methods", methods)
    return [method for method in methods if method in named]
