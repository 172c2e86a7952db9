"""`pip install .` gives a package that is whole, light to import, and asks for what it imports."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = ROOT / "workflow" / "red_herring"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that pip makes of a copy of the checkout with the locked setuptools."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", folder, source], check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "red_herring"], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert names == set(tracked.stdout.split())
    assert {"red_herring/report/pages/explorer.html", "red_herring/schemas/config.schema.yaml"} <= names
    assert {"red_herring/reference/published_runs.csv", "red_herring/reference/published_tables.csv"} <= names


@pytest.mark.slow
def test_it_is_imported_in_a_new_environment_quickly_and_finds_its_data(wheel, tmp_path):
    """The environment sees the packages of this one, as if pip had installed the dependencies."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    (site,) = subprocess.run([python, "-c", purelib], capture_output=True, text=True, check=True).stdout.splitlines()
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    outside = subprocess.run([sys.executable, "-c", purelib], capture_output=True, text=True, check=True).stdout
    with open(f"{site}/outside.pth", "w") as file:
        file.write(outside)
    code = """
import json, sys
import red_herring
light = sorted({"torch", "pandas", "numpy", "matplotlib"} & set(sys.modules))
from red_herring import reference
from red_herring.study import schema
from red_herring.report.pages import explorer
print(json.dumps([red_herring.__file__, light, len(schema.full_schema()), reference.PUBLISHED_RUNS.exists(), explorer.TEMPLATE.exists()]))
"""
    done = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    file, light, schema, published, template = json.loads(done.stdout)
    assert file.startswith(site)
    assert light == [], "the tables of a study are read without what trains"
    assert schema > 3
    assert published
    assert template


def test_what_the_package_imports_is_asked_for():
    names = {
        name.split(".")[0]
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _imported(node)
    }
    packages = importlib.metadata.packages_distributions()
    needed = {canonicalize_name(packages[name][0]) for name in names - set(sys.stdlib_module_names) - {"red_herring"}}
    asked = {canonicalize_name(Requirement(one).name) for one in PROJECT["project"]["dependencies"]}
    assert needed <= asked
    decoders = {"pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm"}
    assert asked - needed <= decoders, "asked for and not imported"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def test_the_version_is_the_cited_one():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
    assert PROJECT["project"]["version"] == cited
