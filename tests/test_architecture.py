"""Imports run downwards only, and nobody imports more than the job needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "workflow" / "red_herring"
LAYERS = [
    {"files", "interrupt", "locks", "reference", "terms"},
    {"cards"},
    {"provenance", "catalogue", "hardware", "layers", "places"},
    {"model"},
    {"items"},
    {"study"},
    {"configuration"},
    {"data", "methods"},
    {"training"},
    {"results", "saliency", "tuning"},
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


@pytest.mark.parametrize(
    "stage",
    [
        "fetch_source",
        "index_source",
        "prepare_images",
        "draw_splits",
        "plan_splits",
        "tabulate_splits",
        "tune",
        "collect_runs",
        "collect_incomplete",
        "collect_published",
        "bootstrap_auc",
        "compare_studies",
        "render_explorer",
        "render_overview",
        "render_table",
        "render_figure",
        "render_data_sheet",
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
    modules = ("configuration", "stages", "provenance", "cards")
    code = f"import sys, {', '.join(f'red_herring.{module}' for module in modules)}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert not {"torch", "pandas", "numpy", "matplotlib", "skopt"} & set(done.stdout.split())
