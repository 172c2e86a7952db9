"""What the parts of a job take: seconds, processor seconds and memory, as its own process measures them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch

COLUMNS = ["part", "steps", "seconds", "cpu_seconds", "before_mib", "memory_mib", "gpu_mib"]

PROCESS = Path("/proc/self")
"""Where Linux shows the memory of a process."""

FORGET_PEAK = "5"
"""What, written to `clear_refs`, makes the kernel start anew with the peak, which else only grows over a process."""


class Usage:
    """Of one process, the parts one after another, none within another."""

    def __init__(self, device: torch.device):
        self.device = device
        self.rows: list[tuple[str | float, ...]] = []

    @contextmanager
    def part(self, name: str, steps: int) -> Iterator[None]:
        """Measure what is in the block. steps: how many of the part are done in it; one that goes on after an
        interruption does fewer than all.
        """
        before = self._forget_peaks()
        start, busy = time.perf_counter(), time.process_time()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        taken = time.perf_counter() - start, time.process_time() - busy
        peak = before if math.isnan(before) else _resident_peak()
        self.rows.append((name, steps, *taken, before, peak, self._gpu_peak()))

    def table(self) -> pd.DataFrame:
        """One row per part, COLUMNS. seconds: by the clock; cpu_seconds: of all threads. memory_mib: the most that was
        resident at a time, with the libraries and all that the process held; before_mib: what was at the start of the
        part. Both have what was freed by then and not given back to the system, and are NaN where that is not Linux.
        gpu_mib: the most that tensors took on the GPU at a time, NaN without one.
        """
        return pd.DataFrame(self.rows, columns=COLUMNS)

    def _forget_peaks(self) -> float:
        """MiB that are resident now, NaN where the peak cannot be known."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        try:
            (PROCESS / "clear_refs").write_text(FORGET_PEAK, encoding="ascii")
        except OSError:
            return math.nan
        return _resident_peak()

    def _gpu_peak(self) -> float:
        return torch.cuda.max_memory_allocated(self.device) / 2**20 if self.device.type == "cuda" else math.nan


def _resident_peak() -> float:
    """In MiB, since it was made to start anew."""
    lines = (PROCESS / "status").read_text(encoding="utf-8").splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) / 2**10
