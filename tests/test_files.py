"""Whole files or none."""

import errno
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from red_herring.files import StudyError, read_json, replacing, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_a_write_beyond_the_space_that_there_is_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[2]);"
        "from red_herring.files import write_text;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "write_text(sys.argv[1], 'x' * 5000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(ROOT / "workflow")], capture_output=True, text=True, check=False
    )
    assert os.strerror(errno.EFBIG) in done.stderr
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_json_does_not_take_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, "{half"])
def test_an_unusable_json_is_named(tmp_path, content):
    path = tmp_path / "run.json"
    if content:
        path.write_text(content)
    with pytest.raises(StudyError, match=r"run\.json"):
        read_json(path)
