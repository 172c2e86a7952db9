"""Where a result comes from: a digest of the code behind a stage, the versions, the commit."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from red_herring.runtime.typed_json import dumped

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("torch", "numpy", "pandas", "scikit-learn", "scikit-optimize", "captum", "torchxrayvision", "snakemake")


PLUMBING = frozenset(
    f"{PACKAGE.name}.{module}"
    for module in (
        *("runtime.cards", "runtime.command", "runtime.interrupt", "runtime.locks", "runtime.preload"),
        "runtime.typed_json",
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
            waiting.extend(_parsed(module).imports)
    digest = hashlib.sha256()
    for module in sorted(closure):
        digest.update(f"{module}\n{_parsed(module).logic}\n".encode())
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


class Parsed(NamedTuple):
    """What of the source of a module counts."""

    imports: tuple[str, ...]  # modules of this package
    logic: str  # its code, as a text that is the same in every version of Python


@cache
def _parsed(module: str) -> Parsed:
    """The tree of a module is not kept: with all of them in memory, collecting garbage takes longer than parsing."""
    file = _file(module)
    if file is None:
        raise ModuleNotFoundError(f"{module} is not a module of {PACKAGE.name}")
    tree = ast.parse(file.read_bytes(), filename=str(file))
    imports = _imports(tree)
    if not module.startswith(f"{PACKAGE.name}.stages."):  # whose types are their command lines
        tree = _untyped(tree)
    if f"{module}.".startswith(CARDS):
        tree.body = [statement for statement in tree.body if not _describes(statement)]
    return Parsed(imports, _canonical(tree))


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""The fields of a statement that hold others."""


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """The tree and all statements in it, each before those that it holds. No expression holds one."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        statement = waiting.pop()
        yield statement
        for block in BLOCKS:
            waiting.extend(getattr(statement, block, ()))


def _imports(tree: ast.Module) -> tuple[str, ...]:
    """The modules of this package that it imports, with the packages that they are in."""
    names: set[str] = set()
    for statement in _statements(tree):
        if isinstance(statement, ast.Import):
            names.update(alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0 and statement.module:
            names.add(statement.module)
            names.update(f"{statement.module}.{alias.name}" for alias in statement.names)
    parents = {name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)}
    return tuple(sorted(name for name in names | parents if _file(name)))


def _untyped(tree: ast.Module) -> ast.Module:
    """The tree without types of parameters, results and variables. Those in the body of a class stay, as they may make
    it a dataclass's field.
    """
    for statement in _statements(tree):
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            statement.returns = None
            given = statement.args
            for parameter in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
                if parameter:
                    parameter.annotation = None
        if not isinstance(statement, ast.ClassDef):
            for block in set(BLOCKS) & vars(statement).keys():
                setattr(statement, block, [*filter(None, map(_assigned, getattr(statement, block)))])
    return tree


def _assigned(statement: ast.AST) -> ast.AST | None:
    """The statement, or the assignment in it without its type, if there is one."""
    if not isinstance(statement, ast.AnnAssign):
        return statement
    return ast.Assign([statement.target], statement.value) if statement.value else None


def _describes(statement: ast.stmt) -> bool:
    """Whether it is a constant of WORDS."""
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Name) and target.id in WORDS for target in statement.targets
    )


def _canonical(part: Any) -> str:
    """A syntax tree with the names of its fields, without empty ones and without statements that do nothing.

    `ast.unparse` and `ast.dump` are not the same in every version of Python: quotes, parentheses and what is left out
    are their version's.
    """
    kind = type(part)
    if kind is list:
        kept = [_canonical(one) for one in part if not _does_nothing(one)]
        return f"[{','.join(kept)}]"
    if kind is ast.JoinedStr:
        return f"JoinedStr{_canonical(_joined(part))}"
    if isinstance(part, ast.AST):
        fields = [(name, getattr(part, name, None)) for name in kind._fields if name != "kind"]
        given = [f"{name}={_canonical(value)}" for name, value in fields if not (value is None or value == [])]
        return f"{kind.__name__}({','.join(given)})"
    return f"{kind.__name__}:{part!a}"  # in ASCII, as versions know different letters


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
