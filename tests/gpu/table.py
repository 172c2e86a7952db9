"""The table that the checks fill, a row for each, and the time that they have."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Table:
    """One row per check: what, of which method or map, precision and pixels, what was found and wanted, the verdict.

    seconds: after which nothing more is begun, from when the table was.
    """

    seconds: float
    rows: list[dict[str, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, check: str, of: str, precision: str, pixels: object, found: str, wanted: str, verdict: str) -> None:
        row = {
            "check": check, "of": of, "precision": precision, "pixels": str(pixels), "found": found, "wanted": wanted,
            "verdict": verdict,
        }  # fmt: skip
        self.rows.append(row)
        print(f"{check}: {of} {precision} {pixels} {found} {verdict}".replace("  ", " "), file=sys.stderr, flush=True)

    def compare(self, check: str, of: str, precision: str, pixels: object, error: float, limit: float) -> None:
        verdict = "ok" if error <= limit else "FAILED"
        self.add(check, of, precision, pixels, f"{error:.1e}", f"at most {limit:.1e}", verdict)

    def identical(self, check: str, of: str, precision: str, pixels: object, same: bool) -> None:
        verdict = "ok" if same else "FAILED"
        self.add(check, of, precision, pixels, "identical" if same else "different", "identical", verdict)

    def measured(self, check: str, of: str, precision: str, pixels: object, found: str) -> None:
        self.add(check, of, precision, pixels, found, "", "measured")

    def skipped(self, check: str, of: str, why: str) -> None:
        self.add(check, of, "", "", "", "", f"skipped: {why}")

    def late(self, check: str, of: str) -> bool:
        """Whether there is no time left to begin this, which then is a row."""
        late = self.taken > self.seconds
        if late:
            self.skipped(check, of, f"{self.seconds:.0f} s are over")
        return late

    @contextmanager
    def reporting(self, check: str, of: str, precision: str = "", pixels: object = "") -> Iterator[None]:
        """What goes wrong in the block is a row, and the others are still made. So is a package that is not there."""
        try:
            yield
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("", "red_herring", "gpu", "benchmarks"):
                self._failed(check, of, precision, pixels, error)
            else:
                self.skipped(check, of, f"{package} is not installed")
        except Exception as error:
            self._failed(check, of, precision, pixels, error)

    def _failed(self, check: str, of: str, precision: str, pixels: object, error: Exception) -> None:
        traceback.print_exception(error)
        why = str(error).strip().partition("\n")[0].replace("|", "/")
        self.add(check, of, precision, pixels, f"{type(error).__name__}: {why}", "", "FAILED")

    @property
    def taken(self) -> float:
        """Seconds since the table was begun."""
        return time.monotonic() - self.began

    @property
    def failed(self) -> int:
        return sum(row["verdict"] == "FAILED" for row in self.rows)

    def __str__(self) -> str:
        columns = list(self.rows[0])
        lines = [columns, ["---"] * len(columns), *(list(row.values()) for row in self.rows)]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
