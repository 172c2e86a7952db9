"""What YAML, JSON and `--config` gave, as values of the types that a schema asks for, in one form and one order."""

from __future__ import annotations

import datetime
import json
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema

from red_herring.runtime.files import StudyError
from red_herring.study.written import Keys, Scalar, Written

Schema = dict[str, Any]

NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
"""The one way to write a number; YAML 1.1 has others (010 is 8, 1:30 is 90), and not all of this one (1e-3 is text)."""

LARGEST = sys.float_info.max
VARIABLE = re.compile(r"(?!^\$RED_HERRING_IMAGES/)\$[A-Za-z_{]")
"""The folder of the images has a variable, which is filled in where files are opened."""


@dataclass(frozen=True)
class Place:
    """Where a value stands. names: the keys above it; keys: the same as YAML read them."""

    written: Written
    names: tuple[str, ...] = ()
    keys: Keys = ()

    def at(self, name: str | int, key: Any) -> Place:
        return replace(self, names=(*self.names, str(name)), keys=(*self.keys, key))

    def scalar(self, value: Any) -> Scalar | None:
        return self.written.value(self.keys, value)

    def error(self, sentence: str) -> StudyError:
        return StudyError(f"{self.written.subject}: {'.'.join(self.names) or 'the configuration'}: {sentence}")


def convert(value: Any, schema: Schema, place: Place) -> Any:
    """The value as the schema wants it: names as they were written, whole numbers as int, other numbers as float, paths
    without `~`; mappings in the order of the schema and then of the alphabet. What does not fit stays as it is, for the
    schema to refuse. StudyError for what no configuration can hold, or where it is not known what was written.
    """
    if isinstance(value, dict):
        return _mapping(value, _fitting(schema, value, "object"), place)
    if isinstance(value, list | tuple):
        items = _fitting(schema, value, "array").get("items", {})
        return [convert(item, items, place.at(number, number)) for number, item in enumerate(value)]
    found = _scalar(value, _types(schema), place)
    is_path = schema.get("format") == "path" or (place.names and place.names[-1].endswith("path"))
    return _path(found, place) if is_path and isinstance(found, str) else found


def _fitting(schema: Schema, value: Any, kind: str) -> Schema:
    """The part of a schema that speaks of lists or of mappings, with what holds for one like this."""
    forms: list[Schema] = schema.get("oneOf", [])
    for one in forms:
        if one.get("type") == kind:
            return one
    conditional: list[Schema] = [part["then"] for part in schema.get("allOf", ()) if _holds(part["if"], value)]
    return conditional[0] if conditional else schema


def _holds(condition: Schema, value: Any) -> bool:
    return jsonschema.Draft202012Validator(condition).is_valid(value)


def _mapping(value: dict[Any, Any], schema: Schema, place: Place) -> dict[str, Any]:
    known = schema.get("properties", {})
    found = {}
    for key, item in value.items():
        name = key if isinstance(key, str) else _name(key, schema, place)
        if name in found:
            raise place.error(f"has {name!r} twice, with quotes and without; write it in one way")
        found[name] = convert(item, _of(schema, name), place.at(name, key))
    return {name: found[name] for name in (*(name for name in known if name in found), *sorted(found.keys() - known))}


def _of(schema: Schema, name: str) -> Schema:
    """The schema of one key."""
    own: dict[str, Schema] = schema.get("properties", {})
    if name in own:
        return own[name]
    patterns: dict[str, Schema] = schema.get("patternProperties", {})
    for pattern, one in patterns.items():
        if re.search(pattern, name):
            return one
    others = schema.get("additionalProperties", {})
    return others if isinstance(others, dict) else {}


def _name(key: Any, schema: Schema, place: Place) -> str:
    """A key that YAML took for something else: as it was written, but for names that are chosen, and used elsewhere."""
    written = place.written.name((*place.keys, key))
    if written is None or not written.text or "patternProperties" in schema:
        given = f"{written.text} ({written.where})" if written else _shown(key)
        raise place.error(f"has the key {given}, which is no text to YAML; write it in quotes wherever it is named")
    return written.text


def _types(schema: Schema) -> set[str]:
    """Which JSON types a schema allows; none where it says nothing of them."""
    types = schema.get("type", [])
    found = {types} if isinstance(types, str) else set(types)
    values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    found |= {_TYPE_OF[type(value)] for value in values}
    return found.union(*(_types(one) for one in schema.get("oneOf", ())))


_TYPE_OF = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def _scalar(value: Any, wanted: set[str], place: Place) -> Any:
    if isinstance(value, str):
        return _text(value, wanted, place)
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    fits = not wanted or (numeric and wanted & {"integer", "number"}) or _TYPE_OF.get(type(value)) in wanted
    if numeric and (fits or "string" not in wanted):
        return _number(value, wanted, place)
    if isinstance(value, bool | None) and (fits or "string" not in wanted):
        return value
    if numeric or isinstance(value, bool | datetime.date):
        return _as_written(value, wanted, place)
    if value is None:
        raise place.error("is null, where text is expected; write it in quotes, or leave the key out")
    raise place.error(f"is a {type(value).__name__}, which no configuration holds; write text, a number or a list")


def _text(text: str, wanted: set[str], place: Place) -> Any:
    """Text, or the number, truth value or null that it stands for: `--config` gives text only, YAML for 1e-3 too."""
    written = place.scalar(text)
    quoted = written is not None and written.quoted
    if NUMBER.fullmatch(text) and (wanted & {"integer", "number"} or not (wanted or quoted)):
        number = float(text) if re.search(r"[.eE]", text) else int(text)
        return _number(number, wanted, place, text)
    if "boolean" in wanted and text in ("true", "false"):
        return text == "true"
    return None if "null" in wanted and text in ("null", "~", "") and not quoted else text


def _number(value: float, wanted: set[str], place: Place, text: str = "") -> float:
    written = place.scalar(value)
    text = text or (written.text if written else str(value))
    if not abs(value) <= LARGEST:
        raise place.error(f"is {text}; allowed are finite numbers")
    if written and not NUMBER.fullmatch(text):
        raise place.error(f"is {text}, which is {value} to YAML; write it in decimal digits ({written.where})")
    if "number" in wanted:
        return float(value) + 0.0  # no -0.0
    return int(value) if "integer" in wanted and value == int(value) else value


def _as_written(value: Any, wanted: set[str], place: Place) -> str:
    written = place.scalar(value)
    if written is None or "string" not in wanted:
        raise place.error(f"is {_shown(value)}, which is no text; write it in quotes")
    return written.text


def _shown(value: Any) -> str:
    return json.dumps(value, default=str).strip('"')


def _path(text: str, place: Place) -> str:
    """Without `~`, `.` in between, slashes twice or at the end. `..` stays, as it may lead out of a link."""
    if VARIABLE.search(text):
        raise place.error(f"is {text!r}, where variables are not filled in; write the folder itself or begin it with ~")
    if not text.strip() or not text.isprintable():
        raise place.error(f"is {text!r}; allowed is a path")
    if "://" in text:
        return text
    try:
        return str(Path(re.sub("/+", "/", text)).expanduser())
    except RuntimeError:
        raise place.error(f"is {text!r}, but this machine has no such user; write the folder itself") from None
