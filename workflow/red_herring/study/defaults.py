"""The defaults of this checkout, under whatever the user's configuration says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

Config = dict[str, Any]
"""A configuration, or a part of it."""

DEFAULTS = Path(__file__).parents[3] / "config.yaml"


def laid(config: Config) -> Config:
    """The user's configuration over the defaults, as Snakemake lays one file over another."""
    return over(config, yaml.safe_load(DEFAULTS.read_text(encoding="utf-8")))


def over(above: Config, below: Config) -> Config:
    """One map laid over another, with which it shares nothing: maps are merged, all else is replaced."""
    merged = copy.deepcopy(below)
    for key, value in above.items():
        there = merged.get(key)
        if isinstance(value, dict):
            merged[key] = over(value, there if isinstance(there, dict) else {})
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def difference(above: Config, below: Config) -> Config:
    """What to lay over `below` for `above`, which has all its keys."""
    found: Config = {}
    for key, value in above.items():
        there = below.get(key)
        if isinstance(value, dict) and isinstance(there, dict):
            inner = difference(value, there)
            if inner:
                found[key] = inner
        elif key not in below or value != there:
            found[key] = copy.deepcopy(value)
    return found


def leaves(config: Config, above: str = "") -> dict[str, Any]:
    """Dotted key -> value of a map and the maps in it; lists are values."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        found |= leaves(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return found
