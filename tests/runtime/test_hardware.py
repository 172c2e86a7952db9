"""Device and precision."""

import re

import pytest
import torch
from red_herring.runtime import cards, hardware
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware, pick


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_card(monkeypatch):
    """A machine on which nothing says that there is a GPU, nor PyTorch finds any."""
    for name in (cards.VISIBLE, cards.HELD, "SLURM_JOB_ID", *cards.OF_SLURM):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cards, "_installed", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here, and PyTorch can use it")


@pytest.mark.usefixtures("no_card")
def test_without_a_card_auto_is_the_cpu():
    assert pick("cpu", "float32").device.type == "cpu"
    assert pick("auto", "float32").device.type == "cpu"


@needs_no_gpu
@pytest.mark.usefixtures("no_card")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(
        StudyError, match=r"^training\.device: is cuda, but PyTorch cannot use a GPU here: \w.*; put that"
    ):
        pick("cuda", "float32")


@needs_no_gpu
@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        (cards.VISIBLE, "0", "CUDA_VISIBLE_DEVICES is 0"),
        (cards.HELD, "3", "GPU 3 was given to this job"),
        ("SLURM_JOB_GPUS", "1", r"Slurm gave this job a GPU \(SLURM_JOB_GPUS is 1\)"),
        (None, None, "NVIDIA's driver lists 1 GPU"),
    ],
)
def test_a_card_that_was_given_and_cannot_be_used_is_an_error(monkeypatch, name, value, what):
    """With the reason of the PyTorch that is here, and in one line."""
    try:
        torch.ones(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        why = re.escape(str(error).partition("\n")[0])
    if name:
        monkeypatch.setenv(name, value)
    else:
        monkeypatch.setattr(cards, "_installed", lambda: 1)
    with pytest.raises(
        StudyError, match=rf"^training\.device: is auto and {what}, but PyTorch cannot use .*: {why};.*cpu$"
    ):
        pick("auto", "float32")
    assert pick("cpu", "float32").device.type == "cpu"


@pytest.mark.usefixtures("no_card")
@pytest.mark.parametrize(
    "reason",
    [
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB."),
        AssertionError("Torch not compiled with CUDA enabled"),
    ],
)
def test_other_reasons_are_pytorchs_too(monkeypatch, reason):
    def refuse(*_, **__):
        raise reason

    monkeypatch.setenv(cards.VISIBLE, "0")
    monkeypatch.setattr(torch, "ones", refuse)
    with pytest.raises(StudyError) as caught:
        pick("auto", "float32")
    assert str(reason).partition("\n")[0].rstrip(".") + "; put that right" in str(caught.value)
    assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize(("device", "mode"), [("cuda", 1), ("cpu", 0)])
def test_on_a_gpu_sums_are_in_the_same_order_each_time(monkeypatch, device, mode):
    """Maps and analyses too, not training alone, which asks for more. A CPU has no other way."""
    monkeypatch.setattr(hardware, "_device", torch.device)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    try:
        pick(device, "float32")
        assert torch.get_deterministic_debug_mode() == mode
        assert torch.utils.deterministic.fill_uninitialized_memory == (device == "cpu")
    finally:
        torch.set_deterministic_debug_mode(before)
