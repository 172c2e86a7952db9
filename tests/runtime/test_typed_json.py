"""Settings come out of JSON as they went in, or not at all."""

import importlib
import inspect
import json
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, NotRequired, TypedDict, get_type_hints, is_typeddict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from red_herring.runtime.typed_json import dumped, is_record, loaded
from red_herring.study import stage_settings


class Part(TypedDict):
    kind: Literal["source", "ellipse"]
    axis: NotRequired[float]


@dataclass(frozen=True)
class Base:
    name: str
    seeds: list[int]
    part: Part
    options: dict[str, Any]
    patience: int | None


@dataclass(frozen=True)
class More(Base):
    mode: Literal["search"]
    space: dict[str, list[Any]]
    whole: Part | None
    share: float
    compile: bool


parts = st.fixed_dictionaries(
    {"kind": st.sampled_from(["source", "ellipse"])}, optional={"axis": st.floats(0, 1) | st.integers(0, 1)}
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
settings = st.builds(
    More,
    name=st.text(),
    seeds=st.lists(st.integers()),
    part=parts,
    options=st.dictionaries(st.text(), anything, max_size=2),
    patience=st.none() | st.integers(),
    mode=st.just("search"),
    space=st.dictionaries(st.text(), st.lists(anything, max_size=2), max_size=2),
    whole=st.none() | parts,
    share=st.floats(allow_nan=False) | st.integers(),
    compile=st.booleans(),
)


@pytest.mark.slow
@given(settings)
def test_what_goes_in_comes_out_with_its_types(value):
    text = dumped(value)
    assert loaded(More, text) == value
    assert dumped(loaded(Base | More, text)) == text, "1 is not 1.0"


PLAIN = {"name": "n", "seeds": [1], "part": {"kind": "source"}, "options": {}, "patience": None}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 5}, "name: is 5, expected str"),
        ({"seeds": 5}, "seeds: is 5, expected a list"),
        ({"seeds": [1, "2"]}, 'seeds.1: is "2", expected int'),
        ({"seeds": [True]}, "seeds.0: is true, expected int"),
        ({"part": {"kind": "box"}}, 'part.kind: is "box", expected one of source, ellipse'),
        ({"part": {}}, "part: lacks 'kind', of Part"),
        ({"part": {"kind": "source", "axes": 1}}, "part: has the unknown key 'axes', of Part"),
        ({"part": {"kind": "ellipse", "axis": "1"}}, 'part.axis: is "1", expected float'),
        ({"part": None}, "part: is null, expected the fields of Part"),
        ({"options": []}, "options: is [], expected names with values"),
        ({"patience": 1.5}, "patience: is 1.5, expected int"),
        ({"more": 1}, "has the unknown key 'more', of Base"),
    ],
)
def test_what_does_not_fit_is_named(change, sentence):
    with pytest.raises(ValueError) as caught:
        loaded(Base, json.dumps(PLAIN | change))
    assert str(caught.value) == sentence


def test_a_missing_field_is_named():
    with pytest.raises(ValueError, match=r"^lacks 'seeds', of Base$"):
        loaded(Base, json.dumps({key: value for key, value in PLAIN.items() if key != "seeds"}))


def test_of_several_dataclasses_the_one_with_these_fields_is_meant():
    assert type(loaded(Base | More, json.dumps(PLAIN))) is Base
    with pytest.raises(ValueError, match="expected the fields of Base or More"):
        loaded(Base | More, json.dumps({"name": "n"}))
    assert is_record(Base | More)
    assert not is_record(Base | None)


def test_the_settings_of_stages_are_fields_and_nothing_else():
    """No digest of code holds their file, so it must compute nothing."""
    module = importlib.import_module(stage_settings.__name__)
    own = {name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
    assert len(own) > 10
    for name, one in own.items():
        assert is_dataclass(one) or is_typeddict(one), name
        assert get_type_hints(one)
        if is_dataclass(one):
            assert one.__dataclass_params__.frozen, name
            assert all(field.default is field.default_factory for field in fields(one)), f"{name} has a default"
            written = {key for key in vars(one) if not key.startswith("__")}
            assert not {key for key in written if inspect.isroutine(getattr(one, key))}, name
