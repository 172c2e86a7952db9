"""What figures are drawn from is found, and what is missing is named."""

import pytest
from red_herring.report.figures import (
    _inputs,
)
from red_herring.runtime.files import StudyError
from support.drawn import csv


def test_a_table_is_found_by_its_name(tmp_path):
    files = [csv(tmp_path, "runs.csv", [{"task": "t", "seed": 1}]), csv(tmp_path, "other.csv", [{"x": 1}])]
    assert _inputs.table_of(files, "runs.csv", "task")["task"].tolist() == ["t"]
    with pytest.raises(
        StudyError, match=r"trials\.csv: is not among the files of this figure, given is other\.csv, runs"
    ):
        _inputs.table_of(files, "trials.csv")
    with pytest.raises(StudyError, match=r"runs\.csv: has no column 'method'"):
        _inputs.table_of(files, "runs.csv", "task", "method")


def test_a_file_without_a_line_is_a_table_without_rows(tmp_path):
    (tmp_path / "trials.csv").write_text("\n")
    table = _inputs.table_of([tmp_path / "trials.csv"], "trials.csv", "task", "method")
    assert table.empty
    assert list(table) == ["task", "method"]


def test_a_figure_of_one_task_refuses_several():
    assert _inputs.only_task({"tasks": {"a": {"ratio": 1}}}) == ("a", {"ratio": 1})
    with pytest.raises(StudyError, match="this figure shows one task, given are a, b"):
        _inputs.only_task({"tasks": {"a": {}, "b": {}}})
