"""The tables, figures and pages of a study, collected from what their modules say of themselves.

Each is a module of `tables/`, `figures/` or `pages/` with a card of literals at its top, see `Card`. The workflow reads
these without running them, as it needs neither pandas nor Matplotlib.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from itertools import product
from pathlib import Path
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import analysis_names
from red_herring.study.literals import literals_of, names_in

Settings = Mapping[str, Any]
"""What `red_herring.study.settings.results_settings` gives."""

Analyses = Mapping[str, Mapping[str, Any]]
"""What `red_herring.study.settings.described_analyses` gives of the analyses of a study."""

Asked = Mapping[str, Mapping[str, Any]]
"""Task -> its methods whose runs an analysis is asked of, and why others are left out."""

ROOM = Path(__file__).parent
TABLES, FIGURES, PAGES = "tables", "figures", "pages"

IMAGES = "images"
"""Stands for the first split of every task with the images and masks of all sources."""

POPULATIONS = {"searches.csv": "searches", "detection.csv": "detection"}
"""What needs the file shows the tasks under this key of the settings, which may be others than those of the study: on
these there is a search, or detectors are trained.
"""

MAPS = "/maps"
"""After the name of an analysis, as in localisation/maps, or detectors/maps: its arrays of all runs, whose folder the
settings name.
"""

SPLITS = ("splits", "planned_splits")
"""Tables that are made of the splits before there is any run."""

TASKS = "tasks"
"""The key of the settings of a study under which its tasks are."""

METHODS = "methods"
"""Stands for those that run on a task."""

TASK = "{task}"
ANALYSIS = "{analysis}"
IN_VALIDATION = "{in_validation}"


@dataclass(frozen=True)
class Card:
    """What the module of a table, figure or page says of itself.

    TITLE and CATEGORY: what the report lists it under, and where. CAPTION: what it is and what to look for, with
    IN_VALIDATION where it depends on the relation of nuisance and label in the validation set; or CAPTION_OF, whose
    caption it has, such as `tables/comparisons`. FILES: what it is made of, below the folder of the study, or IMAGES or
    what ends with MAPS; OPTIONAL: what it shows as well where the study has it. ITEMS: name -> what is made under it,
    where that is not one thing of all tasks called like the module: `title` (TITLE unless given); `tasks` (those of a
    list, `each` for one thing of each, whose name has TASK in its place, or `others` for those in no list); `each`, for
    one thing of each value of a setting of an analysis, {"similarity": "weight_randomisation.similarities"}, or of each
    method that runs on the task, {"method": METHODS}, whose names have {similarity} and so on in their place, as titles
    may; `having`, the setting of a task without which it is not shown; `series`, the key of the series of tasks that it
    shows, and `attribution`, without which it is not made; and whatever else the module reads. Under ANALYSIS one thing
    of each analysis that has no module of its name; it stands in FILES and TITLE as well.
    IN_VALIDATION: relation -> the words for it. RELEASED: False for what the authors' released runs cannot show.
    """

    module: str
    title: str
    category: str
    caption: str
    files: tuple[str, ...]
    optional: tuple[str, ...]
    items: Mapping[str, Mapping[str, Any]]
    in_validation: Mapping[str, str]
    released: bool


@dataclass(frozen=True)
class Item:
    """A table or figure of a study.

    module: what makes it. files: what it is made of, see `Card`. tasks: those that it shows. caption: what it is and
    what to look for. category, title: where and under which name the report has it. options: further settings.
    population: the key of the study's settings under which its tasks are. asked: what there is to say otherwise of a
    task, as an analysis that the item is made of is not asked of all of its runs.
    """

    module: str
    files: tuple[str, ...]
    tasks: tuple[str, ...]
    caption: str
    category: str
    title: str
    options: Mapping[str, Any] = field(default_factory=dict)
    population: str = TASKS
    asked: Asked = field(default_factory=dict)

    @property
    def labels(self) -> dict[str, str]:
        """What the report lists the item under."""
        return {"item": self.title, "task": ", ".join(self.tasks)}

    @property
    def shows_images(self) -> bool:
        """Whether one sees images in it, or means of them."""
        return any(file == IMAGES or file.endswith(MAPS) for file in self.files)

    def settings(self, study: Settings, folder: str) -> dict[str, Any]:
        """What the item reads of the study. folder: where those of the analyses are, each with its arrays."""
        of_maps = [file.removesuffix(MAPS) for file in self.files if file.endswith(MAPS)]
        where = {"maps": f"{folder}/{of_maps[0]}"} if of_maps else {}
        known = tasks_of(study, self.population)
        about = {key: value for key, value in study.items() if key not in (*POPULATIONS.values(), "series")}
        tasks = {task: {**known[task], **self.asked.get(task, {})} for task in self.tasks}
        return {**about, "tasks": tasks, **self.options, **where}


def tasks_of(study: Settings, population: str) -> Mapping[str, Any]:
    """The tasks under a key, with what there is to say of each; those of the study where it has no such key."""
    found: Mapping[str, Any] = study.get(population, study[TASKS])
    return found


def known_tasks(study: Settings) -> Mapping[str, Any]:
    """The tasks of a study and those on which it only searches, with what there is to say of each."""
    return {**study.get("searches", {}), **study[TASKS]}


@cache
def card(room: str, module: str) -> Card:
    """The card of a module; StudyError if it lacks a literal."""
    file = ROOM / room / f"{module}.py"
    declared = literals_of(file, "TITLE", "CATEGORY", "FILES")
    if "CAPTION_OF" in declared:
        caption = card(*declared["CAPTION_OF"].split("/")).caption
    else:
        caption = literals_of(file, "CAPTION")["CAPTION"]
    return Card(
        module=module,
        title=declared["TITLE"],
        category=declared["CATEGORY"],
        caption=caption,
        files=tuple(declared["FILES"]),
        optional=tuple(declared.get("OPTIONAL", ())),
        items=declared.get("ITEMS", {module: {}}),
        in_validation=declared.get("IN_VALIDATION", {}),
        released=declared.get("RELEASED", True),
    )


def files_of(of: Card, made: Collection[str]) -> tuple[str, ...]:
    """What a module is made of, and of what it shows as well what there is."""
    return (*of.files, *(file for file in of.optional if file in made))


def cards(room: str) -> list[Card]:
    """Those of all modules of a room."""
    return [card(room, module) for module in names_in(ROOM / room)]


def check_names(tasks: Iterable[str]) -> None:
    """StudyError if a task is called like another table."""
    taken = [*analysis_names(), *(name for one in cards(TABLES) for name in one.items if name != TASK)]
    for name in tasks:
        if name.lower() in SPLITS or any(_may_be(name.lower(), other) for other in taken):
            raise StudyError(f"config: tasks.{name}: is the name of another table; call the task otherwise")


def _may_be(name: str, pattern: str) -> bool:
    """Whether an item of this pattern could have the name."""
    before, task, after = pattern.partition(TASK)
    return name.startswith(before) and name.endswith(after) if task else name == pattern


def tables(study: Settings, made: Collection[str], analyses: Analyses) -> dict[str, Item]:
    """Name -> table of a study. made: the files that there are, with IMAGES and MAPS. analyses: those asked."""
    return _collected(TABLES, study, made, analyses)


def figures(study: Settings, made: Collection[str], analyses: Analyses) -> dict[str, Item]:
    """Name -> figure of a study. made: the files that there are besides its tables, with IMAGES and MAPS."""
    tabulated = [f"{TABLES}/{name}.csv" for name in tables(study, made, analyses)]
    return _collected(FIGURES, study, {*made, *tabulated}, analyses)


def _collected(room: str, study: Settings, made: Collection[str], analyses: Analyses) -> dict[str, Item]:
    """Name -> item, of those modules whose files there are."""
    found: dict[str, Item] = {}
    for one in [whole for general in cards(room) for whole in _of_analyses(general, analyses)]:
        if set(one.files) <= set(made) and (one.released or "origin" not in study):
            for name, item in _items(one, study, made, analyses):
                if name in found and found[name].module == item.module:
                    raise StudyError(f"config: two {room} would be called {name}; call a task or a method otherwise")
                if name in found:
                    raise StudyError(f"{room}/{one.module}.py: ITEMS: {name} is one of {found[name].module}.py as well")
                found[name] = item
    return found


def _of_analyses(of: Card, analyses: Analyses) -> Iterator[Card]:
    """The card, or if it is of any analysis one for each that has no module of its own."""
    if ANALYSIS not in of.items:
        yield of
        return
    for name, about in analyses.items():
        if not (ROOM / TABLES / f"{name}.py").is_file():
            yield replace(
                of,
                title=of.title.replace(ANALYSIS, about["title"]),
                files=tuple(file.replace(ANALYSIS, name) for file in of.files),
                items={name: {**of.items[ANALYSIS], "analysis": name, **_in_words(about)}},
            )


def _in_words(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a table says of an analysis."""
    return {key: value for key, value in about.items() if key not in ("asked", "settings")}


def _asked(files: Collection[str], analyses: Analyses) -> Asked | None:
    """Of which runs all the analyses are asked that these files are of; None where that is all runs."""
    parts = [about["asked"] for name, about in analyses.items() if f"{name}.csv" in files and "asked" in about]
    return reduce(_both, parts) if parts else None


def _both(first: Asked, second: Asked) -> Asked:
    """What two analyses are both asked of."""
    found = {}
    for task in [task for task in first if task in second]:
        methods = [name for name in first[task]["methods"] if name in second[task]["methods"]]
        if methods:
            found[task] = {"methods": methods, "left_out": {**first[task]["left_out"], **second[task]["left_out"]}}
    return found


def _items(of: Card, study: Settings, made: Collection[str], analyses: Analyses) -> Iterator[tuple[str, Item]]:
    """What a module makes of a study, by name."""
    files = files_of(of, made)
    population = next((key for file, key in POPULATIONS.items() if file in of.files), TASKS)
    asked = _asked(of.files, analyses)
    tasks = [task for task in tasks_of(study, population) if asked is None or task in asked]
    named = {task for about in of.items.values() if isinstance(about.get("tasks"), list) for task in about["tasks"]}
    for name, about in of.items.items():
        if "attribution" in about and about["attribution"] not in study["attributions"]:
            continue
        options = {key: value for key, value in about.items() if key not in ("title", "tasks", "each", "having")}
        which = about.get("tasks")
        if "having" in about:
            which = [task for task in tasks if known_tasks(study)[task].get(about["having"])]
        if "series" in about:
            options["series"] = study.get("series", {}).get(about["series"], [])
            which = list(dict.fromkeys(task for series in options["series"] for task in series))
        for shown in _shown(which, tuple(tasks), named):
            caption = of.caption.replace(IN_VALIDATION, _in_validation(study, shown, of.in_validation))
            title = about.get("title", of.title)
            item = Item(of.module, files, shown, caption, of.category, title, options, population, asked or {})
            methods = item.settings(study, "")["tasks"][shown[0]].get("methods", study["methods"])
            for chosen in _choices(about.get("each", {}), methods, analyses):
                one = replace(item, title=_filled(title, chosen), options={**options, **chosen})
                yield _filled(name, chosen).replace(TASK, shown[0]), one


def _choices(each: Mapping[str, str], methods: Iterable[str], analyses: Analyses) -> Iterator[dict[str, str]]:
    """Every combination of one value of each; one without any where there is nothing to choose.

    each: see `Card`. methods: those that run on the task.
    """

    def values(of: str) -> Iterable[str]:
        analysis, _, key = of.partition(".")
        found: Iterable[str] = methods if of == METHODS else analyses[analysis]["settings"][key]
        return found

    for chosen in product(*map(values, each.values())):
        yield dict(zip(each, chosen, strict=True))


def _filled(text: str, chosen: Mapping[str, str]) -> str:
    """The text with each choice in its place."""
    for key, value in chosen.items():
        text = text.replace(f"{{{key}}}", value)
    return text


def _shown(which: str | list[str] | None, tasks: tuple[str, ...], named: Collection[str]) -> Iterable[tuple[str, ...]]:
    """The tasks of each item; none for an item without a task."""
    if which == "each":
        return [(task,) for task in tasks]
    if which == "others":
        shown = tuple(task for task in tasks if task not in named)
    else:
        shown = tasks if which is None else tuple(task for task in which if task in tasks)
    return [shown] if shown else []


def _in_validation(study: Settings, tasks: Sequence[str], words: Mapping[str, str]) -> str:
    """A sentence from what to say of tasks whose validation set has a relation; it names them where they differ."""
    if not words:
        return ""
    of_relation: dict[str, list[str]] = {}
    for task in tasks:
        of_relation.setdefault(_relation_in_validation(known_tasks(study)[task]), []).append(task)
    if len(of_relation) == 1:
        said = [words[relation] for relation in of_relation]
    else:
        said = [f"in {_listed(own)} {words[relation]}" for relation, own in of_relation.items()]
    sentence = "; ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _relation_in_validation(task: Settings) -> str:
    """Of nuisance and label, against that of training: shifted, in_distribution or balanced, which is none."""
    return "balanced" if task["ratio"] == 0.5 else task["selection"]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
