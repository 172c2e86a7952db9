"""Tasks and families of tasks: those that are written out, and those that are derived from others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.defaults import Config, leaves, over
from red_herring.study.lineage import check_differs, derived, lineage
from red_herring.study.stage_settings import Signal

DEFAULTS = {
    "patients": "disjoint", "selection": "shifted", "labels": "as_they_are",
    "mask.negatives": "empty", "mask.control": "none", "mask.budget": 1.0, "mask.blur_sigma": 0.0,
    "signal.kind": "none", "signal.share": 1.0, "signal.of": "positives", "signal.area": 0.01,
}  # fmt: skip
"""Dotted key -> value of what a task need not say."""

ORIGINS = ("of", "each", "tuned_on")
"""Keys that say where a task comes from, not what it is."""

ASKED = ("methods", "analyses")
"""Keys that say what runs on a task and what is asked of that, not what it is."""

OF_KIND = {"ellipse": "semi_axis", "anatomy": "structures"}
"""Kind of mask -> the key that only it has."""

OF_SIGNAL = {"tag": "area"}
"""Kind of signal -> the key that only it has."""

GENERATED = "generated"
"""The key of a task that trains with generated images as well, and the source that these are of in its splits."""

VALUE = re.compile(r"[A-Za-z0-9_.+-]+")
"""A value that the name of a folder may end with."""


def derive_tasks(config: Config) -> Config:
    """The configuration with every task whole: `tasks` with what each takes from the one that it is `of`, a family
    (`each`) as its members; `tuned_on` as the task whose search counts in the end; `study.tasks` with the members of
    families. StudyError for what is derived from, or tuned on, nothing known, itself, or a family.
    """
    families = {name: _members(name, task) for name, task in config["tasks"].items() if "each" in task}
    entries: dict[str, Config] = {}
    for name, task in config["tasks"].items():
        for member, own in families.get(name, {name: task}).items():
            if member in entries:
                raise StudyError(f"config: tasks.{member}: is given twice, once in a family; rename one of them")
            entries[member] = own
    for name, task in entries.items():
        for key in ("of", "tuned_on"):
            _refuse_family(name, key, task.get(key), families)
    lines = {name: lineage("tasks", name, entries, entries) for name in entries}
    tasks = {name: _whole(line, entries) for name, line in lines.items()}
    tuned = {name: task for name, task in tasks.items() if task.get("tuned_on") is not None}
    for name, task in tuned.items():
        task["tuned_on"] = lineage("tasks", name, tuned, tasks, "tuned_on")[-1]
    return config | {"tasks": tasks, "study": config["study"] | {"tasks": _listed(config, tasks, families)}}


def _whole(line: list[str], entries: Mapping[str, Config]) -> Config:
    """The first of a lineage with all that it takes from the others; where the kind of mask or signal becomes another
    one, without what only the former kind has.
    """
    task: Config = {}
    for name in reversed(line):
        for part, of_kind in (("mask", OF_KIND), ("signal", OF_SIGNAL)):
            kind = entries[name].get(part, {}).get("kind")
            foreign = {key for of, key in of_kind.items() if kind not in (None, of)}
            kept = {key: value for key, value in task.get(part, {}).items() if key not in foreign}
            task |= {part: kept} if kept else {}
        task = over(entries[name], task)
    return task


def _members(family: str, task: Config) -> dict[str, Config]:
    """Name -> task of a family: one for every combination of values, called `spc_ratio=0.7_mask.budget=0.5` whether the
    family is `spc` or `spc_ratio`, and `spc_mask.budget=0.5` also if it is `spc_budget`. No comma, at which Snakemake
    cuts what it tells the jobs of a cluster.
    """
    if "of" not in task:
        raise StudyError(f"config: tasks.{family}.each: goes with of, and only with it")
    own = {key: value for key, value in task.items() if key != "each"}
    for key in task["each"].keys() & leaves(own).keys():
        raise StudyError(f"config: tasks.{family}.{key}: is given beside each.{key}; leave one")
    first = next(iter(task["each"]))
    members, stem = {}, family.removesuffix(f"_{first.rpartition('.')[2]}")
    for values in product(*task["each"].values()):
        chosen = dict(zip(task["each"], values, strict=True))
        words = "_".join(f"{key}={word(f'tasks.{family}', key, value)}" for key, value in chosen.items())
        members[f"{stem}_{words}"] = over(_nested(chosen), own)
    return members


def word(where: str, key: str, value: Any) -> str:
    """A value in a name: numbers in their shortest form, 1.0 as 1."""
    word = f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
    if not VALUE.fullmatch(word):
        raise StudyError(
            f"config: {where}.each.{key}: has {word!r}, and something is called by it; allowed are letters, digits and "
            "_.+-; write that one out"
        )
    return word


def _nested(dotted: dict[str, Any]) -> Config:
    """Values by dotted keys as maps in maps."""
    found: Config = {}
    for key, value in dotted.items():
        *above, last = key.split(".")
        inner = found
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return found


def _refuse_family(name: str, key: str, base: Any, families: dict[str, dict[str, Config]]) -> None:
    if isinstance(base, str) and base in families:
        raise StudyError(
            f"config: tasks.{name}.{key}: is {base!r}, a family of tasks; allowed is one of them, such as "
            f"{next(iter(families[base]))}"
        )


def _listed(config: Config, tasks: Config, families: dict[str, dict[str, Config]]) -> list[str]:
    """The tasks of the study, a family as its members."""
    found: list[str] = []
    for number, name in enumerate(config["study"]["tasks"]):
        if name not in tasks and name not in families:
            allowed = ", ".join([*families, *tasks])
            raise StudyError(f"config: study.tasks.{number}: is {name!r}; allowed are {allowed}")
        for task in families.get(name, [name]):
            if task in found:
                raise StudyError(f"config: study.tasks.{number}: has {task} a second time; name it once")
            found.append(task)
    return found


def check_tasks(config: Config, written: Config) -> None:
    """StudyError for a derived task that says again what it is of. written: the section before `derive_tasks`.

    A member of a family that is written out, as in a release, may: a value of the family may be that of its base.
    """
    for name, task in derived(written).items():
        if "=" in name:
            continue
        base, of = effective(config["tasks"][task["of"]]), task["of"]
        tuned = config["tasks"][of].get("tuned_on")
        own = {key: task[key] for key in task if key not in ORIGINS}
        check_differs(f"tasks.{name}", own, base, of)
        for key, values in task.get("each", {}).items():
            if values == [base.get(key)]:
                raise StudyError(f"config: tasks.{name}.each.{key}: is {values}, as in {of}; leave it out")
        differs = leaves(own).keys() - set(ASKED) or task.get("each")
        if not differs and task.get("tuned_on", tuned) in (tuned, tuned or of):
            nothing = f"nothing but its {' and '.join(own)}" if own else "nothing"
            raise StudyError(f"config: tasks.{name}: differs from {of} in {nothing}; say what differs")


def effective(task: Config) -> dict[str, Any]:
    """Dotted key -> value of all that a task is, defaults too."""
    return DEFAULTS | leaves({key: value for key, value in task.items() if key not in ORIGINS})


def hyperparameters_of(config: Config, task: str) -> str:
    """The task whose hyperparameters a task takes: itself, or the one that it is tuned on."""
    return str(config["tasks"][task].get("tuned_on") or task)


def searched_tasks(config: Config) -> list[str]:
    """The tasks whose hyperparameters the study's runs take, each once."""
    return list(dict.fromkeys(hyperparameters_of(config, task) for task in config["study"]["tasks"]))


def used_tasks(config: Config) -> list[str]:
    """The tasks of the study, those on which it only searches, and those in which detectors are trained."""
    run = list(dict.fromkeys([*config["study"]["tasks"], *searched_tasks(config)]))
    return list(dict.fromkeys([*run, *config["detection"]["tasks"], *generating_tasks(config, run)]))


def generating_tasks(config: Config, of: Iterable[str]) -> list[str]:
    """The tasks from whose images some are generated for these tasks."""
    return list(dict.fromkeys(config["tasks"][task]["of"] for task in of if GENERATED in config["tasks"][task]))


def named_tasks(config: Config) -> list[str]:
    """The tasks that are used, and all that they name: what they are derived from or tuned on, and these in turn."""
    tasks, found = config["tasks"], used_tasks(config)
    for name in found:  # which grows
        named = [tasks[name][key] for key in ("of", "tuned_on") if tasks[name].get(key)]
        found += [other for other in dict.fromkeys(named) if other not in found]
    return found


def task_sources(config: Config, task: str) -> list[str]:
    """The sources of a task, each once."""
    return list(dict.fromkeys(group["source"] for group in config["tasks"][task]["nuisance"]["groups"]))


def names_of(value: str | list[str]) -> list[str]:
    """The names of a finding or control, which may be one or a list of which an image has any."""
    return [value] if isinstance(value, str) else value


def mask_settings(config: Config, task: str) -> dict[str, Any]:
    """Which pixels are inside, for evaluation: without what only training does to masks."""
    mask = config["tasks"][task]["mask"]
    found = {key: mask[key] for key in ("kind", *OF_KIND.values()) if key in mask}
    return found | ({"structures": sorted(mask["structures"])} if "structures" in mask else {})  # a union has no order


def signal_settings(config: Config, task: str) -> Signal | None:
    """The signal that is planted into training and validation images of a task; None where there is none."""
    whole = effective(config["tasks"][task])
    kind = whole["signal.kind"]
    if kind == DEFAULTS["signal.kind"]:
        return None
    signal = Signal(kind=kind, share=whole["signal.share"], of=whole["signal.of"])
    return signal | {"area": whole["signal.area"]} if OF_SIGNAL.get(kind) == "area" else signal


def anatomy_sources(config: Config) -> list[str]:
    """The sources whose images are segmented, for a task that is used."""
    used = [task for task in used_tasks(config) if config["tasks"][task]["mask"]["kind"] == "anatomy"]
    return sorted({source for task in used for source in task_sources(config, task)})


def guidance_settings(config: Config, task: str) -> dict[str, Any]:
    """What training does to the masks besides dilating them; see red_herring.data.masks.guide."""
    task_is = effective(config["tasks"][task])
    return {key: task_is[f"mask.{key}"] for key in ("negatives", "control", "budget")}
