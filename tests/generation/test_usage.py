"""Seconds and memory of the parts of a job."""

import time

import numpy as np
import pytest
import torch
from red_herring.generation import usage
from red_herring.generation.usage import COLUMNS, Usage

MIB = 2**20


def test_each_part_has_its_own_seconds_and_its_own_peak():
    own = Usage(torch.device("cpu"))
    with own.part("large", 3):
        np.ones(64 * MIB, np.uint8)
    with own.part("small", 0):
        time.sleep(0.02)
    table = own.table().set_index("part")
    assert [table.index.name, *table.columns] == COLUMNS
    assert table["steps"].tolist() == [3, 0]
    assert table.loc["small", "seconds"] >= 0.02 > table.loc["small", "cpu_seconds"]
    taken = table["memory_mib"] - table["before_mib"]
    assert 60 < taken["large"] < 80
    assert 0 <= taken["small"] < 10
    assert table["gpu_mib"].isna().all()


def test_where_the_system_does_not_say_the_memory_it_is_not_known(monkeypatch, tmp_path):
    monkeypatch.setattr(usage, "PROCESS", tmp_path / "none")
    own = Usage(torch.device("cpu"))
    with own.part("all", 1):
        pass
    assert own.table()[["before_mib", "memory_mib"]].isna().all(axis=None)


def test_a_part_that_fails_is_none():
    own = Usage(torch.device("cpu"))
    with pytest.raises(ValueError), own.part("all", 1):
        raise ValueError
    assert len(own.table()) == 0
