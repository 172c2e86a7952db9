"""A state as one file: the same back, also types of keys and values; what is not whole gets a sentence."""

import pytest
import torch
from red_herring.runtime.files import StudyError
from red_herring.training.states import read_state, write_state

STATE = {
    "w": torch.arange(3.0),
    "opt": {0: {"step": torch.tensor(2.0)}, 1: [torch.ones(2, dtype=torch.uint8), None]},
    "n": 3,
}


def test_a_state_comes_back_as_it_was(tmp_path):
    file = tmp_path / "state.safetensors"
    write_state(file, STATE)
    found = read_state(file)
    assert found.keys() == STATE.keys()
    assert found["n"] == 3
    assert torch.equal(found["w"], STATE["w"])
    assert torch.equal(found["opt"][0]["step"], torch.tensor(2.0))
    assert found["opt"][1][1] is None
    assert found["opt"][1][0].dtype == torch.uint8
    first = file.read_bytes()
    write_state(file, found)
    assert file.read_bytes() == first


@pytest.mark.parametrize("content", [b"", b"half", None])
def test_a_file_that_is_not_whole_gets_a_sentence(tmp_path, content):
    file = tmp_path / "state.safetensors"
    write_state(file, STATE)
    file.write_bytes(file.read_bytes()[:-1] if content is None else content)
    with pytest.raises(StudyError, match=r"is not a whole state .* delete it and make it again"):
        read_state(file)


def test_a_file_without_a_state_and_one_that_is_not_there_get_a_sentence(tmp_path):
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(StudyError, match="is not a whole state"):
        read_state(tmp_path / "weights.safetensors")
    with pytest.raises(StudyError, match="there is no such file"):
        read_state(tmp_path / "none.safetensors")
