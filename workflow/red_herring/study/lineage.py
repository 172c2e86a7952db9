"""What is derived from what: tasks and methods that are `of` another one and say only what differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.defaults import Config, difference, leaves, over


def derived(entries: Any) -> dict[str, Config]:
    """Name -> what is written of it, of those entries of a section that are derived, whatever else it holds."""
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict) and "of" in entry}


def lineage(
    section: str, name: str, entries: Mapping[str, Config], known: Collection[str], key: str = "of"
) -> list[str]:
    """A name, what it is `of`, what that is of, and so on. known: what may be named.

    StudyError, with the key, for what is not known, or leads in a circle. `key` may be another one that names others.
    """
    line = [name]
    while key in entries.get(line[-1], {}):
        base = entries[line[-1]][key]
        where = f"config: {section}.{line[-1]}.{key}: is {base!r}"
        if not isinstance(base, str) or base not in known:
            raise StudyError(f"{where}; allowed are {', '.join(other for other in known if other not in line)}")
        if base in line:
            raise StudyError(f"{where}, which leads in a circle ({', '.join([*line, base])}); name one outside of it")
        line.append(base)
    return line


def whole(line: list[str], entries: Mapping[str, Config]) -> Config:
    """The entry of the first of a lineage with all that it takes from the others; `of` is its own."""
    return reduce(lambda below, name: over(entries.get(name, {}), below), reversed(line), {})


def as_written(entries: Mapping[str, Config]) -> dict[str, Config]:
    """Whole entries with the derived ones cut down to what differs: `whole` undone."""
    return {
        name: difference(entry, entries.get(entry["of"], {})) if "of" in entry else entry
        for name, entry in entries.items()
    }


def check_differs(where: str, own: Config, base: Mapping[str, Any], of: str) -> None:
    """StudyError for a value that is the same in what the entry at this key is derived from. base: dotted key -> value
    there, defaults too.
    """
    for key, value in leaves(own).items():
        if key in base and base[key] == value:
            raise StudyError(f"config: {where}.{key}: is {value!r}, as in {of}; leave it out")
