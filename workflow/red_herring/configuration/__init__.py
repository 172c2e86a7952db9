"""The configuration at the door: typed once, checked in full before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from red_herring.configuration.checks import check
from red_herring.configuration.defaults import DEFAULTS, laid
from red_herring.configuration.schema import full_schema
from red_herring.configuration.values import Place, convert
from red_herring.configuration.written import Written

__all__ = ["DEFAULTS", "check", "laid", "typed"]


def typed(config: dict[str, Any], files: Iterable[str | Path] = ()) -> dict[str, Any]:
    """The configuration in its one form, however it was written, checked; StudyError, one sentence, otherwise.

    files: those that it was read from, the first laid over first; they tell what YAML made something else of.
    """
    canonical = convert(config, full_schema(), Place(Written("config", files)))
    check(canonical)
    return canonical
