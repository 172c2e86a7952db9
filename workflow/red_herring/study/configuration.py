"""The configuration at the door: typed once, checked in full before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from red_herring.study.check import check
from red_herring.study.defaults import DEFAULTS, laid
from red_herring.study.schema import full_schema
from red_herring.study.values import Place, convert
from red_herring.study.written import Written

__all__ = ["DEFAULTS", "check", "laid", "typed"]


def typed(config: dict[str, Any], files: Iterable[str | Path] = ()) -> dict[str, Any]:
    """The configuration in its one form, however it was written, checked; StudyError, one sentence, otherwise.

    files: those that it was read from, the first laid over first; they tell what YAML made something else of.
    """
    canonical = convert(config, full_schema(), Place(Written("config", files)))
    check(canonical)
    return canonical
