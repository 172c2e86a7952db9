"""A state, nested dicts and lists of tensors and plain values, as one file from which to go on to the bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from red_herring.runtime.files import StudyError, write_bytes
from red_herring.training.checkpoint import pack, unpack

HEADER = "state"
"""Where in the header of the file its plain values are, as JSON."""


def write_state(path: Path, state: Any) -> None:
    """Write a safetensors file whole."""
    tensors: dict[str, Tensor] = {}
    plain = pack(state, "state", tensors)
    write_bytes(path, safetensors.torch.save(tensors, {HEADER: json.dumps(plain)}))


def read_state(path: Path) -> Any:
    """What was written, on the CPU; StudyError where the file is not there or not whole."""
    try:
        with safe_open(path, "pt") as file:
            plain = json.loads(file.metadata()[HEADER])
            return unpack(plain, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 - no dict
    except FileNotFoundError as error:
        raise StudyError(f"{path}: there is no such file; run the rule that makes it") from error
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StudyError(f"{path}: is not a whole state ({error}); delete it and make it again") from error
