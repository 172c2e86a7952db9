"""Names as people write them: one name in several writings, and names that name nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

INVISIBLE = "\u200b\u2060\ufeff"
"""What spreadsheets and web pages leave around a name, and Python does not take for white space."""

NOBODY = frozenset(
    {
        "", "nan", "na", "n a", "none", "null", "nil", "unknown", "unk", "missing", "not available", "not applicable",
        "no name", "noname", "unnamed", "anon", "anonym", "anonymous", "anonymized", "anonymised", "anonymous patient",
        "patient anonymous", "unknown patient", "deidentified", "de identified", "removed", "redacted",
    }
)  # fmt: skip
"""What stands where a patient should, in lower case and with blanks for all but letters and digits."""


def tidy(name: str) -> str:
    """A name in Unicode's composed form (NFC) with no blanks around it, and single ones within."""
    return unicodedata.normalize("NFC", " ".join(name.strip(INVISIBLE).split()))


def tidy_path(path: str) -> str:
    """A path in the composed form with no blanks around it; those within belong to it."""
    return unicodedata.normalize("NFC", path.strip(INVISIBLE).strip())


def names_nobody(patient: str) -> bool:
    """Whether it stands for no patient, such as `unknown`."""
    return re.sub(r"[\W_]+", " ", patient.casefold()).strip() in NOBODY


def alike(names: Iterable[str]) -> list[list[str]]:
    """Names that differ in nothing but case or the way in which a whole number is written, together."""
    writings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        writings.setdefault(key_of(name), []).append(name)
    return [group for group in writings.values() if len(group) > 1]


def key_of(name: str) -> str:
    """The same for names that are `alike`: `Sick` and `sick`, `007`, `7` and `7.0`."""
    number = re.fullmatch(r"0*(\d+)(\.0*)?", name)
    return number[1] if number else name.casefold()
