"""Device and precision."""

import pytest
import torch
from red_herring.files import StudyError
from red_herring.hardware import Hardware, pick


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_named():
    assert pick("cpu", "float32").device.type == "cpu"
    assert pick("auto", "float32").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(StudyError, match=r"training\.device: is cuda, but PyTorch sees no CUDA device"):
            pick("cuda", "float32")


def test_it_takes_as_many_threads_as_it_is_given():
    pick("cpu", "float32", threads=2)
    assert torch.get_num_threads() == 2
    pick("cpu", "float32")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("has", "chosen"), [({"avx512_bf16": True}, "bfloat16"), ({"amx_bf16": True}, "bfloat16"), ({}, "float32")]
)
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, has, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True} | has)
    assert pick("cpu", "auto").precision == chosen
    assert pick("cpu", "float32").precision == "float32"


def test_only_bfloat16_mixes_precisions():
    def product(precision):
        with Hardware(torch.device("cpu"), precision).mixed():
            return (torch.eye(2) @ torch.eye(2)).dtype

    assert [product(name) for name in ("float32", "tf32", "bfloat16")] == [torch.float32, torch.float32, torch.bfloat16]


def test_weights_that_change_between_two_passes_are_cast_again():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    with Hardware(torch.device("cpu"), "bfloat16").mixed():
        before = torch.eye(2) @ weight
        with torch.no_grad():
            weight.mul_(2)
        assert torch.equal(torch.eye(2) @ weight, 2 * before)


def test_float32_is_not_rounded_to_tf32():
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default
    for precision in ("float32", "bfloat16"):
        pick("cpu", precision)
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.allow_tf32
    with pytest.raises(StudyError, match=r"training\.precision: is tf32, which only GPUs have"):
        pick("cpu", "tf32")
