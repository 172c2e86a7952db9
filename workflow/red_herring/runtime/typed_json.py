"""Dataclasses as JSON, and again as what they were: what a rule hands to a stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

dumped: Callable[..., str] = partial(json.dumps, default=vars)
"""The JSON of a value that may be, or hold, dataclasses; with the options of json.dumps."""

Kind = Any
"""A type as an annotation gives it."""


def loaded(kind: Kind, text: str) -> Any:
    """The value of a type from its JSON. ValueError, one sentence with the key, for what is none.

    kind: a dataclass or TypedDict of such types, a list, a dict with text as keys, Literal, str, int, float, bool, Any;
    one of these or None; or a union of dataclasses, of which that one is meant which has the keys given.
    """
    return _built(kind, json.loads(text), "")


def is_record(kind: Kind) -> bool:
    """Whether a type is a dataclass, or all of a union are."""
    return all(is_dataclass(one) for one in _alternatives(kind))


def _built(kind: Kind, value: Any, key: str) -> Any:
    if len(_alternatives(kind)) > 1:
        return _one_of(_alternatives(kind), value, key)
    if is_dataclass(kind) or is_typeddict(kind):
        return _record(kind, value, key)
    if get_origin(kind):
        return _with_parts(get_origin(kind), get_args(kind), value, key)
    if kind is Any:
        return value
    wanted = (int, float) if kind is float else kind  # 1 stays 1, as hyperparameters are whole numbers or not
    fits = isinstance(value, wanted) and (kind is bool or not isinstance(value, bool))
    return _checked(fits, value, key, kind.__name__)


def _with_parts(origin: Any, parts: tuple[Kind, ...], value: Any, key: str) -> Any:
    """A list, a dict or one of a Literal."""
    if origin is Literal:
        return _checked(value in parts, value, key, f"one of {', '.join(map(str, parts))}")
    _checked(isinstance(value, origin), value, key, "a list" if origin is list else "names with values")
    if origin is list:
        return [_built(parts[0], item, f"{key}.{number}") for number, item in enumerate(value)]
    return {name: _built(parts[1], item, f"{key}.{name}") for name, item in value.items()}


def _record(kind: Kind, value: Any, key: str) -> Any:
    """A dataclass or TypedDict."""
    _checked(isinstance(value, dict), value, key, f"the fields of {kind.__name__}")
    hints = get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    missing, unknown = hints.keys() - optional - value.keys(), value.keys() - hints.keys()
    if missing or unknown:
        what = f"lacks {min(missing)!r}" if missing else f"has the unknown key {min(unknown)!r}"
        raise ValueError(f"{_named(key)}{what}, of {kind.__name__}")
    types = {name: get_args(hint)[0] if name in optional else hint for name, hint in hints.items()}
    return kind(**{name: _built(types[name], item, f"{key}.{name}") for name, item in value.items()})


def _one_of(kinds: tuple[Kind, ...], value: Any, key: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    if len(others) == 1:
        return _built(others[0], value, key)
    given = value.keys() if isinstance(value, dict) else None
    fitting = [kind for kind in others if {field.name for field in fields(kind)} == given]
    _checked(bool(fitting), value, key, f"the fields of {' or '.join(kind.__name__ for kind in others)}")
    return _record(fitting[0], value, key)


def _alternatives(kind: Kind) -> tuple[Kind, ...]:
    origin: Any = get_origin(kind)
    return get_args(kind) if origin in (Union, UnionType) else (kind,)


def _checked(fits: bool, value: Any, key: str, wanted: str) -> Any:
    if not fits:
        raise ValueError(f"{_named(key)}is {json.dumps(value)}, expected {wanted}")
    return value


def _named(key: str) -> str:
    return f"{key.removeprefix('.')}: " if key else ""
