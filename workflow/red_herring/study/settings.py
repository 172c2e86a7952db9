"""A study as its configuration describes it, cut into what each stage reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from red_herring.reference import PUBLISHED_RUNS
from red_herring.runtime.files import read_rows
from red_herring.runtime.provenance import made_by
from red_herring.study import detection
from red_herring.study.anatomy import TERMS
from red_herring.study.catalogue import (
    EXTRA_EPOCHS,
    MethodCard,
    analysis_card,
    attribution_card,
    attribution_names,
    method_card,
    method_names,
    source_card,
)
from red_herring.study.comparing import keys_of
from red_herring.study.defaults import Config
from red_herring.study.lineage import as_written
from red_herring.study.names import PAPER_ATTRIBUTIONS
from red_herring.study.pairs import (
    Pair,
    analysed,
    companions,
    left_out,
    methods_on,
    notices,
    pairs,
    searches,
    without_base,
)
from red_herring.study.places import NEEDED_FOR
from red_herring.study.series import series_of
from red_herring.study.space import fixed_hyperparameters, search_space
from red_herring.study.stage_settings import (
    Analysing,
    AnalysingBeside,
    AskedTask,
    AskingReaders,
    Collecting,
    CollectingIncomplete,
    CollectingRuns,
    Comparing,
    Costing,
    Describing,
    Drawing,
    Fetching,
    Given,
    Group,
    Listing,
    Network,
    OfTask,
    Planning,
    Preparing,
    Releasing,
    ReportingMissing,
    Searching,
    Segmenting,
    Showing,
    Tabulating,
    TaskInWords,
    Training,
)
from red_herring.study.tasks import (
    effective,
    guidance_settings,
    hyperparameters_of,
    mask_settings,
    named_tasks,
    names_of,
    searched_tasks,
    signal_settings,
    task_sources,
    used_tasks,
)
from red_herring.study.variants import card_of, file_of, options_of, title_of

PUBLISHED_TASKS = ("synthetic", "spc", "no_spc", "vpc", "no_vpc")
PUBLISHED_METHODS = ("classification", "masked", "actdiff", "adversarial", "gradmask", "rrr")

NUISANCE = "nuisance"
"""The value of a task's `labels` with which the nuisance is what is to be told."""

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


def origin_settings(config: Config, source: str) -> Fetching:
    """What says which images are fetched."""
    return Fetching(source, origin(config, source) or {})


def network_settings(config: Config, source: str) -> Network:
    """What fetching reads besides, which makes no difference to what is fetched."""
    return Network(source_card(config["sources"][source]["kind"]).terms, **config["fetch"])


def weights_settings(config: Config) -> Fetching:
    """What says which weights of the segmentation network are fetched."""
    anatomy = config["anatomy"]
    return Fetching("anatomy", {"file": anatomy["address"]} | ({"sha256": sha} if (sha := anatomy["sha256"]) else {}))


def weights_network_settings(config: Config) -> Network:
    """What fetching them reads besides."""
    return Network(TERMS, **config["fetch"])


def index_settings(config: Config, source: str) -> Listing:
    """What listing a source's images reads."""
    entry = config["sources"][source]
    own = _own_settings(entry)
    if "imgpath" in own and entry.get("dataset") not in source_card(entry["kind"]).listed_from_images:
        own["imgpath"] = None  # listing reads no image, so moving the folder does not list, draw and train again
    fetched = origin(config, source) if metadata_are_fetched(config, source) else None
    return Listing(source, entry["kind"], own, fetched)


def prepare_settings(config: Config, source: str) -> Preparing:
    """What decoding reads besides: where the images are, their size, how many may be unreadable."""
    entry = config["sources"][source]
    common = {key: entry[key] for key in ("size", "max_unreadable")}
    return Preparing(source, entry["kind"], _own_settings(entry), origin(config, source), **common)


def segment_settings(config: Config, source: str) -> Segmenting:
    """What segmenting a source's images reads."""
    return Segmenting(source, **{key: config["training"][key] for key in ("device", "precision")})


def _own_settings(entry: Config) -> Config:
    """The keys of a source that belong to its kind."""
    return {key: value for key, value in entry.items() if key not in COMMON_SOURCE_KEYS}


def people_of(config: Config, source: str) -> str:
    """Whose patients a source has: those of one data set are the same people, however often it is named."""
    entry = config["sources"][source]
    card = source_card(entry["kind"])
    if card.one_data_set:
        return card.kind
    dataset = entry.get("dataset")
    people: str = entry.get("people") or card.people.get(dataset, dataset) or entry.get("csvpath") or source
    return people


def people_are_given(config: Config, source: str) -> bool:
    """Whether it is known whose patients a source has, and not only taken to be nobody else's."""
    entry = config["sources"][source]
    return source_card(entry["kind"]).one_data_set or any(entry.get(key) for key in ("people", "dataset"))


def split_settings(config: Config, task: str) -> Drawing:
    """What drawing reads; finding and control are lists of names."""
    entry, whole = config["tasks"][task], effective(config["tasks"][task])
    groups: list[Group] = [
        {
            "source": group["source"],
            "group": group.get("group"),
            "people": people_of(config, group["source"]),
            "people_given": people_are_given(config, group["source"]),
        }
        for group in entry["nuisance"]["groups"]
    ]
    return Drawing(
        task=task,
        finding=names_of(entry["finding"]),
        control=names_of(entry["control"]),
        ratio=entry["ratio"],
        sizes=entry.get("sizes"),
        patients=whole["patients"],
        selection=whole["selection"],
        groups=groups,
        exchanged=whole["labels"] == NUISANCE,
    )


def plan_settings(config: Config, task: str) -> Planning:
    """What counting the splits before there are images reads: the same, and the seeds."""
    drawing = split_settings(config, task)
    return Planning(**vars(drawing), seeds=config["study"]["seeds"], drawn_seeds=drawn_seeds(config))


def tuning_seed(config: Config) -> int | None:
    """The seed on whose split hyperparameters are searched; None when they are given."""
    return config["tuning"]["seed"] if config["tuning"]["mode"] == "search" else None


def drawn_seeds(config: Config) -> list[int]:
    """The seeds whose splits are drawn: those of the runs, and that of the search, each once."""
    searched = tuning_seed(config)
    return list(dict.fromkeys([*config["study"]["seeds"], *([] if searched is None else [searched])]))


def overlap_settings(config: Config) -> Comparing:
    """What comparing the splits of seeds reads."""
    return Comparing(config["study"]["tasks"], config["study"]["seeds"], drawn_seeds(config))


def tabulate_settings(config: Config) -> Tabulating:
    """What the table of the splits reads."""
    tasks = {name: task_in_words(config, name) for name in config["study"]["tasks"]}
    return Tabulating(tasks, tuning_seed(config), searched_tasks(config))


def task_in_words(config: Config, task: str) -> TaskInWords:
    """What tables call the classes and the nuisance groups of a task: where the nuisance is the label, the classes are
    the groups, and the groups the classes.
    """
    entry = config["tasks"][task]
    classes = [" / ".join(names_of(entry[key])) for key in ("control", "finding")]
    groups = [group["name"] for group in entry["nuisance"]["groups"]]
    if effective(entry)["labels"] == NUISANCE:
        classes, groups = groups, classes
    return {"finding": classes[1], "control": classes[0], "groups": groups}


def train_settings(config: Config, task: str, method: str) -> Training:
    """What training reads."""
    return Training(**_run_settings(config, task, method, "training"))


def tune_settings(config: Config, task: str, method: str) -> Searching | Given:
    """What tuning reads; without a search only the hyperparameters to pass on."""
    tuning, file = config["tuning"], file_of(config, method)
    if tuning["mode"] != "search":
        return Given(task, method, file, tuning["mode"], fixed_hyperparameters(config, task, method))
    keys = ("mode", "seed", "initial_points", "iterations", "parallel", "objective")
    space = search_space(config, task, method)
    return Searching(**_run_settings(config, task, method, "tuning"), **{key: tuning[key] for key in keys}, space=space)


def _run_settings(config: Config, task: str, method: str, section: str) -> dict[str, Any]:
    """What training reads, for as many epochs as the section `training` or `tuning` says."""
    entry, card, common = config["tasks"][task], card_of(config, method), config["training"]
    blur = effective(entry)["mask.blur_sigma"]
    guidance = guidance_settings(config, task) | {"blur_sigma": 0.0 if isinstance(blur, list) else blur}
    return {
        "task": task,
        "method": method,
        "file": card.name,
        "options": options_of(config, method),
        "labels": effective(entry)["labels"],
        "signal": signal_settings(config, task),
        "stop": entry.get("stop", {}),
        "mask": mask_settings(config, task),
        "guidance": guidance
        if "masks" in card.uses
        else None,  # others do not train again when only the guidance changes
        "width": config["model"]["width"],
        **{key: common[key] for key in ("batch_size", "device", "precision", "compile")},
        **{key: config[section][key] for key in ("epochs", "burn_in", "patience")},
    }


def analysis_settings(config: Config, analysis: str, task: str, seed: int) -> Analysing | AnalysingBeside:
    """What an analysis reads: its own keys, each with its default, `saliency` if its card says so, and which other runs
    it is given.
    """
    own = _own_keys(config, analysis)
    if "saliency" in analysis_card(analysis).needs:
        attributions = sorted(config["saliency"]["attributions"])  # their order is for tables and figures only
        of_task = {"mean_map_images": config["tasks"][task]["mean_map_images"], "attributions": attributions}
        own["saliency"] = config["saliency"] | of_task
    hardware = {key: config["training"][key] for key in ("batch_size", "device", "precision")}
    alone = Analysing(analysis=own, **_of_task(config, task), **hardware)
    beside = companions(config, analysis, task, seed)
    if not beside:
        return alone
    base, _ = beside.get("base", (None, None))
    _, other_seed = beside.get("other", (None, None))
    of_base: OfTask | None = _of_task(config, base) if base else None
    return AnalysingBeside(**vars(alone), base=of_base, other_seed=other_seed)


def _of_task(config: Config, task: str) -> OfTask:
    """What an analysis reads of the task of a run."""
    return OfTask(task=task, mask=mask_settings(config, task), signal=signal_settings(config, task))


def attributions_of(config: Config, analysis: str) -> list[str]:
    """Those by which an analysis may make maps: of the study, if it needs `saliency`, and those that its card names."""
    card = analysis_card(analysis)
    asked = config["saliency"]["attributions"] if "saliency" in card.needs else []
    return list(dict.fromkeys([*asked, *card.maps_by]))


def _own_keys(config: Config, analysis: str) -> dict[str, Any]:
    """The own keys of an analysis, each with its default."""
    defaults = {key: _default(schema) for key, schema in keys_of(analysis).items()}
    return {**defaults, **config["analyses"].get(analysis, {})}


def _default(schema: Mapping[str, Any]) -> Any:
    """A number in the form in which a configuration gives it."""
    return float(schema["default"]) if schema.get("type") == "number" else schema["default"]


def collect_settings(config: Config) -> CollectingRuns:
    """What collecting the runs reads."""
    of_searches, of_runs = searches(config), pairs(config)
    expected = {
        "tune": {f"{task}/{name}": made_by("tune", tune_settings(config, task, name)) for task, name in of_searches},
        "train": {f"{task}/{name}": made_by("train", train_settings(config, task, name)) for task, name in of_runs},
    }
    spaces = {f"{task}/{name}": search_space(config, task, name) for task, name in of_searches}
    return CollectingRuns(
        **vars(_collecting(config, of_runs)),
        drawn_seeds=drawn_seeds(config),
        searched={task: hyperparameters_of(config, task) for task in config["study"]["tasks"]},
        spaces=spaces if config["tuning"]["mode"] == "search" else {},
        made_by=expected,
    )


def collect_analysis_settings(config: Config, analysis: str) -> Collecting:
    """Which runs an analysis is asked of."""
    return _collecting(config, analysed(config, analysis))


def _collecting(config: Config, of: Sequence[Pair]) -> Collecting:
    """The runs of these pairs."""
    return Collecting(_by_task(of), config["study"]["seeds"])


def _by_task(of: Sequence[Pair]) -> dict[str, list[str]]:
    """Task -> methods."""
    found: dict[str, list[str]] = {}
    for task, method in of:
        found.setdefault(task, []).append(method)
    return found


def _asked(config: Config) -> dict[str, dict[str, list[str]]]:
    """Analysis -> task -> the methods whose runs on it are asked."""
    return {analysis: _by_task(analysed(config, analysis)) for analysis in config["study"]["analyses"]}


def incomplete_settings(config: Config) -> CollectingIncomplete:
    """What collecting those runs that are there reads."""
    return CollectingIncomplete(
        **vars(collect_settings(config)), analyses=_asked(config), generated=detection.generating_settings(config)
    )


def missing_settings(config: Config) -> ReportingMissing:
    """What naming the missing runs and detectors reads."""
    return ReportingMissing(
        **vars(incomplete_settings(config)),
        detection=detection.collecting_detection_settings(config),
        shown=showing(results_settings(config)),
    )


def showing(study: Mapping[str, Any]) -> Showing:
    """What `results_settings` gives, perhaps with more, in the form in which stages take it."""
    fixed = ("tasks", "methods", "seeds", "attributions")
    more = {key: value for key, value in study.items() if key not in fixed}
    return Showing(study["tasks"], study["methods"], study["seeds"], study["attributions"], more)


def results_settings(config: Config) -> dict[str, Any]:
    """What tables and figures read: the tasks in order with their groups, masks, methods and what is left out of them
    (method -> why), methods, seeds and saliency.

    searches: the same of the tasks that are searched, with the methods that are searched there; methods: name -> title,
    approach, citation, uses (`MethodCard.told`); attributions: name -> title, control; all in display order. series:
    see `red_herring.study.series.series_of`. detection: the tasks in which detectors are trained, with their arms, if
    there are any.

    How maps are made is part of it, as the figures of maps have no map among their inputs. A blur of the masks that is
    searched is given as the middle of its range.
    """
    searched = {name: [method for task, method in searches(config) if task == name] for name in searched_tasks(config)}
    shown = {
        "tasks": {name: _shown_task(config, name, methods_on(config, name)) for name in config["study"]["tasks"]},
        "searches": {name: _shown_task(config, name, methods) for name, methods in searched.items()},
        "methods": {
            name: described_method(card_of(config, name), title_of(config, name), options_of(config, name))
            for name in config["study"]["methods"]
        },
        "seeds": config["study"]["seeds"],
        "attributions": described_attributions(config["saliency"]["attributions"]),
        "series": series_of(config),
    }
    return {**config["saliency"], **shown, **_detection(config)}


def _detection(config: Config) -> dict[str, Any]:
    """Under `detection` the tasks in which detectors are trained: finding, control, groups and arms, name -> how its
    further images are made, n_real, and what is searched, if anything is. Nothing where there are none.
    """
    if not config.get("detection", {}).get("tasks"):
        return {}
    known = detection.arms(config)
    own: dict[str, dict[str, Any]] = {}
    for arm, sizes in detection.numbers(config).items():
        searched = [*detection.search_space(config, arm)]
        own[arm] = {**known[arm], "n_real": sizes, **({"searched": searched} if searched else {})}
    return {"detection": {task: {**task_in_words(config, task), "arms": own} for task in config["detection"]["tasks"]}}


def _shown_task(config: Config, name: str, methods: list[str]) -> dict[str, Any]:
    """What tables and figures read of a task. methods: those that run, or are searched, on it."""
    task, blur = config["tasks"][name], effective(config["tasks"][name])["mask.blur_sigma"]
    exchanged = effective(task)["labels"] == NUISANCE
    return {
        **task_in_words(config, name),
        "methods": methods,
        "left_out": {method: why for method, why in left_out(config, name).items() if method not in methods},
        "ratio": task["ratio"],
        "selection": effective(task)["selection"],
        "tuned_on": hyperparameters_of(config, name),
        **({"nuisance": "finding", "labels": NUISANCE} if exchanged else {"nuisance": task["nuisance"]["name"]}),
        "mask": mask_settings(config, name),
        "signal": signal_settings(config, name),
        "mean_map_images": task["mean_map_images"],
        "guidance": guidance_settings(config, name)
        | {"blur_sigma": sum(blur) / len(blur) if isinstance(blur, list) else blur},
    }


def described_method(card: MethodCard, title: str, options: dict[str, Any]) -> dict[str, Any]:
    """Title, approach and citation of a method, for readers, and what it is told of the images besides their labels.
    options: those that are given.
    """
    return {"title": title, "approach": card.approach, "citation": card.citation, "uses": card.told(options)}


def described_methods(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Method -> title, approach, citation and uses, as its file has them."""
    cards = {name: method_card(name) for name in names}
    return {name: described_method(card, card.title, {}) for name, card in cards.items()}


def described_attributions(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Attribution -> title, and whether it is a control, which knows nothing of the model."""
    cards = {name: attribution_card(name) for name in names}
    return {name: {"title": card.title, "control": card.control} for name, card in cards.items()}


def described_analyses(config: Config) -> dict[str, dict[str, Any]]:
    """Analysis of the study -> title; by and columns, what the columns of its table hold, those that tell rows apart
    and the others; settings, its own; asked, where that is not all runs: task -> methods whose runs on it are asked,
    and left_out, method -> why.
    """
    cards = {name: analysis_card(name) for name in config["study"]["analyses"]}
    described = {
        name: {"title": card.title, "by": card.by, "columns": card.columns, "settings": _own_keys(config, name)}
        for name, card in cards.items()
    }
    for name, about in described.items():
        if (asked := analysed(config, name)) != pairs(config):
            about["asked"] = {
                task: {"methods": methods, "left_out": left_out(config, task) | without_base(config, name, task)}
                for task, methods in _by_task(asked).items()
            }
    return described


def reader_settings(config: Config) -> AskingReaders:
    """What the pages for readers read: the tasks of which some images carry a signal, and what explains no model."""
    tasks = {}
    for task in config["study"]["tasks"]:
        words, signal = task_in_words(config, task), signal_settings(config, task)
        if signal is not None and signal["share"] > 0:
            aligned = words["finding" if signal["of"] == "positives" else "control"]
            tasks[task] = AskedTask(
                finding=words["finding"], control=words["control"], signal=signal["kind"], aligned=aligned
            )
    attributions = config["saliency"]["attributions"]
    controls = [name for name in attributions if attribution_card(name).control]
    return AskingReaders(tasks, controls, config["study"]["seeds"][0])


def cost_settings(config: Config, jobs: dict[str, list[int]], cores: int, cards: int) -> Costing:
    """What telling the cost of the study reads. jobs: rule -> how many it has, and of how many the output is there;
    cores, cards: of this machine.
    """
    training, tuning, used = config["training"], config["tuning"], used_tasks(config)
    searching = tuning["mode"] == "search"
    sections = [training, tuning] if searching else [training]
    stops = [config["tasks"][task].get("stop", {}) for task in used]
    return Costing(
        jobs=jobs,
        tasks={
            task: {
                "sizes": config["tasks"][task].get("sizes"),
                "size": config["sources"][task_sources(config, task)[0]]["size"],
                "steps": config["tasks"][task].get("stop", {}).get("steps"),
                "searched": hyperparameters_of(config, task),
            }
            for task in used
        },
        runs={task: methods_on(config, task) for task in config["study"]["tasks"]},
        searches=[list(pair) for pair in searches(config)],
        methods={method: file_of(config, method) for method in config["study"]["methods"]},
        extra_epochs=_extra_epochs(config),
        left_out=notices(config),
        analyses=_asked(config),
        seeds=len(config["study"]["seeds"]),
        trials=tuning["initial_points"] + tuning["iterations"] if searching else 0,
        trial_epochs=tuning["epochs"],
        epochs=training["epochs"],
        parallel=tuning["parallel"],
        batch_size=training["batch_size"],
        width=config["model"]["width"],
        device=training["device"],
        may_stop=any(
            section["patience"] is not None and section["patience"] < section["epochs"] for section in sections
        )
        or any({"patience", "train_accuracy"} & stop.keys() for stop in stops),
        cores=cores,
        cards=cards,
    )


def _extra_epochs(config: Config) -> dict[str, int]:
    """Method -> the most epochs that it trains on top of those of the study, of those that do."""
    searching, found = config["tuning"]["mode"] == "search", dict[str, int]()
    for task, method in searches(config):
        if EXTRA_EPOCHS in card_of(config, method).hyperparameters:
            if searching:
                *_, most = search_space(config, task, method)[EXTRA_EPOCHS]
            else:
                most = fixed_hyperparameters(config, task, method)[EXTRA_EPOCHS]
            found[method] = max(int(most), found.get(method, 0))
    return found


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


def sheet_settings(config: Config, source: str) -> Describing:
    """What the data sheet of a source reads."""
    entry = config["sources"][source]
    return Describing(source, entry["kind"], source_card(entry["kind"]).terms)


def release_settings(config: Config, tables: Sequence[str], figures: Mapping[str, bool]) -> Releasing:
    """What packing a study reads: its runs, tables and figures (name -> whether it shows images), whose images those
    are, and the configuration without what is one machine's.
    """
    used = used_tasks(config)
    tasks = {task: config["tasks"][task] for task in named_tasks(config)}
    cards = {
        source: source_card(config["sources"][source]["kind"]) for task in used for source in task_sources(config, task)
    }
    sources = {
        source: {key: value for key, value in config["sources"][source].items() if not _is_place(key, value)}
        for task in tasks
        for source in task_sources(config, task)
    }
    return Releasing(
        **vars(incomplete_settings(config)),
        sources={
            source: {"kind": card.kind, "terms": card.terms, "shareable": card.shareable}
            for source, card in cards.items()
        },
        tables=list(tables),
        figures=dict(figures),
        config={key: config[key] for key in config if key not in ("pathvars", "fetch")}
        | {"anatomy": config["anatomy"] | {"weights": None}}
        | {"sources": sources, "tasks": as_written(tasks), "methods": as_written(config["methods"])},
    )
