"""The defaults of this checkout, under whatever the user's configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DEFAULTS = Path(__file__).parents[3] / "config.yaml"


def laid(config: dict[str, Any]) -> dict[str, Any]:
    """The user's configuration over the defaults, as Snakemake lays one file over another: maps are merged, all else is
    replaced.
    """
    return _over(config, yaml.safe_load(DEFAULTS.read_text(encoding="utf-8")))


def _over(above: dict[str, Any], below: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        there = merged.get(key)
        merged[key] = _over(value, there if isinstance(there, dict) else {}) if isinstance(value, dict) else value
    return merged
