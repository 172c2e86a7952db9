"""Whole files or none."""

import errno
import os
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from red_herring.runtime.files import (
    StudyError,
    check_times,
    check_writable,
    read_json,
    remove_leftovers,
    replacing,
    write_json,
    write_text,
)


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
        "from red_herring.runtime.files import write_text;"
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


def test_leftovers_of_a_killed_writer_go_and_nothing_else(tmp_path):
    for name in (".a.0123abcd.csv", ".a.0123abcd.json", ".b.0123abcd.csv", ".a.mine.csv", "a.csv", ".a.csv.lock"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path / "a.csv")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".a.0123abcd.json", ".b.0123abcd.csv", ".a.mine.csv", "a.csv", ".a.csv.lock"}
    remove_leftovers(tmp_path / "nowhere" / "a.csv")


def test_what_replacing_leaves_when_killed_is_a_leftover(tmp_path):
    with replacing(tmp_path / "seed=1.csv") as temporary:
        temporary.touch()
        remove_leftovers(tmp_path / "seed=1.csv")
        assert not temporary.exists()
        temporary.touch()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, small_disk):
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    full = small_disk(tmp_path / "full", "4k")
    (full / "filler").write_bytes(bytes(4096))
    with pytest.raises(StudyError, match=f"{full}: No space left on device; put that right and run again"):
        check_writable(full)


def test_a_file_from_the_future_is_to_be_touched(tmp_path):
    path = tmp_path / "table.csv"
    path.touch()
    check_times([path, tmp_path / "none.csv"])
    os.utime(path, (0, time.time() + 3600))
    with pytest.raises(StudyError, match=r"table\.csv: was changed on .*, in the future .*; `touch .*table\.csv`"):
        check_times([path])
