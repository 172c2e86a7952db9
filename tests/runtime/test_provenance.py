"""The digest of the code behind a stage."""

import ast
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from red_herring.runtime import provenance
from support.interpreters import SUPPORTED, interpreter

PACKAGE = Path(provenance.__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """A copy of the package: edit(file, old, new) changes it, digest(*modules) asks it in a new process."""
    shutil.copytree(PACKAGE, tmp_path / "red_herring")

    class Copy:
        def edit(self, file: str, old: str, new: str) -> None:
            path = tmp_path / "red_herring" / file
            text = path.read_text()
            assert old in text
            path.write_text(text.replace(old, new, 1), encoding="utf-8")

        def add(self, file: str, like: str) -> None:
            shutil.copy(tmp_path / "red_herring" / like, tmp_path / "red_herring" / file)

        def digest(self, *modules: str, python: str = sys.executable) -> str:
            code = f"from red_herring.runtime.provenance import code_digest; print(code_digest(*{modules!r}))"
            done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
            return done.stdout.strip()

    return Copy()


TRAIN_ACTDIFF = ("red_herring.stages.train", "red_herring.methods.actdiff")


def test_comments_docstrings_and_layout_do_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("methods/actdiff.py", '"""penalty = mean', '"""The penalty = mean')
    copy.edit("data/sources/base.py", '"""Whether `read`', '"""If `read`')  # a string below an attribute
    copy.edit("training/fit.py", "    model = initialised", "    # why\n\n    model = initialised")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_a_change_of_what_runs_counts_however_deep_it_is_imported(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("data/masks.py", "> 0", "> 0.5")
    assert copy.digest(*TRAIN_ACTDIFF) != before


def test_types_that_nothing_reads_do_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("data/masks.py", "masks: np.ndarray, sigma", "masks, sigma")
    assert copy.digest(*TRAIN_ACTDIFF) == before
    copy.edit("stages/train.py", "threads: int", "threads: str")
    assert copy.digest(*TRAIN_ACTDIFF) != before, "those of a stage are its command line"


ANALYSE = "red_herring.stages.analyse"
GRADIENT = "red_herring.saliency.attributions.gradient"
MAKERS = {
    "tune": ("red_herring.stages.tune", "red_herring.methods.actdiff"),
    "train": TRAIN_ACTDIFF,
    "localisation": (ANALYSE, "red_herring.analyses.localisation", GRADIENT),
    "reliance": (ANALYSE, "red_herring.analyses.reliance"),
}
"""What makes searches, runs and the answers of analyses."""


def digests(copy):
    return {name: copy.digest(*modules) for name, modules in MAKERS.items()}


def test_words_for_readers_do_not_count(copy):
    """Titles, approaches, citations, captions, colours; and a method, an attribution and an analysis more."""
    before = digests(copy)
    copy.edit("methods/actdiff.py", 'TITLE = "ActDiff"', 'TITLE = "Activation difference"')
    copy.edit("methods/actdiff.py", "CITATION = ", 'CITATION = "as told in " + ')
    copy.edit("methods/actdiff.py", 'APPROACH = "Domain invariance"', 'APPROACH = "Invariance"')
    copy.edit("study/catalogue.py", '"Domain invariance"', '"Invariance"')
    copy.edit("saliency/attributions/gradient.py", 'TITLE = "Gradient"', 'TITLE = "Input gradient"')
    copy.edit("analyses/localisation.py", 'TITLE = "Localisation"', 'TITLE = "Where maps are"')
    copy.edit("analyses/reliance.py", "chance 0.5", "chance is one half")
    copy.edit("study/names.py", '"Pointing game"', '"Pointing"')
    copy.edit("report/tables/relation.py", "test AUC", "AUC of the test")
    copy.edit("report/style.py", "#000000", "#111111")
    copy.add("methods/mine.py", "methods/rrr.py")
    copy.add("saliency/attributions/mine.py", "saliency/attributions/gradient.py")
    copy.add("analyses/mine.py", "analyses/reliance.py")
    assert digests(copy) == before


def test_a_measure_of_localisation_makes_localisation_again_and_nothing_else(copy):
    before = digests(copy)
    copy.edit(
        "saliency/localisation.py", "mass=mass(flat, inside),", "mass=mass(flat, inside), more=mass(flat, inside),"
    )
    after = digests(copy)
    assert {name for name in MAKERS if after[name] != before[name]} == {"localisation"}


def test_an_attribution_of_the_study_counts(copy):
    before = digests(copy)
    copy.edit("saliency/attributions/gradient.py", "abs=False", "abs=True")
    after = digests(copy)
    assert {name for name in MAKERS if after[name] != before[name]} == {"localisation"}


SHOWN = (
    ("red_herring.stages.render_table", "red_herring.report.tables.paper"),
    ("red_herring.stages.render_figure", "red_herring.report.figures.learning_curves"),
    ("red_herring.stages.render_explorer",),
)


def test_cards_of_tables_figures_and_pages_do_not_count(copy):
    """What they say reaches the report by the workflow, and what it hands to a stage is in the settings."""
    before = [copy.digest(*modules) for modules in SHOWN]
    copy.edit("report/tables/paper.py", "mean and standard deviation", "mean and SD")
    copy.edit("report/tables/paper.py", '"Table 1", "tasks"', '"The first table", "tasks"')
    copy.edit("report/figures/learning_curves.py", 'TITLE = "Learning curves"', 'TITLE = "Curves"')
    copy.edit("report/figures/learning_curves.py", "a curve below one half", "a curve below 0.5")
    copy.edit("report/pages/explorer.py", 'CATEGORY = "Explorer"', 'CATEGORY = "Pages"')
    copy.add("report/tables/mine.py", "report/tables/relation.py")
    copy.add("report/figures/mine.py", "report/figures/relation.py")
    assert [copy.digest(*modules) for modules in SHOWN] == before
    copy.edit("report/tables/paper.py", "names=2", "names=1")
    assert copy.digest(*SHOWN[0]) != before[0]


DESCRIBED = [
    file
    for file in sorted(PACKAGE.rglob("*.py"))
    if ".".join(("red_herring", *file.relative_to(PACKAGE).with_suffix("").parts, "")).startswith(provenance.CARDS)
]


@pytest.mark.parametrize("file", DESCRIBED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_code_reads_the_card_that_it_stands_below(file):
    """As the digest leaves cards out. The catalogue reads its own list of approaches to check it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored, read = ({node.id for node in names if isinstance(node.ctx, kind)} for kind in (ast.Store, ast.Load))
    assert stored & read & provenance.WORDS <= ({"APPROACHES"} if file.stem == "catalogue" else set())


def test_how_the_configuration_is_checked_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("study/schema.py", "lacks the key", "has no key")
    copy.edit("study/tasks.py", "say what differs", "say something")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_what_other_stages_read_and_how_it_is_handed_over_does_not_count(copy):
    before = [copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.draw_splits")]
    copy.edit("study/stage_settings.py", "    width: int", "    width: int\n    depth: int")
    copy.edit("study/settings.py", "made_by=expected", "made_by={}")
    copy.edit("runtime/typed_json.py", "expected {wanted}", "not {wanted}")
    assert [copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.draw_splits")] == before


def test_how_stages_are_started_stopped_and_kept_apart_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF)
    copy.edit("runtime/locks.py", "POLL = 1.0", "POLL = 2.0")
    copy.edit("runtime/interrupt.py", "128 + number", "1 + number")
    copy.edit("runtime/command.py", "run again to go on", "start again")
    assert copy.digest(*TRAIN_ACTDIFF) == before


def test_settings_and_code_say_by_what_a_run_was_made():
    @dataclass(frozen=True)
    class Settings:
        file: str
        mask: dict[str, float]

    settings = Settings("rrr", {"blur": 1, "budget": 2})
    made = provenance.made_by("train", settings)
    assert made == provenance.made_by("train", Settings("rrr", {"budget": 2, "blur": 1})), "the order of keys is free"
    others = [Settings("rrr", {"blur": 1, "budget": 3}), Settings("actdiff", settings.mask)]
    assert len({made, provenance.made_by("tune", settings), *(provenance.made_by("train", one) for one in others)}) == 4


def test_another_method_does_not_count(copy):
    before = copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.render_table")
    copy.edit("methods/rrr.py", ".square().sum()", ".abs().sum()")
    assert (copy.digest(*TRAIN_ACTDIFF), copy.digest("red_herring.stages.render_table")) == before


def test_every_import_of_the_package_is_followed():
    closure = {"red_herring.stages.train"}
    waiting = list(closure)
    while waiting:
        new = set(provenance._parsed(waiting.pop()).imports) - closure
        closure |= new
        waiting += new
    assert {
        "red_herring.networks.resnet",
        "red_herring.methods.base",
        "red_herring.data.masks",
        "red_herring.runtime.files",
    } <= closure
    assert not [module for module in closure if module.startswith("red_herring.report")]


def test_the_environment_names_versions_and_commit():
    found = provenance.environment()
    assert found["versions"]["torch"].startswith("2.14.1")
    assert found["python"] == platform.python_version()
    assert {"commit", "uncommitted_changes", "processor"} <= set(found)


MADE = r'''
"""A module with what versions of Python parse, print or escape differently."""
from __future__ import annotations

import math as m


@m.nothing
class Thing(dict, metaclass=type):
    """Documented."""

    size: int = -0x_ff
    many, *rest = 1e300, 1e999, -0.0, 2j, 10**20, True, None, ..., b"\x00\xff", "🫨 'quoted' \\ \"", u"unicode"

    async def take(self, a, /, b=1, *args: int, c, d={**{}, "k": [*()]}, **more) -> dict[str, int]:
        async with self as one, a as (two, three):
            return [x async for x in one if (y := await x) and not y]


def say(value, width=3, *, names=()):
    text = f"a{value!r:>{width}}" "b" f"{{c}}{value = }{value:}{f'{width:0{width}d}'}" "" f"" "d\n" f"\t{value:\n}"
    empty, joined, raw = f"", f"{value}" f"{width}", rf"\d{value}{{"
    match value:
        case {"a": 1, **rest} | [int(real=0), *_] if rest:
            pass
        case None | True | -1 | 1 + 2j | m.pi | "s":
            ...
        case Thing() as thing:
            return lambda x, *y, z=1: (yield x)
        case _:
            raise ValueError(text, empty, joined, raw) from None
    try:
        with open(value) as file, (open(text)) as other:
            del file, other.x[1:2, ::3, ...]
    except* (OSError, ValueError) as error:
        found = {name: {error, 1 if name else 2} for name in names for _ in name if _ < 2 <= 3 != 4}
    else:
        assert value is not width, "no"
    finally:
        while width and (not names or value) and (value or not (names)):
            width -= ~1 << 2 // 3 @ 4
    print(*names, **value)
    return (1, 2), (3,), (), [], {}, found[*names]
'''


@pytest.fixture
def made(tmp_path):
    """made(text) -> the digest of a module of this text, alone in its package."""
    package = tmp_path / "red_herring"

    def digest(text: str, python: str = sys.executable) -> str:
        (package / "runtime").mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGE / "runtime" / "provenance.py", package / "runtime")
        (package / "made.py").write_text(text, encoding="utf-8")
        code = "from red_herring.runtime.provenance import code_digest; print(code_digest('red_herring.made'))"
        done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return digest


@pytest.mark.slow
@pytest.mark.parametrize("version", SUPPORTED)
def test_the_digest_does_not_depend_on_the_version_of_python(version, copy, made):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    stages = [f"red_herring.stages.{path.stem}" for path in sorted((PACKAGE / "stages").glob("[!_]*.py"))]
    assert copy.digest(*stages, python=python) == provenance.code_digest(*stages)
    assert made(MADE, python) == "a2d2244b5abe"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 'a'", 'x = ("a")  # another quote'),
        ("x = f'a{y}b' 'c'", "x = f'a{y}' 'bc'"),
        ("x = f'{y}'", "x = '' f'{y}' ''"),
        ("def f():\n    return 1", "def f():\n    'What it does.'\n    return 1"),
        ("if x:\n    pass", "if x: ..."),
        ("x = u'a'", "x = 'a'"),
    ],
)
def test_how_the_same_is_written_does_not_count(one, other):
    assert logic(one) == logic(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x: int, *y: int, z: str = 'a', **k: int) -> int: return x", "def f(x, *y, z='a', **k): return x"),
        ("async def f(x: int) -> int: return x", "async def f(x): return x"),
        ("x: int = 1", "x = 1"),
        ("def f():\n    x: int\n    self.y: int = 1", "def f():\n    self.y = 1"),
        ("class A:\n    def f(self, x: A) -> A: y: A = x", "class A:\n    def f(self, x): y = x"),
    ],
)
def test_types_of_functions_and_variables_do_not_count(one, other):
    assert logic(one) != logic(other)
    assert untyped(one) == untyped(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("class A:\n    x: int", "class A:\n    x: str"),
        ("class A:\n    x: int = 1", "class A:\n    x = 1"),
        ("def f():\n    class A:\n        x: int", "def f():\n    class A: pass"),
        ("def f(x: int = 1): return x", "def f(x: int = 2): return x"),
        ("def f(x: int): return x", "def f(y: int): return y"),
    ],
)
def test_fields_of_a_class_count_and_so_do_names_and_defaults(one, other):
    assert untyped(one) != untyped(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0.0", "x = -0.0"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'é'", "x = 'è'"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("x = f'{y}'", "x = f'{y!r}'"),
        ("x = f'{y}'", "x = f'{y:3}'"),
        ("x = f'{y:3}'", "x = f'{y:{3}}'"),
        ("x = f'{y}a'", "x = f'a{y}'"),
        ("x = f'{y}'", "x = '{y}'"),
        ("x = [None]", "x = []"),
        ("x = {None: 1}", "x = {**1}"),
        ("return_ = lambda: None", "return_ = lambda: 0"),
        ("f(*x)", "f(x)"),
        ("f(x, y)", "f(x, y=y)"),
        ("def f(x, /): return x", "def f(x): return x"),
        ("def f(x, y=1): return x", "def f(x, *, y=1): return x"),
        ("def f(*, x, y=1): return x", "def f(*, x=1, y): return x"),
        ("async def f(): return 1", "def f(): return 1"),
        ("def f(): return g", "def f(): yield g"),
        ("for x in y:\n    f()\nelse:\n    g()", "for x in y:\n    f()\ng()"),
        ("try:\n    f()\nfinally:\n    g()", "try:\n    f()\nexcept:\n    g()"),
        ("match x:\n    case None: y", "match x:\n    case False: y"),
        ("from a import b", "from a import b as c"),
        ("x: int", "x: str"),
    ],
)
def test_what_makes_a_difference_counts(one, other):
    assert logic(one) != logic(other)


def logic(code: str) -> str:
    return provenance._canonical(ast.parse(code))


def untyped(code: str) -> str:
    return provenance._canonical(provenance._untyped(ast.parse(code)))


def test_the_locale_does_not_count(copy, monkeypatch):
    copy.edit("training/fit.py", "import torch\n", "import torch\n\nNAME = 'é'\n")
    before = copy.digest(*TRAIN_ACTDIFF)
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    assert copy.digest(*TRAIN_ACTDIFF) == before
