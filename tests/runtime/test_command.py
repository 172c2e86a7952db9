"""The command line of a stage is its signature, and the rules hand over no more and no less."""

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
from conftest import ROOT
from red_herring.runtime.command import RESUME, Input, Output, _device, outputs_of, parser_of
from red_herring.runtime.typed_json import is_record

Settings = Annotated[dict[str, Any], "what the stage reads of the study, as JSON"]


def stage(
    settings: Settings,
    tables: Annotated[list[Path], Input("CSVs of something")],
    seed: int,
    example_maps: Annotated[Path, Output("NPY")],
    scores: Annotated[list[Path], Output()],
    resume: Path,
    network: Annotated[dict[str, Any], "how to fetch"],
    split: Annotated[Path | None, Input("if there is one")] = None,
    more: Annotated[list[Path], Input("any")] = (),
    name: str = "none",
) -> None:
    """Not called."""


NEEDED = [
    *("--settings", '{"task": "t"}', "--tables", "a.csv", "b.csv", "--seed", "7"),
    *("--example-maps", "maps.npy", "--scores", "x.csv", "y.csv", "--network", '{"trackers": []}'),
]


def parsed(*words: str) -> dict[str, Any]:
    return vars(parser_of(stage).parse_args(words))


def test_each_parameter_is_a_flag_of_its_type():
    given = parsed(*NEEDED, "--split", "s.csv", "--more", "c.csv", "--name", "n")
    assert given == {
        "settings": {"task": "t"}, "tables": [Path("a.csv"), Path("b.csv")], "seed": 7, "example_maps": Path("maps.npy"),
        "scores": [Path("x.csv"), Path("y.csv")], "network": {"trackers": []}, "split": Path("s.csv"),
        "more": [Path("c.csv")], "name": "n", "log": None,
    }  # fmt: skip


def test_what_has_a_default_may_be_left_out():
    given = parsed(*NEEDED)
    assert (given["split"], given["more"], given["name"]) == (None, (), "none")


@pytest.mark.parametrize("word", ["--settings", "--tables", "--seed", "--example-maps", "--scores", "--network"])
def test_what_has_none_may_not(word, capsys):
    place = NEEDED.index(word)
    end = next((i for i in range(place + 1, len(NEEDED)) if NEEDED[i].startswith("--")), len(NEEDED))
    with pytest.raises(SystemExit):
        parsed(*NEEDED[:place], *NEEDED[end:])
    assert f"the following arguments are required: {word}" in capsys.readouterr().err


def test_the_folder_to_resume_from_is_no_flag(capsys):
    with pytest.raises(SystemExit):
        parsed(*NEEDED, "--resume", "folder")
    assert "unrecognized arguments: --resume folder" in capsys.readouterr().err


def test_outputs_come_in_the_order_of_the_signature():
    assert outputs_of(stage, parsed(*NEEDED)) == [Path("maps.npy"), Path("x.csv"), Path("y.csv")]


def test_help_says_what_the_files_are():
    text = " ".join(parser_of(stage).format_help().split())
    for words in (
        "input: CSVs of something",
        "output: NPY",
        "what the stage reads of the study, as JSON",
        "how to fetch",
    ):
        assert words in text


@dataclass(frozen=True)
class Drawing:
    ratio: float
    device: str


@dataclass(frozen=True)
class Given:
    name: str


def typed(settings: Annotated[Drawing | Given, "what to draw"], out: Annotated[Path, Output()]) -> None:
    """Not called."""


@pytest.mark.parametrize(
    ("text", "expected"), [('{"ratio": 0.9, "device": "cpu"}', Drawing(0.9, "cpu")), ('{"name": "n"}', Given("n"))]
)
def test_settings_are_what_the_signature_says(text, expected):
    assert parser_of(typed).parse_args(["--settings", text, "--out", "a"]).settings == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"ratio": "0.9", "device": "cpu"}', 'argument --settings: ratio: is "0.9", expected float'),
        ('{"ratios": 0.9}', "expected the fields of Drawing or Given"),
        ("{", "argument --settings: Expecting property name"),
    ],
)
def test_other_settings_are_refused_with_what_was_expected(text, sentence, capsys):
    with pytest.raises(SystemExit):
        parser_of(typed).parse_args(["--settings", text, "--out", "a"])
    assert sentence in capsys.readouterr().err


def test_help_names_the_fields_of_settings():
    assert "what to draw; JSON with ratio, device, name" in " ".join(parser_of(typed).format_help().split())


@pytest.mark.parametrize("settings", [{"device": "cuda:1"}, Drawing(0.9, "cuda:1")])
def test_the_device_is_that_of_the_settings(settings):
    assert _device({"settings": settings}) == "cuda:1"
    assert _device({"settings": Given("n")}) == _device({"settings": {}}) == _device({}) == "cpu"


STAGES = sorted(path.stem for path in (ROOT / "workflow/red_herring/stages").glob("[!_]*.py") if path.stem != "command")
RULES = {
    match["stage"]: match
    for file in sorted((ROOT / "workflow/rules").glob("*.smk"))
    for match in re.finditer(
        r"^ *rule(?: \w+)?:\n(?P<body>(?:(?!^ *rule).)*?)stage\(\s*\"(?P<stage>\w+)\"(?P<values>[^)]*)\)",
        file.read_text(encoding="utf-8"),
        re.S | re.M,
    )
}
BY_HAND = {"compare_studies", "cost", "report_missing"}
"""Stages that no rule of workflow/rules starts."""


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_the_function_of_its_name(name):
    module = importlib.import_module(f"red_herring.stages.{name}")
    assert parser_of(getattr(module, name)).description == module.__doc__


@pytest.mark.parametrize("name", STAGES)
def test_settings_cross_the_boundary_with_their_types(name):
    hints = get_type_hints(getattr(importlib.import_module(f"red_herring.stages.{name}"), name))
    assert is_record(hints.get("settings", Drawing))


def test_every_stage_has_a_rule():
    assert set(RULES) == set(STAGES) - BY_HAND


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_names_what_its_stage_takes(name):
    parameters = inspect.signature(getattr(importlib.import_module(f"red_herring.stages.{name}"), name)).parameters
    values = [value.rpartition(".")[-1] for value in ast.literal_eval(f"[{RULES[name]['values'].strip(', ')}]")]
    files = [
        line.group(1)
        for section in ("input", "output")
        for indent, block in re.findall(rf"^( +){section}:\n((?:\1    .*\n)+)", RULES[name]["body"], re.M)
        for line in re.finditer(rf"^{indent}    (\w+)=", block, re.M)
    ]
    if "unpack(given(" in RULES[name]["body"]:
        files += given()
    assert sorted([*files, *values]) == sorted(set(parameters) - {RESUME})


def given() -> list[str]:
    """What the function of that name in common.smk calls the files of a run and of those beside it."""
    common = (ROOT / "workflow/rules/common.smk").read_text(encoding="utf-8")
    body = re.search(r"^def given\(analysis\):\n((?:    .*\n|\n)+)", common, re.M)[1]
    with_images = ast.literal_eval(re.search(r"^WITH_IMAGES = (\(.*?\))", common, re.M)[1])
    of_run = ("", "base_", "other_", "base_other_")
    names = re.findall(r'named\[f"\{name\}(\w+)"\]', body)
    return [f"{run}{name}" for name in names for run in (with_images if name == "images" else of_run)]
