"""What a file declares by constants in capitals at its top whose values are literals, read without running it.

So methods, sources, tables and figures say what they are, and the workflow knows it without PyTorch or Matplotlib.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path
from typing import Any

from red_herring.runtime.files import StudyError


def names_in(folder: Path, besides: Collection[str] = ()) -> list[str]:
    """The modules of a folder in alphabetical order; those whose names begin with _ are no things of their own."""
    return sorted(
        file.stem for file in folder.glob("*.py") if not file.stem.startswith("_") and file.stem not in besides
    )


class Declared(dict[str, Any]):
    """Constant -> value. others: constants whose values are no literals; one that is asked for is refused, as it would
    else be taken for not being there.
    """

    def __init__(self, file: Path, literals: dict[str, Any], others: Collection[str]):
        super().__init__(literals)
        self.file, self.others = file, others

    def get(self, name: str, default: Any = None) -> Any:
        if name in self.others:
            raise StudyError(f"{self.file.parent.name}/{self.file.name}: declare {name} as a literal at the top")
        return super().get(name, default)


def literals_of(file: Path, *needed: str) -> Declared:
    """Constant -> value; StudyError if there is no such file, it cannot be parsed, or it lacks one of `needed`."""
    if not file.is_file():
        raise StudyError(
            f"{file.parent.name}/{file.name}: there is no such file; expected one of {names_in(file.parent, {'base'})}"
        )
    declared, others = {}, set()
    for node in _parsed(file):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            try:
                declared[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                others.add(node.targets[0].id)
    missing = [name for name in needed if name not in declared]
    if missing:
        raise StudyError(f"{file.parent.name}/{file.name}: declare {', '.join(missing)} as a literal at the top")
    return Declared(file, declared, others)


def _parsed(file: Path) -> list[ast.stmt]:
    try:
        return ast.parse(file.read_text(encoding="utf-8")).body
    except SyntaxError as error:
        raise StudyError(f"{file.parent.name}/{file.name}: line {error.lineno}: {error.msg}") from error
