"""Processes that evaluate trials: what goes wrong in them is told where they were started."""

import subprocess
import sys
from pathlib import Path

import pytest
from red_herring.training.parallel import processes

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.mark.slow
def test_a_bug_in_a_process_is_raised_here_and_says_where_it_was(tmp_path):
    run = ({"device": "cpu", "precision": "float32"}, tmp_path / "split.csv", [None], 1, 1)
    with pytest.raises(AttributeError) as caught, processes(1, run) as evaluate:
        evaluate([({"lr": 1e-3}, tmp_path)])
    (note,) = caught.value.__notes__
    assert "training/run.py" in note


TOLD_AND_STOPPED = """
import os, signal
from red_herring.training.parallel import _work

class Connection:
    def send(self, error):
        os.kill(os.getpid(), signal.SIGTERM)
        print(type(error).__name__)

_work(Connection(), os.getppid(), 20, ())
"""


@pytest.mark.slow
def test_a_process_that_tells_its_error_ends_by_itself_though_it_is_stopped():
    done = subprocess.run([sys.executable, "-c", TOLD_AND_STOPPED], cwd=WORKFLOW, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "TypeError\n", "")
