"""What YAML files say as it stands there. YAML 1.1 makes NO false, 010 eight, and keeps the last of two equal keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from red_herring.runtime.files import StudyError

Keys = tuple[Any, ...]
"""Where something stands: the keys as YAML reads them, and the numbers of items in lists."""


class Scalar(NamedTuple):
    """text: as written, without quotes. value: what YAML makes of it. quoted: whether it has quotes."""

    text: str
    value: Any
    quoted: bool
    file: str
    line: int

    @property
    def where(self) -> str:
        return f"{self.file}, line {self.line}"


class Written:
    """The scalars and names of some files; of two that say the same thing the later one counts."""

    def __init__(self, subject: str, files: Iterable[str | Path] = (), below: Keys = ()):
        """Read the files, of which places are counted from the mapping `below` on. StudyError, which begins with the
        subject, for a key given twice.
        """
        self.subject = subject
        self._below = below
        self._values: dict[Keys, list[Scalar]] = {}
        self._names: dict[Keys, list[Scalar]] = {}
        for file in files:
            if Path(file).is_file():
                self._read(Path(file))

    def value(self, keys: Keys, value: Any) -> Scalar | None:
        """The scalar at a place, if it is the one that YAML read as `value`; None when that came from elsewhere."""
        same = [found for found in self._values.get(keys, ()) if _same(found.value, value)]
        return same[-1] if same else None

    def name(self, keys: Keys) -> Scalar | None:
        """The last key of a place. StudyError when it has been written in two ways, which YAML takes for one."""
        found = self._names.get(keys, [])
        for other in found:
            if other.text != found[-1].text:
                raise self._one_key(keys, other, found[-1])
        return found[-1] if found else None

    def _read(self, file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        loader = yaml.FullLoader(text.replace("\t", " ") if _is_json(text) else text)
        try:
            root = loader.get_single_node()
            if root is not None:
                self._walk(loader, root, (), str(file))
        finally:
            loader.dispose()

    def _walk(self, loader: yaml.FullLoader, node: yaml.Node, keys: Keys, file: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for name, item in self._items(loader, node, keys, file):
                self._keep(self._names, (*keys, name.value), name)
                self._walk(loader, item, (*keys, name.value), file)
        elif isinstance(node, yaml.SequenceNode):
            for number, item in enumerate(node.value):
                self._walk(loader, item, (*keys, number), file)
        elif isinstance(node, yaml.ScalarNode):
            self._keep(self._values, keys, _scalar(loader, node, file))

    def _items(
        self, loader: yaml.FullLoader, node: yaml.MappingNode, keys: Keys, file: str
    ) -> Iterator[tuple[Scalar, yaml.Node]]:
        """The names and values of a mapping, with what it merges by `<<` first."""
        own: dict[Any, Scalar] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                name = _scalar(loader, key, file)
                if name.value in own:
                    raise self._one_key((*keys, name.value), own[name.value], name)
                own[name.value] = name
        loader.flatten_mapping(node)
        for key, item in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield _scalar(loader, key, file), item

    def _keep(self, found: dict[Keys, list[Scalar]], keys: Keys, scalar: Scalar) -> None:
        depth = len(self._below)
        if keys[:depth] == self._below:
            found.setdefault(keys[depth:], []).append(scalar)

    def _one_key(self, keys: Keys, first: Scalar, second: Scalar) -> StudyError:
        where = ".".join(map(str, (*keys[:-1], first.text)))
        if first.text == second.text:
            lines = f"{first.file}, lines {first.line} and {second.line}"
            return StudyError(f"{self.subject}: {where}: is given twice, in {lines}; leave one")
        return StudyError(
            f"{self.subject}: {where}: is one key to YAML with {second.text} ({first.where}; {second.where}); write "
            "both in quotes"
        )


def _scalar(loader: yaml.FullLoader, node: yaml.ScalarNode, file: str) -> Scalar:
    return Scalar(node.value, loader.construct_object(node), bool(node.style), file, node.start_mark.line + 1)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)  # NaN is not equal to itself


def _is_json(text: str) -> bool:
    """Then tabs stand only between what matters, where YAML knows none."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
