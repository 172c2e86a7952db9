"""Where a result comes from: a digest of the code behind a stage, the versions, the commit."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
LIBRARIES = ("torch", "numpy", "pandas", "scikit-learn", "scikit-optimize", "captum", "torchxrayvision", "snakemake")


PLUMBING = frozenset(f"{PACKAGE.name}.{module}" for module in ("cards", "interrupt", "locks", "stages.command"))
"""How stages are started, stopped and kept apart, which makes no difference to what they make."""


@cache
def code_digest(*modules: str) -> str:
    """12 hexadecimal digits over the modules and all that they import inside the package.

    Comments, docstrings and layout do not count, so only a change of what runs changes the digest. Imports must be
    written out: what a module loads by a name known only at run time has to be passed in `modules` as well.
    """
    closure: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in closure | PLUMBING:
            closure.add(module)
            waiting.extend(_imports(module))
    digest = hashlib.sha256()
    for module in sorted(closure):
        digest.update(f"{module}\n{_logic(module)}\n".encode())
    return digest.hexdigest()[:12]


def method_code_digest(stage: str, method: str) -> str:
    """The digest of the code behind `tune` or `train` for one method, which they load by its name."""
    methods = f"{PACKAGE.name}.methods"
    return code_digest(f"{PACKAGE.name}.stages.{stage}", f"{methods}.{method}", f"{methods}.classification")


def made_by(stage: str, settings: dict[str, Any]) -> str:
    """12 hexadecimal digits over the settings and the code by which `tune` or `train` makes a search or a run."""
    code = method_code_digest(stage, settings["method"])
    return hashlib.sha256(f"{json.dumps(settings, sort_keys=True)}\n{code}".encode()).hexdigest()[:12]


def _file(module: str) -> Path | None:
    """The file of a module of this package, or None for any other name."""
    if module.split(".")[0] != PACKAGE.name:
        return None
    path = PACKAGE.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = _file(module)
    if file is None:
        raise ModuleNotFoundError(f"{module} is not a module of {PACKAGE.name}")
    return ast.parse(file.read_text(), filename=str(file))


@cache
def _imports(module: str) -> tuple[str, ...]:
    names = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    parents = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    return tuple(sorted(name for name in names | parents if _file(name)))


@cache
def _logic(module: str) -> str:
    """The code of a module without comments and without strings that stand alone, such as docstrings."""

    class Bare(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST:
            alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            return ast.copy_location(ast.Pass(), node) if alone else node

    return ast.unparse(Bare().visit(ast.parse(ast.unparse(_tree(module)))))


def versions() -> dict[str, str | None]:
    """Of the libraries that results may depend on."""
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = None
    return found


def environment() -> dict[str, Any]:
    """What ran: Python, operating system, library versions, and the commit with a mark when the tree had changes."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "versions": versions(),
        **_commit(),
    }


def _commit() -> dict[str, Any]:
    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(PACKAGE), *arguments], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "uncommitted_changes": None if changes is None else bool(changes)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
