"""Where images come from: one file per kind of source.

A file declares the keys that it reads from config.yaml (SETTINGS, a JSON schema of each; those that end in `path` are
paths; REQUIRED, those that must be given), whether there are ROI masks (MASKS: True, False, which is the default, or
the key without which there are none) and holds a class `Source`.
"""

from __future__ import annotations

import importlib
from typing import Any

from red_herring.data.sources.base import Source
from red_herring.study.places import located


def open_source(kind: str, settings: dict[str, Any]) -> Source:
    """The source of a kind (a file of this folder) with its settings from config.yaml."""
    settings = {key: located(value) if isinstance(value, str) else value for key, value in settings.items()}
    source: Source = importlib.import_module(f"{__name__}.{kind}").Source(**settings)
    return source
