"""Processes that evaluate trials: what goes wrong in them is told where they were started."""

import pytest
from red_herring.training.parallel import processes


@pytest.mark.slow
def test_a_bug_in_a_process_is_raised_here_and_says_where_it_was(tmp_path):
    run = ({"device": "cpu", "precision": "float32"}, tmp_path / "split.csv", [None], 1, 1)
    with pytest.raises(AttributeError) as caught, processes(1, run) as evaluate:
        evaluate([({"lr": 1e-3}, tmp_path)])
    (note,) = caught.value.__notes__
    assert "training/run.py" in note
