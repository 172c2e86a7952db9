"""Series of tasks: those of a study that are alike but for one key, such as the ratio; what a sweep shows."""

from __future__ import annotations

import json
from typing import Any

from red_herring.study.defaults import Config
from red_herring.study.tasks import DEFAULTS, effective

KEYS = ("ratio", "mask.budget", "mask.control")
"""Dotted keys of a task by which a study may have series."""

METHODS = "methods"
"""Which methods run on a task says nothing of what it is."""


def series_of(config: Config) -> dict[str, list[list[str]]]:
    """Key -> the series of the study by it: its tasks that are the same, made whole, but for that key, with two values
    or more. Ordered by value: numbers rise, and the default of words comes first.
    """
    tasks = {name: effective(config["tasks"][name]) for name in config["study"]["tasks"]}
    return {key: found for key in KEYS if (found := _alike(tasks, key))}


def _alike(tasks: dict[str, dict[str, Any]], key: str) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, task in tasks.items():
        rest = {other: value for other, value in task.items() if other not in (key, METHODS)}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(name)
    return [
        sorted(names, key=lambda name: _place(key, tasks[name][key]))
        for names in groups.values()
        if len({tasks[name][key] for name in names}) > 1
    ]


def _place(key: str, value: float | str) -> float:
    return float(value != DEFAULTS[key]) if isinstance(value, str) else value
