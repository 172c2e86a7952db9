"""The configuration at the door: typed once, derived tasks and methods made whole, checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from red_herring.study.check import check
from red_herring.study.defaults import DEFAULTS, Config, laid
from red_herring.study.schema import check_schema, full_schema, written_schema
from red_herring.study.tasks import check_tasks, derive_tasks
from red_herring.study.values import Place, convert
from red_herring.study.variants import check_variants, derive_methods, files_of
from red_herring.study.written import Written

__all__ = ["DEFAULTS", "check", "laid", "typed"]


def typed(config: Config, files: Iterable[str | Path] = ()) -> Config:
    """The configuration in its one form, however it was written, checked; StudyError, one sentence, otherwise.

    Its tasks and methods are whole, and those that were derived still say of what (`of`, `tuned_on`).
    files: those that it was read from, the first laid over first; they tell what YAML made something else of.
    """
    schema = full_schema(files_of(config.get("methods")))
    written = convert(config, schema, Place(Written("config", files)))
    check_schema(written, written_schema(schema), "config")
    canonical = derive_tasks(written) | {"methods": derive_methods(written["methods"])}
    check(canonical)
    check_tasks(canonical, written["tasks"])
    check_variants(canonical, written["methods"])
    return canonical
