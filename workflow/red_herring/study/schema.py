"""The JSON schema of a configuration, and one sentence for what does not fit it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from red_herring.runtime.files import StudyError
from red_herring.study.anatomy import STRUCTURES
from red_herring.study.catalogue import (
    BLUR,
    MethodCard,
    analysis_names,
    attribution_names,
    method_card,
    method_names,
    source_card,
    source_kinds,
)
from red_herring.study.comparing import keys_of
from red_herring.study.stage_settings import Arm

Schema = dict[str, Any]

SCHEMAS = Path(__file__).parents[1] / "schemas"

NOT_EACH = ("of", "each", "tuned_on")
"""Keys of a task that say where it comes from."""


ARM = tuple(Arm.__annotations__)
"""The keys of the section `masker` that its arms may have otherwise."""


def full_schema(methods: Mapping[str, str] | None = None) -> Schema:
    """The JSON schema of config.yaml with the methods, sources, attributions and their settings of this checkout.

    methods: name -> file of those that the configuration may name; without it those of the checkout.
    """
    return _full_schema(tuple((methods or {name: name for name in method_names()}).items()))


@cache
def _full_schema(methods: tuple[tuple[str, str], ...]) -> Schema:
    schema = read_schema("config")
    properties = schema["properties"]
    properties["study"]["properties"]["methods"]["items"] = {"enum": [name for name, _ in methods]}
    properties["saliency"]["properties"]["attributions"]["items"] = {"enum": attribution_names()}
    properties["methods"]["properties"] = {name: _method_schema(name, method_card(file)) for name, file in methods}
    properties["study"]["properties"]["analyses"]["items"] = {"enum": analysis_names()}
    properties["analyses"]["properties"] = {name: _closed(keys_of(name)) for name in analysis_names()}
    (one_task,) = properties["tasks"]["patternProperties"].values()
    for named in ("methods", "analyses"):
        one_task["properties"][named]["items"] = properties["study"]["properties"][named]["items"]
    one_task["properties"]["mask"]["properties"]["structures"]["items"] = {"enum": list(STRUCTURES)}
    one_task["properties"]["each"] |= _closed({key: _several(of) for key, of in _single(one_task)})
    masker = properties["masker"]["properties"]
    (one_arm,) = masker["arms"]["patternProperties"].values()
    own = {key: masker[key] for key in ARM}
    one_arm["properties"] = own | {
        "each": _closed({key: _several(of) for key, of in own.items()}) | {"minProperties": 1}
    }
    (one_source,) = properties["sources"]["patternProperties"].values()
    common = one_source["properties"]
    common["kind"] = {"enum": source_kinds()}
    one_source["allOf"] = []
    for kind in source_kinds():
        card = source_card(kind)
        own = {"properties": common | card.settings, "required": list(card.required), "additionalProperties": False}
        own["allOf"] = list(card.conditions)
        one_source["allOf"].append({"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": own})
    return schema


def written_schema(schema: Schema) -> Schema:
    """The same for what is written, where a task that is `of` another one says only what differs."""
    schema = copy.deepcopy(schema)
    tasks = schema["properties"]["tasks"]["patternProperties"]
    for pattern, task in tasks.items():
        tasks[pattern] = {"if": {"required": ["of"]}, "then": _partly(task), "else": task}
    return schema


def _partly(schema: Schema) -> Schema:
    """A schema of maps that may lack any key; what is in lists is whole."""
    properties = {key: _partly(one) for key, one in schema.get("properties", {}).items()}
    parted = {key: value for key, value in schema.items() if key != "required"}
    return parted | ({"properties": properties} if properties else {})


def _single(task: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    """Dotted key and schema of all single values that a task has."""
    for key, schema in task["properties"].items():
        for one in schema.get("oneOf", [schema]):
            if above + key in NOT_EACH or one.get("type") == "array":
                continue
            if one.get("type") == "object":
                yield from _single(one, f"{above}{key}.")
            else:
                yield above + key, one


def _several(schema: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "uniqueItems": True, "items": schema}


def read_schema(name: str) -> Schema:
    """The JSON schema in schemas/{name}.schema.yaml."""
    schema: Schema = yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text(encoding="utf-8"))
    return schema


def check_schema(value: Any, schema: Schema, subject: str) -> None:
    """StudyError, one line with the key, what was given and what is allowed, unless the value fits."""
    found = jsonschema.Draft202012Validator(schema).iter_errors(value)
    error = min(found, key=lambda error: (len(error.absolute_path), list(map(str, error.absolute_path))), default=None)
    if error:
        key = ".".join(map(str, error.absolute_path)) or "the configuration"
        raise StudyError(f"{subject}: {key}: {_explain(error)}")


def _method_schema(name: str, card: MethodCard) -> Schema:
    """What may be said of a method, or of a variant of it under another name."""
    laws = {name: law for name, (law, *_) in card.hyperparameters.items()}
    numbers = {name: {"type": "integer" if law == "integer" else "number", "minimum": 0} for name, law in laws.items()}
    bounds = {name: {"type": "array", "minItems": 2, "maxItems": 2, "items": one} for name, one in numbers.items()}
    blur = {BLUR: {"type": "number", "minimum": 0}} if "masks" in card.uses else {}
    text = {"type": "string", "minLength": 1}
    return _closed(
        ({"of": text, "title": text} if name != card.name else {})
        | {
            "options": _closed({option: {"enum": values} for option, values in card.options.items()}),
            "search": _closed(bounds),
            "hyperparameters": _closed(numbers | blur),
        }
    )


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _explain(error: jsonschema.ValidationError) -> str:
    schema: Any = error.schema
    instance: Any = error.instance
    wants: Any = error.validator_value
    rule = str(error.validator)
    given = json.dumps(instance, default=str)
    given = given if len(given) <= 80 else given[:77] + "..."
    if rule == "additionalProperties":
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        unknown = [name for name in instance if name not in known and not any(re.search(p, name) for p in patterns)]
        known = [*known, *(f"names like {pattern}" for pattern in patterns)]
        return f"has the unknown key {str(unknown[0])!r}; allowed are {', '.join(known) or 'none'}"
    if rule == "required":
        missing = [name for name in wants if name not in instance]
        return f"lacks the key {missing[0]!r}"
    if rule == "enum":
        values = [json.dumps(want).strip('"') for want in wants]
        return f"is {given}; allowed are {', '.join(values)}"
    if rule == "type":
        types: list[str] = wants if isinstance(wants, list) else [wants]
        return f"is {given}; allowed is {' or '.join(TYPES.get(name, name) for name in types)}{_unit(error)}"
    wanted = f"{WORDS.get(rule, rule)} {wants}{_unit(error)}"
    if rule == "oneOf":
        wanted = schema.get("description", "one of several forms")
    elif rule == "contains":
        wanted = f"a list that has {wants['const']}"
    elif rule == "uniqueItems":
        wanted = "a list without repetition"
    return f"is {given}; allowed is {wanted}"


def _unit(error: jsonschema.ValidationError) -> str:
    schema: Any = error.schema
    description = schema.get("description")
    return f" ({description})" if description and schema.get("type") != "object" else ""


TYPES = {"object": "names with values", "array": "a list", "string": "text"}
WORDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "multipleOf": "a multiple of",
    "minItems": "a list at least as long as",
    "maxItems": "a list at most as long as",
    "minLength": "a text at least as long as",
    "minProperties": "names with values, at least",
    "pattern": "text like",
}
