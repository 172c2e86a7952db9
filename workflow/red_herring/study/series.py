"""Series of tasks: those of a study that are alike but for one key, such as the ratio; what a sweep shows."""

from __future__ import annotations

import json
from typing import Any

from red_herring.study.defaults import Config
from red_herring.study.tasks import ASKED, DEFAULTS, effective, hyperparameters_of

KEYS = ("ratio", "mask.budget", "mask.control")
"""Dotted keys of a task by which a study may have series."""


def series_of(config: Config) -> dict[str, list[list[str]]]:
    """Key -> the series of the study by it: its tasks that are the same, made whole, but for that key, with two values
    or more and one task of each. Ordered by value: numbers rise, and the default of words comes first.
    """
    names = config["study"]["tasks"]
    tasks = {name: effective(config["tasks"][name]) for name in names}
    tuned_on = {name: hyperparameters_of(config, name) for name in names}
    return {key: found for key in KEYS if (found := _alike(tasks, tuned_on, key))}


def _alike(tasks: dict[str, dict[str, Any]], tuned_on: dict[str, str], key: str) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name, task in tasks.items():
        rest = {other: value for other, value in task.items() if other not in (key, *ASKED)}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(name)
    value_of = {name: task[key] for name, task in tasks.items()}
    return [
        sorted(series, key=lambda name: _place(key, value_of[name]))
        for names in groups.values()
        for series in _parted(names, value_of, tuned_on)
        if len(series) > 1
    ]


def _parted(names: list[str], value_of: dict[str, Any], tuned_on: dict[str, str]) -> list[list[str]]:
    """Tasks as lists with one of each value: as they are where none has that of another, else those that are tuned on
    one task together with it, and those that are each tuned on itself; and what is left of one value one by one.
    """
    if len({value_of[name] for name in names}) == len(names):
        return [names]
    shared = dict.fromkeys(tuned_on[name] for name in names if tuned_on[name] != name)
    parts = [[name for name in names if base in (name, tuned_on[name])] for base in shared]
    parts.append([name for name in names if tuned_on[name] == name])
    return [series for part in parts for series in _one_of_each(part, value_of)]


def _one_of_each(names: list[str], value_of: dict[str, Any]) -> list[list[str]]:
    """In the first list the first task of each value, in the next one the second."""
    found: list[list[str]] = []
    for name in names:
        series = next((one for one in found if value_of[name] not in map(value_of.get, one)), None)
        if series is None:
            found.append(series := [])
        series.append(name)
    return found


def _place(key: str, value: float | str) -> float:
    return float(value != DEFAULTS[key]) if isinstance(value, str) else value
