"""Methods and their variants: a method of the configuration that is `of` another one, with other options or ranges."""

from __future__ import annotations

import re
from typing import Any

from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import MethodCard, method_card, method_names
from red_herring.study.defaults import Config, leaves
from red_herring.study.lineage import check_differs, derived, lineage, whole

NAME = re.compile(r"[A-Za-z0-9_]+")

READ = {"search": ("options", "search"), "published": ("options",), "given": ("options", "hyperparameters")}
"""Mode of `tuning` -> what is read of a method."""


def files_of(methods: Any) -> dict[str, str]:
    """Name -> file of all methods of the checkout and of the section `methods`, whatever else that holds.

    StudyError for a variant of nothing known, of itself, or with a name that is taken.
    """
    own, variants = method_names(), derived(methods)
    for name in variants:
        if name in own:
            raise StudyError(f"config: methods.{name}.of: {name} is a method by itself; call the variant otherwise")
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise StudyError(f"config: methods: has the name {name!r}; allowed are letters, digits and _")
    known = [*own, *variants]
    return {name: name for name in own} | {name: lineage("methods", name, variants, known)[-1] for name in variants}


def derive_methods(methods: dict[str, Config]) -> dict[str, Config]:
    """The section `methods` with every variant whole: options, search and hyperparameters of what it is of, too."""
    known = files_of(methods)
    lines = {name: lineage("methods", name, derived(methods), known) for name in methods}
    return {name: _titled(whole(line, methods), methods[name]) for name, line in lines.items()}


def _titled(method: Config, written: Config) -> Config:
    """A title is a variant's own."""
    own = {"title": written["title"]} if "title" in written else {}
    return {key: value for key, value in method.items() if key != "title"} | own


def file_of(config: Config, method: str) -> str:
    """The file of methods/ that a method is of."""
    while "of" in config["methods"].get(method, {}):
        method = config["methods"][method]["of"]
    return method


def card_of(config: Config, method: str) -> MethodCard:
    """What the file of a method declares."""
    return method_card(file_of(config, method))


def options_of(config: Config, method: str) -> dict[str, Any]:
    """The options that are given for a method."""
    options: dict[str, Any] = config["methods"].get(method, {}).get("options", {})
    return options


def title_of(config: Config, method: str) -> str:
    """What tables and figures call a method: a variant that has no title by what differs, such as `RRR (norm l1)`."""
    base = method
    while "of" in config["methods"].get(base, {}) and "title" not in config["methods"][base]:
        base = config["methods"][base]["of"]
    own = config["methods"].get(base, {}).get("title") or card_of(config, base).title
    theirs, read = _effective(config, base), READ[config["tuning"]["mode"]]
    differs = [
        _said(key, value)
        for key, value in _effective(config, method).items()
        if value != theirs.get(key) and key.partition(".")[0] in read
    ]
    return f"{own} ({', '.join(differs)})" if differs else own


def check_variants(config: Config, written: dict[str, Config]) -> None:
    """StudyError for a variant that says again what it is of, is shown like another, or differs in nothing that is
    read. written: what was derived.
    """
    mode = config["tuning"]["mode"]
    for name, variant in derived(written).items():
        own = {key: value for key, value in variant.items() if key not in ("of", "title") and value}
        check_differs(f"methods.{name}", own, _effective(config, variant["of"]), variant["of"])
        if not own:
            raise StudyError(f"config: methods.{name}: differs from {variant['of']} in nothing; say what differs")
        if name in config["study"]["methods"] and own.keys().isdisjoint(READ[mode]):
            raise StudyError(
                f"config: methods.{name}: differs from {variant['of']} only in {' and '.join(own)}, not read where "
                f"tuning.mode is {mode!r}; say what else differs or change the mode"
            )
    known: dict[str, str] = {}
    for name in config["study"]["methods"]:
        title = title_of(config, name)
        other = known.setdefault(title, name)
        if other != name:
            raise StudyError(
                f"config: methods: {other} and {name} are both called {title!r} in tables; give one a `title`"
            )


def _effective(config: Config, method: str) -> dict[str, Any]:
    """Dotted key -> value of all that a method may be given, also where it is the file's."""
    card, given = card_of(config, method), config["methods"].get(method, {})
    options = {f"options.{name}": values[0] for name, values in card.options.items()}
    bounds = {f"search.{name}": bounds for name, (_, *bounds) in card.hyperparameters.items()}
    return options | bounds | leaves({key: given[key] for key in given if key not in ("of", "title")})


def _said(key: str, value: Any) -> str:
    name = key.partition(".")[2].replace("_", " ")
    return f"{name} {value[0]:g} to {value[1]:g}" if isinstance(value, list) else f"{name} {value}"
