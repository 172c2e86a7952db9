"""Where a stage computes, and in which precision."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from red_herring.runtime import cards
from red_herring.runtime.files import StudyError


@dataclass(frozen=True)
class Hardware:
    """precision: `float32`, rounded as IEEE 754 says; `tf32`, the same but for products on NVIDIA's tensor cores, which
    take 10 bits of the 23; `bfloat16`, convolutions and what follows them in 8 bits, weights and losses in float32.
    """

    device: torch.device
    precision: str

    def mixed(self) -> torch.autocast:
        """The context of all passes through a network. Weights are cast each time, as they may change within it."""
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16", cache_enabled=False
        )


def pick(device: str, precision: str, threads: int = 1) -> Hardware:
    """What a study asks for, on this machine, and PyTorch set to it: on a GPU also to sums in the same order each time,
    with a warning where it knows no such way.

    device: `auto` is CUDA when there is a card; any of CUDA's is the one that this process was given, if it was.
    precision: `auto` is bfloat16 where the processor multiplies matrices of it in hardware, else float32. threads: of
    the CPU. Raises StudyError for a GPU that is there, or is asked for, and cannot be used, and for tf32 without one.
    """
    torch.set_num_threads(threads)
    chosen = _device(device)
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16(chosen) else "float32"
    if precision == "tf32" and chosen.type == "cpu":
        raise StudyError("training.precision: is tf32, which only GPUs have; set it to float32, bfloat16 or auto")
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if chosen.type == "cuda":  # which adds up in any order unless it is asked not to
        torch.set_deterministic_debug_mode("warn")
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return Hardware(chosen, precision)


def refuse_other_orders() -> None:
    """From now on an operation that PyTorch could do in another order each time is an error."""
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # an aid that costs time


def _device(name: str) -> torch.device:
    granted = cards.granted()
    if name == "cpu" or (name == "auto" and granted is None and not torch.cuda.is_available()):
        return torch.device("cpu")
    device = torch.device("cuda" if name == "auto" or cards.is_given() else name)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which NVIDIA promises no equal sums twice
    try:
        torch.ones(1, device=device).add(1).item()
    except (RuntimeError, AssertionError) as error:  # the latter from a PyTorch without CUDA
        asked = f"is {name}" + (f" and {granted}" if granted else "")
        why = str(error).strip().partition("\n")[0].rstrip(".")
        raise StudyError(
            f"training.device: {asked}, but PyTorch cannot use a GPU here: {why}; put that right, or set it to cpu"
        ) from error
    return device


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
