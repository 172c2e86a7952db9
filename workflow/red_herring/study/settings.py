"""A study as its configuration describes it, cut into what each stage reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from red_herring.reference import PUBLISHED_HYPERPARAMETERS, PUBLISHED_RUNS
from red_herring.runtime.files import StudyError, read_rows
from red_herring.runtime.provenance import made_by
from red_herring.study.catalogue import (
    BLUR,
    analysis_card,
    attribution_card,
    attribution_names,
    method_card,
    method_names,
    source_card,
)
from red_herring.study.names import PAPER_ATTRIBUTIONS
from red_herring.study.places import NEEDED_FOR

PUBLISHED_TASKS = ("synthetic", "spc", "no_spc", "vpc", "no_vpc")
PUBLISHED_METHODS = ("classification", "masked", "actdiff", "adversarial", "gradmask", "rrr")

Config = dict[str, Any]

LAWS = {"log-uniform": "numbers above 0", "uniform": "numbers from 0", "integer": "whole numbers from 1"}


def lawful(law: str, value: float) -> bool:
    """Whether a law of LAWS can give this value."""
    if law == "integer":
        return value >= 1 and value % 1 == 0
    return value > 0 if law == "log-uniform" else value >= 0


def search_space(config: Config, task: str, method: str) -> dict[str, list[Any]]:
    """Hyperparameter -> [law, low, high] of a method on a task; the mask blur belongs to the task."""
    card = method_card(method)
    changed = config["methods"].get(method, {}).get("search", {})
    space = {name: [law, *changed.get(name, bounds)] for name, (law, *bounds) in card.hyperparameters.items()}
    blur = config["tasks"][task]["mask"].get("blur_sigma")
    if "masks" in card.uses and isinstance(blur, list):
        space[BLUR] = ["uniform", *blur]
    return space


def fixed_hyperparameters(config: Config, task: str, method: str) -> dict[str, float]:
    """The hyperparameters of a method on a task when nothing is searched; StudyError for one that is not given."""
    mode = config["tuning"]["mode"]
    if mode == "given":
        given, where = config["methods"].get(method, {}).get("hyperparameters", {}), f"methods.{method}.hyperparameters"
        if BLUR in given and not isinstance(config["tasks"][task]["mask"].get("blur_sigma"), list):
            raise StudyError(
                f"config: {where}.{BLUR}: is not used by task {task}; set tasks.{task}.mask.blur_sigma instead"
            )
    else:
        rows = [row for row in read_rows(PUBLISHED_HYPERPARAMETERS) if (row["task"], row["method"]) == (task, method)]
        given = (
            {name: float(value) for name, value in rows[0].items() if name not in ("task", "method") and value}
            if rows
            else {}
        )
        where = f"{PUBLISHED_HYPERPARAMETERS.name}, {task} {method}"
    values = {}
    for name, (law, *_) in search_space(config, task, method).items():
        off = name == "lambda" and given.get(name) == 0
        if name in given and not off and not lawful(law, given[name]):
            raise StudyError(f"config: {where}.{name}: is {given[name]}; allowed are {LAWS[law]}")
        if name not in given:
            raise StudyError(
                f"config: tuning.mode: is {mode!r}, but {where} has no {name!r}; give it or set the mode to search"
            )
        values[name] = int(given[name]) if law == "integer" else given[name]
    return values


ORIGIN_KEYS = ("torrent", "archive")
FETCH_KEYS = (*ORIGIN_KEYS, "sha256")
COMMON_SOURCE_KEYS = ("kind", "size", "max_unreadable", "people", *FETCH_KEYS)


def origin(config: Config, source: str) -> dict[str, str] | None:
    """Where the images of a source are fetched from; None when there is a folder of them or nothing to fetch."""
    entry = config["sources"][source]
    if entry.get("imgpath") is not None or not any(entry.get(key) for key in ORIGIN_KEYS):
        return None
    return {key: entry[key] for key in FETCH_KEYS if entry.get(key)}


def metadata_are_fetched(config: Config, source: str) -> bool:
    """Whether a source can be listed only after it has been fetched, as its table comes with the images."""
    entry = config["sources"][source]
    shipped = source_card(entry["kind"]).metadata_shipped
    return not shipped and entry.get("csvpath") is None and origin(config, source) is not None


def origin_settings(config: Config, source: str) -> dict[str, Any]:
    """What says which images are fetched."""
    return {"source": source, "origin": origin(config, source)}


def network_settings(config: Config, source: str) -> dict[str, Any]:
    """What fetching reads besides, which makes no difference to what is fetched."""
    return {"terms": source_card(config["sources"][source]["kind"]).terms, **config["fetch"]}


def index_settings(config: Config, source: str) -> dict[str, Any]:
    """What listing a source's images reads: its name, its kind, and `settings`, the keys of that kind."""
    entry = config["sources"][source]
    own = {key: value for key, value in entry.items() if key not in COMMON_SOURCE_KEYS}
    if "imgpath" in own and entry.get("dataset") not in source_card(entry["kind"]).listed_from_images:
        own["imgpath"] = None  # listing reads no image, so moving the folder does not list, draw and train again
    listing = {"source": source, "kind": entry["kind"], "settings": own}
    return listing | {"origin": origin(config, source)} if metadata_are_fetched(config, source) else listing


def prepare_settings(config: Config, source: str) -> dict[str, Any]:
    """What decoding reads besides: where the images are, their size, how many may be unreadable."""
    entry, listing = config["sources"][source], index_settings(config, source)
    own = {key: entry[key] for key in listing["settings"]}
    common = {key: entry[key] for key in ("size", "max_unreadable")}
    return listing | {"settings": own, "origin": origin(config, source), **common}


def task_sources(config: Config, task: str) -> list[str]:
    """The sources of a task, each once."""
    return list(dict.fromkeys(group["source"] for group in config["tasks"][task]["nuisance"]["groups"]))


def names_of(value: str | list[str]) -> list[str]:
    """The names of a finding or control, which may be one or a list of which an image has any."""
    return [value] if isinstance(value, str) else value


def people_of(config: Config, source: str) -> str:
    """Whose patients a source has: those of one data set are the same people, however often it is named."""
    entry = config["sources"][source]
    card = source_card(entry["kind"])
    if card.one_data_set:
        return entry["kind"]
    dataset = entry.get("dataset")
    return entry.get("people") or card.people.get(dataset, dataset) or entry.get("csvpath") or source


def people_are_given(config: Config, source: str) -> bool:
    """Whether it is known whose patients a source has, and not only taken to be nobody else's."""
    entry = config["sources"][source]
    return source_card(entry["kind"]).one_data_set or any(entry.get(key) for key in ("people", "dataset"))


def split_settings(config: Config, task: str) -> dict[str, Any]:
    """What drawing reads; finding and control are lists of names."""
    entry = config["tasks"][task]
    groups = [
        {
            "source": group["source"],
            "group": group.get("group"),
            "people": people_of(config, group["source"]),
            "people_given": people_are_given(config, group["source"]),
        }
        for group in entry["nuisance"]["groups"]
    ]
    return {
        "task": task,
        "finding": names_of(entry["finding"]),
        "control": names_of(entry["control"]),
        "ratio": entry["ratio"],
        "sizes": entry.get("sizes"),
        "patients": entry.get("patients", "disjoint"),
        "selection": entry.get("selection", "shifted"),
        "groups": groups,
    }


def plan_settings(config: Config, task: str) -> dict[str, Any]:
    """What counting the splits before there are images reads: the same, and the seeds."""
    return split_settings(config, task) | {"seeds": config["study"]["seeds"], "drawn_seeds": drawn_seeds(config)}


def tuning_seed(config: Config) -> int | None:
    """The seed on whose split hyperparameters are searched; None when they are given."""
    return config["tuning"]["seed"] if config["tuning"]["mode"] == "search" else None


def drawn_seeds(config: Config) -> list[int]:
    """The seeds whose splits are drawn: those of the runs, and that of the search, each once."""
    searched = tuning_seed(config)
    return list(dict.fromkeys([*config["study"]["seeds"], *([] if searched is None else [searched])]))


def overlap_settings(config: Config) -> dict[str, Any]:
    """What comparing the splits of seeds reads."""
    return {key: config["study"][key] for key in ("tasks", "seeds")} | {"drawn_seeds": drawn_seeds(config)}


def tabulate_settings(config: Config) -> dict[str, Any]:
    """What the table of the splits reads."""
    return results_settings(config) | {"tuning_seed": tuning_seed(config)}


def mask_settings(config: Config, task: str) -> dict[str, Any]:
    """Which pixels are inside, for evaluation: without what only training does to masks."""
    mask = config["tasks"][task]["mask"]
    return {key: mask[key] for key in ("kind", "semi_axis") if key in mask}


def guidance_settings(config: Config, task: str) -> dict[str, Any]:
    """What training does to the masks besides dilating them; see red_herring.data.masks.guide."""
    mask = config["tasks"][task]["mask"]
    defaults = {"negatives": "empty", "control": "none", "budget": 1.0}
    return {key: mask.get(key, default) for key, default in defaults.items()}


def _run_settings(config: Config, task: str, method: str) -> dict[str, Any]:
    settings = {
        "task": task,
        "method": method,
        "options": config["methods"].get(method, {}).get("options", {}),
        "mask": mask_settings(config, task),
        "guidance": None,
        "width": config["model"]["width"],
        "batch_size": config["training"]["batch_size"],
        **{key: config["training"][key] for key in ("device", "precision", "compile")},
    }
    if "masks" in method_card(method).uses:  # others do not train again when only the guidance changes
        blur = config["tasks"][task]["mask"].get("blur_sigma", 0.0)
        blur = {"blur_sigma": 0.0 if isinstance(blur, list) else blur}
        settings["guidance"] = guidance_settings(config, task) | blur
    return settings


def tune_settings(config: Config, task: str, method: str) -> dict[str, Any]:
    """What `tune` reads; without a search only the hyperparameters to pass on."""
    tuning = config["tuning"]
    if tuning["mode"] != "search":
        return {
            "task": task,
            "method": method,
            "mode": tuning["mode"],
            "hyperparameters": fixed_hyperparameters(config, task, method),
        }
    keys = ("mode", "seed", "initial_points", "iterations", "parallel", "objective", "epochs", "burn_in", "patience")
    return (
        _run_settings(config, task, method)
        | {key: tuning[key] for key in keys}
        | {"space": search_space(config, task, method)}
    )


def train_settings(config: Config, task: str, method: str) -> dict[str, Any]:
    keys = ("epochs", "burn_in", "patience")
    return _run_settings(config, task, method) | {key: config["training"][key] for key in keys}


def analysis_settings(config: Config, analysis: str, task: str) -> dict[str, Any]:
    """What an analysis reads: its own keys, each with its default, and `saliency` if its card says so."""
    card = analysis_card(analysis)
    own = {key: schema["default"] for key, schema in card.settings.items()} | config["analyses"].get(analysis, {})
    if "saliency" in card.needs:
        own["saliency"] = config["saliency"] | {"mean_map_images": config["tasks"][task]["mean_map_images"]}
    return {
        "task": task,
        "mask": mask_settings(config, task),
        "analysis": own,
        **{key: config["training"][key] for key in ("batch_size", "device", "precision")},
    }


def collect_settings(config: Config) -> dict[str, Any]:
    """Which runs there are, and for each task and method, as task/method, what was searched and the digests of the
    settings and code by which `tune` and `train` make its search and runs.
    """
    pairs = [(task, method) for task in config["study"]["tasks"] for method in config["study"]["methods"]]
    expected = {
        stage: {f"{task}/{method}": made_by(stage, settings(config, task, method)) for task, method in pairs}
        for stage, settings in (("tune", tune_settings), ("train", train_settings))
    }
    spaces = {f"{task}/{method}": search_space(config, task, method) for task, method in pairs}
    return {
        **collect_analysis_settings(config),
        "drawn_seeds": drawn_seeds(config),
        "spaces": spaces if config["tuning"]["mode"] == "search" else {},
        "made_by": expected,
    }


def collect_analysis_settings(config: Config) -> dict[str, Any]:
    """Which runs there are."""
    return {key: config["study"][key] for key in ("tasks", "methods", "seeds")}


def incomplete_settings(config: Config) -> dict[str, Any]:
    """What collecting those runs that are there reads."""
    return collect_settings(config) | {"analyses": config["study"]["analyses"]}


def missing_settings(config: Config) -> dict[str, Any]:
    """What naming the missing runs reads."""
    return incomplete_settings(config) | results_settings(config)


def results_settings(config: Config) -> dict[str, Any]:
    """What tables and figures read: the tasks in order with their groups and masks, methods, seeds and saliency.

    methods: name -> title, approach, citation; attributions: name -> title, control; both in display order.

    How maps are made is part of it, as the figures of maps have no map among their inputs. A blur of the masks that is
    searched is given as the middle of its range.
    """
    tasks = {}
    for name in config["study"]["tasks"]:
        task = config["tasks"][name]
        blur = task["mask"].get("blur_sigma", 0.0)
        tasks[name] = {
            "finding": " / ".join(names_of(task["finding"])),
            "control": " / ".join(names_of(task["control"])),
            "ratio": task["ratio"],
            "selection": task.get("selection", "shifted"),
            "nuisance": task["nuisance"]["name"],
            "groups": [group["name"] for group in task["nuisance"]["groups"]],
            "mask": mask_settings(config, name),
            "mean_map_images": task["mean_map_images"],
            "guidance": guidance_settings(config, name)
            | {"blur_sigma": sum(blur) / len(blur) if isinstance(blur, list) else blur},
        }
    shown = {
        "tasks": tasks,
        "methods": described_methods(config["study"]["methods"]),
        "seeds": config["study"]["seeds"],
        "attributions": described_attributions(config["saliency"]["attributions"]),
    }
    return config["saliency"] | shown


def described_methods(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Method -> title, approach and citation, for readers."""
    cards = {name: method_card(name) for name in names}
    return {
        name: {"title": card.title, "approach": card.approach, "citation": card.citation}
        for name, card in cards.items()
    }


def described_attributions(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Attribution -> title, and whether it is a control, which knows nothing of the model."""
    cards = {name: attribution_card(name) for name in names}
    return {name: {"title": card.title, "control": card.control} for name, card in cards.items()}


def known_titles() -> dict[str, str]:
    """Name -> title of every method and attribution that there is, whether a study has it or not."""
    described = described_methods(method_names()) | described_attributions(attribution_names())
    return {name: about["title"] for name, about in described.items()}


def _is_place(key: str, value: Any) -> bool:
    """Whether a key of a source says where files are on this machine."""
    return key in NEEDED_FOR or (isinstance(value, str) and value.startswith(("/", "~", "$")))


def published_settings() -> dict[str, Any]:
    """The same of the authors' released runs; the synthetic task has one more seed for most methods. origin: whose."""
    rows = read_rows(PUBLISHED_RUNS)
    return {
        "tasks": {task: {"groups": ["first", "second"]} for task in PUBLISHED_TASKS},
        "methods": described_methods(PUBLISHED_METHODS),
        "seeds": sorted({int(row["seed"]) for row in rows if row["task"] != "synthetic"}),
        "attributions": described_attributions(PAPER_ATTRIBUTIONS),
        "origin": "released by the authors",
    }


def sheet_settings(config: Config, source: str) -> dict[str, Any]:
    """What the data sheet of a source reads."""
    entry = config["sources"][source]
    return {"source": source, "kind": entry["kind"], "terms": source_card(entry["kind"]).terms}


def release_settings(config: Config, tables: Sequence[str], figures: Mapping[str, bool]) -> dict[str, Any]:
    """What packing a study reads: its runs, tables and figures (name -> whether it shows images), whose images those
    are, and the configuration without what is one machine's.
    """
    used = [source for task in config["study"]["tasks"] for source in task_sources(config, task)]
    cards = {source: source_card(config["sources"][source]["kind"]) for source in dict.fromkeys(used)}
    sources = {
        source: {key: value for key, value in config["sources"][source].items() if not _is_place(key, value)}
        for source in cards
    }
    return incomplete_settings(config) | {
        "sources": {
            source: {"kind": card.kind, "terms": card.terms, "shareable": card.shareable}
            for source, card in cards.items()
        },
        "tables": list(tables),
        "figures": dict(figures),
        "config": {key: config[key] for key in config if key not in ("pathvars", "fetch")}
        | {"sources": sources, "tasks": {task: config["tasks"][task] for task in config["study"]["tasks"]}},
    }
