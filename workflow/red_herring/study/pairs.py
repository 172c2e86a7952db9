"""Which method runs on which task and what is asked of its runs: the pairs of a study, the searches and other runs that
they take, and why others are left out.
"""

from __future__ import annotations

from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import analysis_card, attribution_card
from red_herring.study.cells import Sizes, cell_counts
from red_herring.study.defaults import Config
from red_herring.study.tasks import DEFAULTS, effective, hyperparameters_of, searched_tasks
from red_herring.study.variants import card_of

Pair = tuple[str, str]
"""Task, method."""

SPLIT_IN_WORDS = {"train": "training", "valid": "validation"}

ALWAYS = "localisation"
"""The analysis that is asked of every run, as most tables are made of it."""

SALIENCY, BASE_RUN, OTHER_SEED = "saliency", "base_run", "other_seed"
"""What an analysis may need (`red_herring.study.catalogue.NEEDS`): how maps are made, and which other runs."""

OF_IMAGES = ("finding", "control", "nuisance", "ratio", "sizes", "patients", "generated")
"""Keys of a task that decide which images it has."""

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


def analysed(config: Config, analysis: str) -> list[Pair]:
    """The pairs of whose runs an analysis is asked."""
    found = []
    for task in config["study"]["tasks"]:
        if _is_meant(config, analysis, task):
            without = without_base(config, analysis, task)
            found += [(task, method) for method in methods_on(config, task) if method not in without]
    return found


def _is_meant(config: Config, analysis: str, task: str) -> bool:
    """Whether an analysis is asked of a task: the task names it among its `analyses`, if it names any, is as the card
    of the analysis says, and is derived if that needs a base run.
    """
    entry = config["tasks"][task]
    named = analysis == ALWAYS or analysis in entry.get("analyses", [analysis])
    return named and _is_of(config, analysis, task) and ("of" in entry or BASE_RUN not in analysis_card(analysis).needs)


def _is_of(config: Config, analysis: str, task: str) -> bool:
    """Whether a task is as the card of an analysis says."""
    whole = effective(config["tasks"][task])
    return all(whole.get(key) in allowed(value) for key, value in analysis_card(analysis).of_tasks.items())


def allowed(value: Any) -> list[Any]:
    """The values of a key that the card of an analysis says, one or a list of which a task has any."""
    return value if isinstance(value, list) else [value]


def without_base(config: Config, analysis: str, task: str) -> dict[str, str]:
    """Method that runs on a task -> why an analysis that is meant for it is not asked of it: it needs its base run,
    which the study does not have, or which is none to compare with.
    """
    if BASE_RUN not in analysis_card(analysis).needs or not _is_meant(config, analysis, task):
        return {}
    base = config["tasks"][task]["of"]
    there = methods_on(config, base) if base in config["study"]["tasks"] else []
    unlike = _unlike(config, analysis, task)
    why = f"it is compared with its run on {base}, which {unlike or 'the study does not have'}"
    return {method: why for method in methods_on(config, task) if unlike or method not in there}


def _unlike(config: Config, analysis: str, task: str) -> str:
    """In what the base of a task differs from one that an analysis compares with, as a part of a sentence; empty if it
    does not. One that tells tasks apart by a key compares two that differ in that, and not in their images.
    """
    own, of_tasks = config["tasks"][task], analysis_card(analysis).of_tasks
    if not of_tasks:
        return ""
    base, whole, asked = effective(config["tasks"][own["of"]]), effective(own), _of_base(analysis)
    keys = [key for key in whole if key.partition(".")[0] in OF_IMAGES and key not in of_tasks]
    return " and ".join(
        [
            *(f"has {key} {base[key]}, not {asked[key]}" for key in asked if base[key] != asked[key]),
            *(f"has another {key}" for key in keys if base.get(key) != whole[key]),
        ]
    )


def _of_base(analysis: str) -> dict[str, Any]:
    """Dotted key -> what it must be in the base of a task: what it is where a task does not say, of the keys by which
    the card of the analysis tells tasks apart. Else permuted labels would be compared with permuted ones as if these
    were true.
    """
    return {key: DEFAULTS[key] for key in analysis_card(analysis).of_tasks if key in DEFAULTS}


def companions(config: Config, analysis: str, task: str, seed: int) -> dict[str, tuple[str, int]]:
    """Which runs of the same method an analysis is given beside that of a task and seed: task and seed of `base`,
    `other` and `base_other`, as far as it needs them. StudyError where there is none, as it is not asked of that run.
    """
    needs, seeds, entry = analysis_card(analysis).needs, config["study"]["seeds"], config["tasks"][task]
    found = {}
    if BASE_RUN in needs:
        if "of" not in entry:
            raise StudyError(f"{analysis}: compares runs with those on the task that theirs is `of`; {task} is of none")
        if not _is_of(config, analysis, task) or _unlike(config, analysis, task):
            raise StudyError(f"{analysis}: is asked only of runs {_of_which(analysis)}; {task} is none of them")
        found["base"] = (entry["of"], seed)
    if OTHER_SEED in needs:
        if seed not in seeds:
            raise StudyError(f"{analysis}: compares runs of two seeds of the study; {seed} is none of study.seeds")
        following = seeds[(seeds.index(seed) + 1) % len(seeds)]
        found |= {"other": (task, following)} | ({"base_other": (entry["of"], following)} if found else {})
    return found


def notices(config: Config) -> list[str]:
    """A sentence for each pair that is left out, and for each that an analysis is not asked of for want of a run."""
    tasks, analyses = config["study"]["tasks"], config["study"]["analyses"]
    out = [(method, task, why) for task in tasks for method, why in left_out(config, task).items()]
    unasked = [(name, task, without_base(config, name, task).items()) for name in analyses for task in tasks]
    return [
        *(f"{method} is left out of {task}: {why}." for method, task, why in out),
        *(f"{name} is not asked of {method} on {task}: {why}." for name, task, of in unasked for method, why in of),
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


def check_analyses(config: Config) -> None:
    """StudyError for an analysis that is asked of no run, or that a task names in vain."""
    study = config["study"]
    asked = {analysis: {task for task, _ in analysed(config, analysis)} for analysis in study["analyses"]}
    for number, analysis in enumerate(asked):
        where = f"config: study.analyses.{number}: is {analysis!r}"
        if OTHER_SEED in analysis_card(analysis).needs and len(study["seeds"]) == 1:
            raise StudyError(
                f"{where}, which compares runs of two seeds, but study.seeds has one; give it two or leave this out"
            )
        if {SALIENCY, OTHER_SEED} <= set(analysis_card(analysis).needs) and not _of_models(config):
            raise StudyError(
                f"{where}, which compares maps of two networks, but saliency.attributions has controls alone, which "
                "are the same for every network; give it another one, such as gradient, or leave this out"
            )
        if not asked[analysis]:
            raise StudyError(
                f"{where}, which is asked of no run of the study, as only of those {_of_which(analysis)}; give the "
                "study one or leave this out"
            )
    for task in study["tasks"]:
        for number, analysis in enumerate(config["tasks"][task].get("analyses", [])):
            where = f"config: tasks.{task}.analyses.{number}: is {analysis!r}"
            if analysis not in asked:
                raise StudyError(f"{where}, which is not in study.analyses; allowed are {', '.join(asked)}")
            if task not in asked[analysis]:
                raise StudyError(
                    f"{where}, which is asked only of runs {_of_which(analysis)}, so not of these; leave it out"
                )


def _of_models(config: Config) -> list[str]:
    """The attributions of the study that know the model."""
    return [name for name in config["saliency"]["attributions"] if not attribution_card(name).control]


def _of_which(analysis: str) -> str:
    """Of which runs an analysis is asked, after that word."""
    card = analysis_card(analysis)
    conditions = [f"with {key} {' or '.join(map(str, allowed(value)))}" for key, value in card.of_tasks.items()]
    if BASE_RUN in card.needs:
        of_base = "".join(f" with {key} {value}" for key, value in _of_base(analysis).items())
        of_base += " and the same images" if card.of_tasks else ""
        conditions.append(f"`of` another one{of_base} on which the study runs the same method")
    return f"on tasks {', '.join([*conditions, 'that name it among their `analyses` if they name any'])}"


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
