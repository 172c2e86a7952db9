"""What a cell of labels says: one finding or several, in the words of the tasks."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

from red_herring.data.names import key_of, tidy
from red_herring.data.sources.base import CONTROL
from red_herring.runtime.files import StudyError, telling

JOIN = "|"
OTHER_JOINS = r"[;,/&+]"
"""What tables join labels by too, and names may hold."""

YAML_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false", "~": "null", "": "null"}
"""What YAML takes for another value when it is not between quotes -> how it writes that."""


def find_names(cells: pd.Series, mapped: dict[str, str], table: str) -> pd.Series:
    """Cells of labels joined by `|` -> their findings, joined by `|`, each as it is `mapped` or as it is.

    cells: by the number of their row. A whole cell may be mapped as well. StudyError for a cell without a name, for a
    key of `mapped` that is no label but looks like one, for keys of which none is a label, and for cells that join
    labels by another sign.
    """
    mapped = {_joined(label): finding for label, finding in mapped.items()}
    nameless = cells.index[cells.map(_joined) == ""]
    if len(nameless):
        raise StudyError(f"{table}: row {nameless[0]} has no label, only {cells[nameless[0]]!r}")
    cells = cells.map(_joined)
    labels = cells.str.split(JOIN, regex=False).explode()
    _check_keys(mapped, set(cells) | set(labels), table)
    _check_joins(labels, mapped, table)
    findings = cells.map(
        lambda cell: _joined(mapped.get(cell) or JOIN.join(mapped.get(n, n) for n in cell.split(JOIN)))
    )
    _tell_of_contradictions(findings, table)
    return findings


def _joined(cell: str) -> str:
    """The tidy names in a cell, each once."""
    return JOIN.join(dict.fromkeys(name for name in map(tidy, cell.split(JOIN)) if name))


def _check_keys(mapped: dict[str, str], labels: set[str], table: str) -> None:
    unused = [label for label in mapped if label not in labels]
    like = {_yaml_key(label): label for label in sorted(labels) if label not in mapped}
    for label in unused:
        if _yaml_key(label) in like:
            raise StudyError(
                f"{table}: findings: has the key {label!r}, but the label is {like[_yaml_key(label)]!r}; write it so, "
                "between quotes, in config.yaml"
            )
    if mapped and len(unused) == len(mapped):
        there = ", ".join(sorted(labels)[:8])
        raise StudyError(f"{table}: findings: none of its keys, {', '.join(mapped)}, is a label; there are {there}")
    if unused:
        telling.warning("%s: findings: no label is %s", table, ", ".join(unused))


def _yaml_key(label: str) -> str:
    word = label.casefold()
    return key_of(YAML_WORDS.get(word, word))


def _check_joins(labels: pd.Series, mapped: Collection[str], table: str) -> None:
    """Where all that another sign joins are labels of their own, it is a list; where one is, it may be one."""
    known = set(labels) | set(mapped)
    for label, count in labels.value_counts().items():
        parts = [tidy(part) for part in re.split(OTHER_JOINS, label)]
        found = sorted(known.intersection(parts))
        if len(parts) == 1 or not found or label in mapped:
            continue
        if found == sorted(set(parts)):
            raise StudyError(
                f"{table}: {count} cells have the label {label!r}, whose parts are labels too; join several labels by "
                "`|`, or give it a line in `findings` if it is one"
            )
        telling.warning("%s: %d cells have the label %r, which is not %r; several labels are joined by `|`",
                        table, count, label, found[0])  # fmt: skip


def _tell_of_contradictions(findings: pd.Series, table: str) -> None:
    both = findings[findings.map(lambda names: CONTROL in (found := names.split(JOIN)) and len(found) > 1)]
    if len(both):
        telling.warning("%s: %d images have %s and another finding, such as %s",
                        table, len(both), CONTROL, both.iloc[0])  # fmt: skip
