"""What the page of benchmarks says of the machine."""

from __future__ import annotations

import importlib.metadata
import os
from typing import Any

import pytest

LOAD_BEFORE = os.getloadavg()[0]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    del machine_info["node"]  # the name of somebody's computer
    machine_info["memory"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    machine_info["load_before"] = LOAD_BEFORE
    machine_info["torch"] = importlib.metadata.version("torch")
