"""Hyperparameters: in which ranges they are searched, or which ones are given."""

from __future__ import annotations

from typing import Any

from red_herring.reference import PUBLISHED_HYPERPARAMETERS
from red_herring.runtime.files import StudyError, read_rows
from red_herring.study.catalogue import BLUR
from red_herring.study.defaults import Config
from red_herring.study.variants import card_of, file_of

LAWS = {"log-uniform": "numbers above 0", "uniform": "numbers from 0", "integer": "whole numbers from 1"}


def lawful(law: str, value: float) -> bool:
    """Whether a law of LAWS can give this value."""
    if law == "integer":
        return value >= 1 and value % 1 == 0
    return value > 0 if law == "log-uniform" else value >= 0


def search_space(config: Config, task: str, method: str) -> dict[str, list[Any]]:
    """Hyperparameter -> [law, low, high] of a method on a task; the mask blur belongs to the task."""
    card = card_of(config, method)
    changed = config["methods"].get(method, {}).get("search", {})
    space = {name: [law, *changed.get(name, bounds)] for name, (law, *bounds) in card.hyperparameters.items()}
    blur = config["tasks"][task]["mask"].get("blur_sigma")
    if "masks" in card.uses and isinstance(blur, list):
        space[BLUR] = ["uniform", *blur]
    return space


def fixed_hyperparameters(config: Config, task: str, method: str) -> dict[str, float]:
    """The hyperparameters of a method on a task when nothing is searched; StudyError for one that is not given."""
    mode = config["tuning"]["mode"]
    given, where = _given(config, task, method) if mode == "given" else _published(config, task, method)
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


def _given(config: Config, task: str, method: str) -> tuple[dict[str, float], str]:
    """The hyperparameters that the configuration gives a method, and their key."""
    given, where = config["methods"].get(method, {}).get("hyperparameters", {}), f"methods.{method}.hyperparameters"
    if BLUR in given and not isinstance(config["tasks"][task]["mask"].get("blur_sigma"), list):
        raise StudyError(
            f"config: {where}.{BLUR}: is not used by task {task}; set tasks.{task}.mask.blur_sigma instead"
        )
    return given, where


def _published(config: Config, task: str, method: str) -> tuple[dict[str, float], str]:
    """The authors' hyperparameters, and where they stand."""
    file = file_of(config, method)
    rows = [row for row in read_rows(PUBLISHED_HYPERPARAMETERS) if (row["task"], row["method"]) == (task, file)]
    row = rows[0] if rows else {}
    given = {name: float(value) for name, value in row.items() if name not in ("task", "method") and value}
    return given, f"{PUBLISHED_HYPERPARAMETERS.name}, {task} {file}"
