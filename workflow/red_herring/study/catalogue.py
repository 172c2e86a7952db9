"""What methods, sources, attributions and analyses exist and what each declares, read without running their files.

A file in `methods/`, `data/sources/`, `saliency/attributions/` or `analyses/` declares itself by constants in capitals;
see `red_herring.study.literals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.literals import literals_of, names_in

PACKAGE = Path(__file__).parents[1]
METHODS = PACKAGE / "methods"
SOURCES = PACKAGE / "data" / "sources"
ATTRIBUTIONS = PACKAGE / "saliency" / "attributions"
ANALYSES = PACKAGE / "analyses"
APPROACHES = (
    "Baseline",
    "Input masking",
    "Domain invariance",
    "Group robustness",
    "Saliency based",
    "Control without masks",
)
USES = ("masks", "groups")
"""What a method may be told of the images besides their labels: what to look at, and their nuisance group."""

GROUPS_OF_VALIDATION = "groups of validation images"
"""What a method is told that needs the cells of the validation split, as it is fitted to these images."""

SPLITS_OF_CELLS = ("train", "valid")
"""The splits of which a method may need all four nuisance-by-label cells (`NEEDS_CELLS`)."""

NEEDS = ("saliency", "similarities", "base_run", "other_seed", "masker")
"""What an analysis may ask for besides the run: which attributions the study has, and how their maps are made; of how
many images maps are compared, and by which similarities (`red_herring.study.comparing`); the run of the same method and
seed on the task that the run's is `of`; that of the next seed of the study; the maskers that were fitted to the run.
"""

MASKER = "masker"
"""What an attribution, or an analysis, needs that reads the masks of a masker."""

LEARNING_RATE = {"lr": ["log-uniform", 1e-5, 1e-2]}
SAMPLING = {"sampling": ["shuffled", "groups"]}
"""The option that every method has: the order of an epoch, see red_herring.data.sampling; some leave one out."""

BLUR = "mask_blur_sigma"
"""The hyperparameter by which masks are dilated; it belongs to a task, not to a method."""


EXTRA_EPOCHS = "first_epochs"
"""The hyperparameter by which a method trains so many epochs on top of those of the study."""


@dataclass(frozen=True)
class MethodCard:
    """What a method declares.

    hyperparameters: name -> [law, low, high], law one of `log-uniform`, `uniform`, `integer`; `lr` comes first for all.
    options: name -> the values it may take, the first is the default; `sampling` comes first for all. uses: of USES.
    needs_cells: the split without all of whose nuisance-by-label cells it can do nothing, of SPLITS_OF_CELLS, if any.
    trains_masker: whether its runs have a masker that was trained with the classifier.
    """

    name: str
    title: str
    approach: str
    citation: str
    uses: tuple[str, ...]
    hyperparameters: dict[str, list[Any]]
    options: dict[str, list[Any]]
    needs_cells: str | None
    trains_masker: bool

    def chosen(self, options: dict[str, Any]) -> dict[str, Any]:
        """All options with their values: those given, and the defaults of the others."""
        return {option: values[0] for option, values in self.options.items()} | options

    def told(self, options: dict[str, Any]) -> list[str]:
        """What the method and the sampling of its batches are told of the images besides their labels, of USES, and
        GROUPS_OF_VALIDATION. options: those given.
        """
        by_sampling = self.chosen(options)["sampling"] == "groups"
        after_training = self.needs_cells == "valid"
        of_training = ["groups"] if by_sampling or ("groups" in self.uses and not after_training) else []
        others = [use for use in self.uses if use != "groups"]
        return [*others, *of_training, *([GROUPS_OF_VALIDATION] if after_training else [])]


@dataclass(frozen=True)
class SourceCard:
    """What a kind of source declares.

    settings: the JSON schema of its own keys in config.yaml; required: those that must be given. terms: licence and
    agreement in a line. metadata_shipped: False when its table comes with the images, so that listing waits for them.
    one_data_set: whether all sources of this kind are of the same patients; people: `dataset` -> whose patients it has.
    conditions: JSON schemas of keys that depend on each other. listed_from_images: the values of `dataset` that are
    listed from the folder of images. masks: whether there are ROI masks, or the key without which there are none.
    pixel_range: of the images in training; None for that of X-rays. shareable: whether the terms are known to allow
    handing pictures on.
    """

    kind: str
    settings: dict[str, Any]
    required: tuple[str, ...]
    terms: str
    metadata_shipped: bool
    one_data_set: bool
    conditions: tuple[dict[str, Any], ...]
    people: dict[str, str]
    listed_from_images: tuple[str, ...]
    masks: bool | str
    pixel_range: tuple[float, float] | None
    shareable: bool


@dataclass(frozen=True)
class AttributionCard:
    """What an attribution declares; `red_herring.saliency.attributions` says what the flags mean."""

    name: str
    title: str
    citation: str
    control: bool
    smoothed: bool
    mixed: bool
    needs_masker: bool


@dataclass(frozen=True)
class AnalysisCard:
    """What an analysis declares.

    needs: what it is given besides the run, of NEEDS. maps_by: the attributions that it may make maps by beside those
    of the study, also factors of these, whose code counts. of_tasks: dotted key -> value of the tasks that it is asked
    of.
    settings: the JSON schema of its own keys in config.yaml, each with a `default`. columns: name -> what the column of
    its table holds; those of `by` tell the rows of a run apart.
    """

    name: str
    title: str
    citation: str
    needs: tuple[str, ...]
    maps_by: tuple[str, ...]
    of_tasks: dict[str, Any]
    settings: dict[str, Any]
    by: dict[str, str]
    columns: dict[str, str]


def method_names() -> list[str]:
    """The files of methods/, in alphabetical order."""
    return names_in(METHODS, besides={"base"})


def source_kinds() -> list[str]:
    """The files of data/sources/."""
    return names_in(SOURCES, besides={"base"})


def attribution_names() -> list[str]:
    """The files of saliency/attributions/."""
    return names_in(ATTRIBUTIONS)


TAKEN = frozenset(
    {
        *(
            "runs",
            "missing",
            "measures",
            "histories",
            "trials",
            "searches",
            "overlaps",
            "auc_intervals",
            "maskers",
            "told_apart",
            "splits",
            "planned_splits",
        ),
        *("detection", "detection_usage", "detection_comparisons", "detectors", "generators", "generated"),
        *("data", "tuning", "training", "tables", "figures", "logs", "benchmarks", "downloads", "incomplete"),
        *("published", "all", "analyses", "report", "tune", "train", "release"),
        *("pretrain_generator", "train_detector", "generate_images", "collect_detection"),
    }
)
"""Tables, folders and rules of a study, which no analysis may be called like."""

OF_TABLES = frozenset({"task", "method", "seed", "column", "n", "mean", "sd"})
"""Columns that stand beside those of an analysis."""


def analysis_names() -> list[str]:
    """The files of analyses/."""
    return names_in(ANALYSES, besides={"base"})


@cache
def attribution_card(name: str) -> AttributionCard:
    """The card of saliency/attributions/{name}.py; StudyError if there is no such file or it declares too little."""
    declared = literals_of(ATTRIBUTIONS / f"{name}.py", "TITLE", "CITATION")
    return AttributionCard(
        name=name,
        title=declared["TITLE"],
        citation=declared["CITATION"],
        control=declared.get("CONTROL", False),
        smoothed=declared.get("SMOOTHED", True),
        mixed=declared.get("MIXED", False),
        needs_masker=declared.get("NEEDS_MASKER", False),
    )


@cache
def analysis_card(name: str) -> AnalysisCard:
    """The card of analyses/{name}.py; StudyError if there is no such file or it declares too little or wrongly."""
    declared = literals_of(ANALYSES / f"{name}.py", "TITLE", "CITATION", "COLUMNS")
    needs = tuple(declared.get("NEEDS", ()))
    unknown = set(needs) - set(NEEDS)
    if unknown:
        raise StudyError(f"analyses/{name}.py: NEEDS has {min(unknown)!r}, expected some of {', '.join(NEEDS)}")
    maps_by = tuple(declared.get("MAPS_BY", ()))
    foreign = set(maps_by) - set(attribution_names())
    if foreign:
        raise StudyError(f"analyses/{name}.py: MAPS_BY has {min(foreign)!r}, expected files of saliency/attributions")
    of_tasks = declared.get("OF_TASKS", {})
    if not isinstance(of_tasks, dict):
        raise StudyError(f"analyses/{name}.py: OF_TASKS is {of_tasks!r}, expected keys of a task with their values")
    settings = declared.get("SETTINGS", {})
    columns = declared.get("BY", {}) | declared["COLUMNS"]
    if name in TAKEN:
        raise StudyError(f"analyses/{name}.py: is called like a table, folder or rule of the study; call it otherwise")
    if OF_TABLES & columns.keys():
        taken = min(OF_TABLES & columns.keys())
        raise StudyError(f"analyses/{name}.py: the column {taken!r} is in every table; call its own otherwise")
    without = [key for key, schema in settings.items() if "default" not in schema]
    if without:
        raise StudyError(f"analyses/{name}.py: SETTINGS.{without[0]} has no `default`; give each key one")
    return AnalysisCard(
        name=name,
        title=declared["TITLE"],
        citation=declared["CITATION"],
        needs=needs,
        maps_by=maps_by,
        of_tasks=of_tasks,
        settings=settings,
        by=declared.get("BY", {}),
        columns=declared["COLUMNS"],
    )


@cache
def method_card(name: str) -> MethodCard:
    """The card of methods/{name}.py; StudyError if there is no such file or it declares too little."""
    declared = literals_of(METHODS / f"{name}.py", "TITLE", "APPROACH", "CITATION", "USES", "HYPERPARAMETERS")
    if declared["APPROACH"] not in APPROACHES:
        raise StudyError(f"methods/{name}.py: APPROACH is {declared['APPROACH']!r}, expected one of {APPROACHES}")
    if not isinstance(declared["USES"], list) or any(use not in USES for use in declared["USES"]):
        raise StudyError(
            f"methods/{name}.py: USES is {declared['USES']!r}, expected a list with some of {USES}, or none"
        )
    needs_cells = declared.get("NEEDS_CELLS")
    if needs_cells not in (None, *SPLITS_OF_CELLS):
        raise StudyError(
            f"methods/{name}.py: NEEDS_CELLS is {needs_cells!r}, expected one of {SPLITS_OF_CELLS}, or to be left out"
        )
    options = SAMPLING | declared.get("OPTIONS", {})
    if not options["sampling"] or not set(options["sampling"]) <= set(SAMPLING["sampling"]):
        raise StudyError(
            f"methods/{name}.py: OPTIONS has sampling {options['sampling']!r}, which every method has; expected "
            f"some of {SAMPLING['sampling']} with the default first, or nothing"
        )
    return MethodCard(
        name=name,
        title=declared["TITLE"],
        approach=declared["APPROACH"],
        citation=declared["CITATION"],
        uses=tuple(declared["USES"]),
        hyperparameters=LEARNING_RATE | declared["HYPERPARAMETERS"],
        options=options,
        needs_cells=needs_cells,
        trains_masker=declared.get("TRAINS_MASKER", False),
    )


@cache
def source_card(kind: str) -> SourceCard:
    """The card of data/sources/{kind}.py; StudyError if there is no such file or it declares too little."""
    declared = literals_of(SOURCES / f"{kind}.py", "SETTINGS", "REQUIRED")
    return SourceCard(
        kind=kind,
        settings=declared["SETTINGS"],
        required=tuple(declared["REQUIRED"]),
        terms=declared.get("TERMS", ""),
        metadata_shipped=declared.get("METADATA_SHIPPED", True),
        one_data_set=declared.get("ONE_DATA_SET", False),
        conditions=tuple(declared.get("CONDITIONS", ())),
        people=declared.get("PEOPLE", {}),
        listed_from_images=tuple(declared.get("LISTED_FROM_IMAGES", ())),
        masks=declared.get("MASKS", False),
        pixel_range=declared.get("PIXEL_RANGE"),
        shareable=declared.get("SHAREABLE", False),
    )
