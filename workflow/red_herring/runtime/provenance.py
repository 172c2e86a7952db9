"""Where a result comes from: a digest of the code behind a stage, the versions, the commit."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from red_herring.runtime.typed_json import dumped

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("torch", "numpy", "pandas", "scikit-learn", "scikit-optimize", "captum", "torchxrayvision", "snakemake")


PLUMBING = frozenset(
    f"{PACKAGE.name}.{module}"
    for module in (
        *("runtime.cards", "runtime.command", "runtime.interrupt", "runtime.locks", "runtime.typed_json"),
        "study.stage_settings",
    )
)
"""How stages are started, stopped, kept apart and given their settings, which makes no difference to what they make."""

WORDS = frozenset(
    {
        *("TITLE", "APPROACH", "APPROACHES", "CITATION", "NEEDS_CELLS", "MAPS_BY", "BY", "COLUMNS"),
        *("CATEGORY", "CAPTION", "CAPTION_OF", "IN_VALIDATION", "FILES", "OPTIONAL", "ITEMS", "RELEASED"),
    }
)
"""Constants of cards and of their catalogue: for readers, and for the workflow, which hands to a stage what it needs of
them. No code reads them where they stand.
"""

SHOWN = ("report.tables", "report.figures", "report.pages")
CARDS = tuple(
    f"{PACKAGE.name}.{room}." for room in ("methods", "saliency.attributions", "analyses", "study.catalogue", *SHOWN)
)
"""What the names of modules with such constants begin with."""


@cache
def code_digest(*modules: str) -> str:
    """12 hexadecimal digits over the modules and all that they import inside the package.

    Comments, docstrings, layout, types that nothing reads, the WORDS of cards and the version of Python do not count,
    so only a change of what runs changes the digest. Imports must be written out: what a module loads by a name known
    only at run time has to be passed in `modules` as well.
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


def content_digest(*files: str | Path) -> str:
    """12 hexadecimal digits over the content of files, wherever they are."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(Path(file).read_bytes()).digest())
    return digest.hexdigest()[:12]


def method_code_digest(stage: str, method: str) -> str:
    """The digest of the code behind `tune` or `train` for the file of a method, which they load by its name."""
    methods = f"{PACKAGE.name}.methods"
    return code_digest(f"{PACKAGE.name}.stages.{stage}", f"{methods}.{method}", f"{methods}.classification")


class OfMethod(Protocol):
    """Settings that name the file of a method."""

    @property
    def file(self) -> str: ...


def made_by(stage: str, settings: OfMethod) -> str:
    """12 hexadecimal digits over the settings and the code by which `tune` or `train` makes a search or a run."""
    code = method_code_digest(stage, settings.file)
    return hashlib.sha256(f"{dumped(settings, sort_keys=True)}\n{code}".encode()).hexdigest()[:12]


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
    tree = ast.parse(file.read_bytes(), filename=str(file))
    if not module.startswith(f"{PACKAGE.name}.stages."):  # whose types are their command lines
        _Untyped().visit(tree)
    return tree


class _Untyped(ast.NodeTransformer):
    """Changes a tree into one without types of parameters, results and variables. Those in the body of a class stay, as
    they may make it a dataclass's field.
    """

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = [one if isinstance(one, ast.AnnAssign) else self.visit(one) for one in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        return ast.Assign([node.target], node.value) if node.value else None


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
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
    """The code of a module as a text that is the same in every version of Python.

    `ast.unparse` and `ast.dump` are not: quotes, parentheses and what is left out are their version's.
    """
    body = _tree(module).body
    if f"{module}.".startswith(CARDS):
        body = [statement for statement in body if not _describes(statement)]
    return _canonical(ast.Module(body, []))


def _describes(statement: ast.stmt) -> bool:
    """Whether it is a constant of WORDS."""
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id in WORDS for target in statement.targets
    )


def _canonical(part: Any) -> str:
    """A syntax tree with the names of its fields, without empty ones and without statements that do nothing."""
    if isinstance(part, list):
        return f"[{','.join(_canonical(one) for one in part if not _does_nothing(one))}]"
    if isinstance(part, ast.JoinedStr):
        return f"JoinedStr{_canonical(_joined(part))}"
    if isinstance(part, ast.AST):
        given = [(name, value) for name, value in ast.iter_fields(part) if value not in (None, []) and name != "kind"]
        return f"{type(part).__name__}({','.join(f'{name}={_canonical(value)}' for name, value in given)})"
    return f"{type(part).__name__}:{part!a}"  # in ASCII, as versions know different letters


def _does_nothing(part: Any) -> bool:
    """Whether it is `pass` or a constant that stands alone, such as a docstring."""
    return isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))


def _joined(string: ast.JoinedStr) -> list[str | ast.expr]:
    """The parts of an f-string, its text in one piece where versions cut it differently."""
    parts: list[str | ast.expr] = []
    for part in string.values:
        text = str(part.value) if isinstance(part, ast.Constant) else None
        if text is None:
            parts.append(part)
        elif parts and isinstance(parts[-1], str):
            parts[-1] += text
        elif text:
            parts.append(text)
    return parts


def versions() -> dict[str, str | None]:
    """Of the libraries that results may depend on."""
    found: dict[str, str | None] = {}
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
            done = subprocess.run(
                ["git", "-C", str(PACKAGE), *arguments], capture_output=True, encoding="utf-8", check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "uncommitted_changes": None if changes is None else bool(changes)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
