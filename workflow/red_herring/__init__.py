"""The study behind the workflow: controlled shifts, mask-guided training, saliency and its localisation.

In a notebook, `red_herring.read_tables("results/demo")` reads the tables of a study; see its docstring.

Imports run downwards only: stages -> analyses -> training, saliency -> methods, data -> networks -> study -> runtime,
and stages -> report -> data; docs/design.md has the rooms.
"""

import importlib

PUBLIC = {"StudyError": "red_herring.runtime.files", "read_tables": "red_herring.report.reading"}
"""Name -> where it is. What is not asked for is not imported: neither a job nor the Snakefile waits for pandas."""

__all__ = list(PUBLIC)


def __getattr__(name: str) -> object:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC]
