"""Imports run downwards only, and nobody imports more than the job needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LONGEST, ROOT

PACKAGE = ROOT / "workflow" / "red_herring"
LAYERS = [
    {"runtime", "reference", "statistics"},
    {"study"},
    {"networks"},
    {"data", "methods"},
    {"training", "saliency", "report"},
    {"analyses", "generation"},
    {"stages"},
]


def room(module: str) -> str:
    return module.split(".")[1]


def imports(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_run_downwards(file):
    if file.parent == PACKAGE and file.stem == "__init__":
        return
    own = file.relative_to(PACKAGE).with_suffix("").parts[0]
    level = next(number for number, layer in enumerate(LAYERS) if own in layer)
    for name in imports(file):
        assert not name.startswith("snakemake"), "the package knows nothing of Snakemake"
        if name.startswith("red_herring."):
            assert room(name) == own or any(room(name) in layer for layer in LAYERS[:level]), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage",
    [
        "fetch_source",
        "fetch_weights",
        "index_source",
        "prepare_images",
        "draw_splits",
        "plan_splits",
        "tabulate_splits",
        "compare_splits",
        "tune",
        "collect_runs",
        "collect_incomplete",
        "collect_published",
        "cost",
        "bootstrap_auc",
        "collect_detection",
        "tell_apart",
        "compare_studies",
        "render_explorer",
        "render_overview",
        "render_table",
        "render_figure",
        "render_data_sheet",
        "reader",
        "reader_results",
        "release",
        "report_missing",
    ],
)
def test_stages_without_training_do_not_import_torch(stage):
    code = f"import sys, red_herring.stages.{stage}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_workflow_imports_nothing_heavy():
    modules = ("study.configuration", "report.items", "stages", "runtime.provenance", "runtime.cards")
    code = f"import sys, {', '.join(f'red_herring.{module}' for module in modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert not {"torch", "pandas", "numpy", "matplotlib", "skopt"} & set(done.stdout.split())


def calls(file: Path) -> list[tuple[str, ast.Call]]:
    """Every call of a file with the last part of what is called."""
    nodes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [(getattr(node.func, "attr", getattr(node.func, "id", "")), node) for node in nodes]


def depends_on_the_locale(name: str, call: ast.Call) -> bool:
    """Whether a call reads or writes text and does not say in which encoding."""
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    bare = isinstance(call.func, ast.Name)
    if "encoding" in given or None in given:
        return False
    if name in ("run", "Popen", "check_output"):
        return bool({"text", "universal_newlines"} & given.keys())
    if name in ("open", "fdopen") and (bare or ast.unparse(call.func) in ("os.fdopen", "io.open")):
        return "b" not in given.get("mode", "".join(map(ast.unparse, call.args[1:2])))
    return name in ("read_text", "write_text") and not bare  # a function of that name is our own


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_text_is_utf_8_whatever_the_locale(file):
    for name, call in calls(file):
        assert not depends_on_the_locale(name, call), f"line {call.lineno}: {ast.unparse(call)}"


def test_our_tables_have_one_reader():
    """Users' tables are read by the sources; a release copies cells as they are written."""
    files = {str(file.relative_to(PACKAGE)): calls(file) for file in PACKAGE.rglob("*.py")}
    readers = {file for file, called in files.items() if "read_csv" in dict(called)}
    assert {file for file in readers if not file.startswith("data/sources/")} == {
        "runtime/frames.py",
        "report/release.py",
    }


def test_importing_the_package_in_a_notebook_imports_nothing_heavy():
    code = "import sys, red_herring; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert not {"pandas", "numpy", "yaml"} & set(done.stdout.split())


def test_the_files_of_tests_that_are_run_first_are_there():
    assert [name for name in LONGEST if not (ROOT / "tests" / f"{name}.py").is_file()] == []
