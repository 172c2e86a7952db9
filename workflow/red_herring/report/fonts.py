"""Names in any script: other fonts of the machine where ours lacks a character, its code point where all do."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

OURS = "DejaVu Sans"
"""Comes with Matplotlib, which takes it unless told otherwise."""

LAST_RESORT = "Last Resort"
"""What the names of fonts begin with that have a box for every character."""

SHAPELESS = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Unicode's categories of characters that are nothing to see: controls, joiners and spaces."""

Value = TypeVar("Value", str, list[Any], dict[str, Any])

log = logging.getLogger(__name__)


def showable(value: Value) -> Value:
    """The same text, or the same list or dictionary of texts and other values, as Matplotlib must be given it so that
    it shows what is written.

    From now on figures take further fonts of this machine where ours has no shape for a character. If none has, its
    code point stands for it, such as \\u53f3, and one sentence in the log says so. A dollar begins no formula.
    """
    shapes: dict[str, str | None] = {character: _family(character) for character in sorted(_characters(value))}
    families: list[str] = matplotlib.rcParams["font.family"]
    matplotlib.rcParams["font.family"] = list(dict.fromkeys([*families, *filter(None, shapes.values())]))
    lacking = [character for character, family in shapes.items() if family is None]
    if lacking:
        log.warning(
            "no font of this machine has %s, so figures show \\u and the number instead; install one that has, such as "
            "Debian's fonts-noto-cjk (Chinese, Japanese, Korean) or fonts-noto-core (most others), and make them again",
            ", ".join(f"{character} (U+{ord(character):04X})" for character in lacking),
        )
    escapes = {character: character.encode("ascii", "backslashreplace").decode() for character in lacking}
    return _translated(value, str.maketrans({"$": r"\$", **escapes}))


def _characters(value: Value) -> set[str]:
    """Those besides ASCII that have a shape."""
    return {
        character
        for text in _texts(value)
        if not text.isascii()
        for character in text
        if not character.isascii() and _has_shape(character)
    }


def _has_shape(character: str) -> bool:
    selects = unicodedata.name(character, "").startswith("VARIATION SELECTOR")  # among shapes of the one before it
    return not selects and unicodedata.category(character) not in SHAPELESS


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _translated(value: Value, table: dict[int, str]) -> Value:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, list):
        return [_translated(part, table) for part in value]
    return {key: _translated(part, table) for key, part in value.items()} if isinstance(value, dict) else value


@cache
def _family(character: str) -> str | None:
    """The family that has the character: Matplotlib's own if it has, else the first of the others."""
    if ord(character) in _charmap(font_manager.findfont(OURS)):
        return "sans-serif"
    return next((name for name, file in _others().items() if ord(character) in _charmap(file)), None)


def _weight(font: font_manager.FontEntry) -> int:
    return font.weight if isinstance(font.weight, int) else font_manager.weight_dict[font.weight]


@cache
def _others() -> dict[str, str]:
    """Family -> file of the fonts of this machine, the plain ones first; also of those that were installed since
    Matplotlib listed them.
    """
    manager = font_manager.fontManager
    for file in sorted(set(font_manager.findSystemFonts()) - {font.fname for font in manager.ttflist}):
        try:
            manager.addfont(file)
        except Exception as error:  # whatever is wrong with it, it is none of ours
            log.info("%s: cannot be used (%s)", file, error)
    upright = [font for font in manager.ttflist if font.style == "normal" and not font.name.startswith(LAST_RESORT)]
    upright.sort(key=lambda font: ("Sans" not in font.name, "Mono" in font.name, font.name, abs(_weight(font) - 400)))
    found: dict[str, str] = {}
    for font in upright:
        found.setdefault(font.name, font.fname)
    return found


@cache
def _charmap(file: str) -> frozenset[int]:
    """The code points that a font has; none of one that is made of pictures, which Matplotlib cannot draw."""
    try:
        font = FT2Font(file)
    except (OSError, RuntimeError):  # it is gone, or damaged
        return frozenset()
    return frozenset(font.get_charmap()) if font.scalable else frozenset()
