"""What a configuration must be for the study to be planned, and to end: all that it alone decides."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from red_herring.runtime.files import StudyError, check_encoding
from red_herring.study.catalogue import BLUR, source_card
from red_herring.study.defaults import Config
from red_herring.study.detection import check_detection
from red_herring.study.maskers import check_maskers
from red_herring.study.pairs import check_analyses, check_pairs, pairs
from red_herring.study.schema import check_schema, full_schema
from red_herring.study.settings import ORIGIN_KEYS
from red_herring.study.space import LAWS, fixed_hyperparameters, lawful, search_space
from red_herring.study.tasks import (
    GENERATED,
    OF_KIND,
    OF_SIGNAL,
    hyperparameters_of,
    names_of,
    searched_tasks,
    task_sources,
    used_tasks,
)
from red_herring.study.variants import files_of

WORKFLOW = Path(__file__).parents[2]
PUBLISHED = "results/published"
KERNEL = 4
"""Standard deviations at which the Gaussian that dilates masks ends (red_herring.data.masks.dilate)."""


def check(config: Config) -> None:
    """Raise StudyError, one line with the key, what was given and what is allowed, unless the study can be planned."""
    check_schema(config, full_schema(files_of(config.get("methods"))), "config")
    check_encoding(_paths(config))
    _check_results(config["pathvars"]["results"])
    for name, source in config["sources"].items():
        _check_source(name, source)
    for number, task in enumerate(config["study"]["tasks"]):
        _check_known(f"study.tasks.{number}", task, config["tasks"])
    for name in config["tasks"]:
        _check_task(config, name)
    check_detection(config)
    used = used_tasks(config)
    for name in used:
        _check_images(config, name)
    for name in searched_tasks(config):
        _check_search(config, name)
    _check_names("study.tasks", used)
    _check_names("study.methods", config["study"]["methods"])
    _check_names("sources", {source for task in used for source in task_sources(config, task)})
    _check_training(config)
    check_maskers(config)
    check_pairs(config)
    check_analyses(config)
    for task, method in pairs(config):
        _check_hyperparameters(config, hyperparameters_of(config, task), method)
        _check_shared_space(config, task, method)


def _paths(config: Config) -> dict[str, Any]:
    """Key -> what may be the name of a file or folder."""
    sections = {f"sources.{name}": source for name, source in config["sources"].items()}
    sections |= {name: config.get(name, {}) for name in ("pathvars", "fetch", "anatomy")}
    return {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}


def _check_results(results: str) -> None:
    def wrong(wanted: str) -> StudyError:
        return StudyError(f"config: pathvars.results: is {results!r}; {wanted}")

    _check_braces("pathvars.results", results)
    folder, here = Path(results).resolve(), Path.cwd()
    if here.is_relative_to(folder):
        raise wrong("allowed is a folder of its own, below this one or elsewhere")
    if folder.is_relative_to(WORKFLOW):
        raise wrong("allowed is a folder outside of the workflow's code")
    if folder == Path(PUBLISHED).resolve():
        raise wrong("which is the folder of the authors' released runs; take another")


def _check_braces(key: str, path: str) -> None:
    if set(path) & set("{}<>"):
        raise StudyError(f"config: {key}: is {path!r}; allowed is a path without {{}} and <>, which Snakemake fills in")


def _check_source(name: str, source: dict[str, Any]) -> None:
    if name == GENERATED:
        raise StudyError(f"config: sources.{name}: generated images are called so in splits; call it otherwise")
    origins = [key for key in ORIGIN_KEYS if source.get(key)]
    if len(origins) > 1:
        raise StudyError(f"config: sources.{name}.{origins[1]}: is given beside {origins[0]}; give one of the two")
    if origins and "imgpath" not in source_card(source["kind"]).settings:
        raise StudyError(f"config: sources.{name}.{origins[0]}: kind {source['kind']} has no images to fetch")
    if source.get("sha256") and not source.get("archive"):
        raise StudyError(f"config: sources.{name}.sha256: goes with archive, and only with it")
    _check_braces(f"sources.{name}.csvpath", source.get("csvpath") or "")
    own = {*source_card(source["kind"]).settings, "pathology_masks", "semantic_masks"}
    twice = own & set(source.get("arguments", {}))
    if twice:
        raise StudyError(f"config: sources.{name}.arguments.{min(twice)}: is a setting of the source; give it there")


def _check_known(key: str, name: str, among: Iterable[str]) -> None:
    if name not in among:
        raise StudyError(f"config: {key}: is {name!r}; allowed are {', '.join(among)}")


def _check_task(config: Config, name: str) -> None:
    task = config["tasks"][name]
    groups = task["nuisance"]["groups"]
    for number, group in enumerate(groups):
        _check_known(f"tasks.{name}.nuisance.groups.{number}.source", group["source"], config["sources"])
    if groups[0]["source"] == groups[1]["source"] and ("group" not in groups[0] or "group" not in groups[1]):
        raise StudyError(
            f"config: tasks.{name}.nuisance.groups: both take source {groups[0]['source']!r}; give each a `group`"
        )
    if groups[0] == groups[1] | {"name": groups[0]["name"]} or groups[0]["name"] == groups[1]["name"]:
        raise StudyError(f"config: tasks.{name}.nuisance.groups: are the same twice; give two groups with two names")
    both = set(names_of(task["finding"])) & set(names_of(task["control"]))
    if both:
        raise StudyError(f"config: tasks.{name}.control: is {min(both)!r}; it must differ from the finding")
    if task.get("labels") == "permuted" and "patience" in task.get("stop", {}):
        raise StudyError(
            f"config: tasks.{name}.stop.patience: goes by the validation loss, which says nothing where labels are "
            "permuted; give train_accuracy or steps"
        )
    if task.get("labels") == "permuted" and task.get("signal", {}).get("kind", "none") != "none":
        raise StudyError(
            f"config: tasks.{name}.signal: goes along with a class, which permuted labels are not; give the task one "
            "of the two, or kind none"
        )
    _check_mask(name, task["mask"])
    for kind, key in OF_SIGNAL.items():
        if key in task.get("signal", {}) and task["signal"]["kind"] != kind:
            raise StudyError(f"config: tasks.{name}.signal.{key}: goes with kind {kind}, and only with it")


def _check_search(config: Config, name: str) -> None:
    if config["tuning"]["mode"] == "search" and config["tasks"][name].get("labels") == "permuted":
        raise StudyError(
            f"config: tasks.{name}.labels: is permuted, where the validation AUC that a search goes by says nothing; "
            "give tuned_on, a task with labels as they are"
        )


def _check_mask(task: str, mask: dict[str, Any]) -> None:
    for kind, key in OF_KIND.items():
        if (mask["kind"] == kind) != (key in mask):
            raise StudyError(f"config: tasks.{task}.mask.{key}: goes with kind {kind}, and only with it")
    if mask["kind"] == "ellipse" and "negatives" in mask:
        raise StudyError(
            f"config: tasks.{task}.mask.negatives: goes with kind source or anatomy; all images have the ellipse"
        )
    if mask["kind"] == "ellipse" and mask.get("control") == "other":
        raise StudyError(f"config: tasks.{task}.mask.control: is other, but all images have the same ellipse")
    blur = mask.get("blur_sigma")
    if isinstance(blur, list):
        _check_range(f"tasks.{task}.mask.blur_sigma", "uniform", *blur)


def _check_images(config: Config, task: str) -> None:
    """Whether the images of a task fit together and have masks."""
    sources = {name: config["sources"][name] for name in task_sources(config, task)}
    for number, group in enumerate(config["tasks"][task]["nuisance"]["groups"]):
        _check_view(f"tasks.{task}.nuisance.groups.{number}.group", group, sources[group["source"]])
    first, *others = sources
    for other in others:
        for what, of in (("size", _size), ("pixel range", _pixel_range)):
            if of(sources[first]) != of(sources[other]):
                raise StudyError(
                    f"config: tasks.{task}.nuisance.groups: take sources of different {what}, {first} "
                    f"{of(sources[first])} and {other} {of(sources[other])}; take two that agree"
                )
    mask = config["tasks"][task]["mask"]
    if mask["kind"] == "ellipse":
        _check_ellipse(task, mask, sources[first]["size"])
    for name, source in sources.items():
        card = source_card(source["kind"])
        if mask["kind"] == "source" and not _has_masks(source):
            another = "take an ellipse or anatomy"
            advice = f"set sources.{name}.{card.masks}, or {another}" if card.masks else another
            raise StudyError(f"config: tasks.{task}.mask.kind: is source, but source {name} has no masks; {advice}")
        if mask["kind"] == "anatomy" and card.pixel_range:
            raise StudyError(
                f"config: tasks.{task}.mask.kind: is anatomy, but the images of source {name}, kind {source['kind']}, "
                "are no X-rays; take source or ellipse"
            )


def _size(source: dict[str, Any]) -> int:
    size: int = source["size"]
    return size


def _pixel_range(source: dict[str, Any]) -> str:
    low, high = source_card(source["kind"]).pixel_range or (-1024, 1024)
    return f"{low:g} to {high:g}"


def _has_masks(source: dict[str, Any]) -> bool:
    card = source_card(source["kind"])
    if isinstance(card.masks, bool):
        return card.masks
    found: Any = source
    for key in card.masks.split("."):
        found = found.get(key) or {}
    return bool(found)


def _check_view(key: str, group: dict[str, str], source: dict[str, Any]) -> None:
    views = source.get("views") or ["*"]
    of_views = source.get("group_column", "view") == "view" and "*" not in views
    if of_views and group.get("group", views[0]) not in views:
        raise StudyError(
            f"config: {key}: is {group['group']!r}; allowed are the views of source {group['source']}, "
            f"{', '.join(views)}"
        )


def _check_ellipse(task: str, mask: dict[str, Any], size: int) -> None:
    """Whether the ellipse of red_herring.data.masks has pixels inside and outside, also when dilated."""
    key, radius = f"config: tasks.{task}.mask.semi_axis: is {mask['semi_axis']}", mask["semi_axis"] * size
    if 2 * _nearest(size) ** 2 > radius**2:
        raise StudyError(f"{key}, which holds no pixel of images of {size} x {size}; allowed is more")
    if 2 * _furthest(size) ** 2 <= radius**2:
        raise StudyError(f"{key}, which holds all pixels of images of {size} x {size}; allowed is less")
    blur = mask.get("blur_sigma", 0.0)
    blur = blur[0] if isinstance(blur, list) else blur
    if 2 * max(_furthest(size) - int(KERNEL * blur + 0.5), _nearest(size)) ** 2 <= radius**2:
        raise StudyError(
            f"config: tasks.{task}.mask.blur_sigma: is {mask['blur_sigma']}, which lets the ellipse hold all pixels of "
            f"images of {size} x {size}; allowed is less"
        )


def _nearest(size: int) -> float:
    """Distance, along rows, of the middle pixels from the middle of the image."""
    return 0.0 if size % 2 else 0.5


def _furthest(size: int) -> float:
    return (size - 1) / 2


def _check_names(key: str, names: Iterable[str]) -> None:
    """Folders are called by these names, and to some disks Spc and spc are one."""
    known: dict[str, str] = {}
    for name in sorted(names):
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise StudyError(f"config: {key}: has {other!r} and {name!r}, one folder to some disks; rename one of them")


def _check_training(config: Config) -> None:
    for section in ("training", "tuning"):
        burn_in, epochs = config[section]["burn_in"], config[section]["epochs"]
        if burn_in >= epochs:
            raise StudyError(
                f"config: {section}.burn_in: is {burn_in}; allowed is less than {section}.epochs, {epochs}"
            )
    training, tuning = config["training"], config["tuning"]
    if training["device"] == "cpu" and training["precision"] == "tf32":
        raise StudyError("config: training.precision: is tf32, which only GPUs have, but training.device is cpu")
    most = max(tuning["initial_points"], tuning["iterations"])
    if tuning["mode"] == "search" and tuning["parallel"] > most:
        raise StudyError(
            f"config: tuning.parallel: is {tuning['parallel']}; allowed is at most {most}, the larger of "
            "tuning.initial_points and tuning.iterations, as no more trials run at once"
        )


def _check_hyperparameters(config: Config, task: str, method: str) -> None:
    for name, (law, low, high) in search_space(config, task, method).items():
        if name != BLUR:
            _check_range(f"methods.{method}.search.{name}", law, low, high)
    if config["tuning"]["mode"] != "search":
        fixed_hyperparameters(config, task, method)


def _check_shared_space(config: Config, task: str, method: str) -> None:
    """Whether a task searches what the one searches that it is tuned on: the dilation of masks belongs to a task."""
    searched = hyperparameters_of(config, task)
    if search_space(config, task, method) != search_space(config, searched, method):
        own, theirs = (config["tasks"][name]["mask"].get("blur_sigma", 0.0) for name in (task, searched))
        raise StudyError(
            f"config: tasks.{task}.mask.blur_sigma: is {own}, but {theirs} in {searched}, on which it is tuned; a "
            "range is searched there, so give both the same or leave out tuned_on"
        )


def _check_range(key: str, law: str, low: float, high: float) -> None:
    if not low < high or not (lawful(law, low) and lawful(law, high)):
        raise StudyError(f"config: {key}: is [{low}, {high}]; allowed is a range of {LAWS[law]}, low < high")
