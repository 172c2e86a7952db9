"""The state of an unfinished run on disk: written after every epoch, good copies kept, broken ones recognised."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from red_herring.files import StudyError, read_json, sha256, write_bytes, write_json

KEPT = 2

log = logging.getLogger(__name__)


def save(folder: Path, epoch: int, state: Any, fingerprint: str) -> None:
    """Write `state`, nested dicts and lists of tensors and plain values, as that of `epoch`; keep the one before.

    The tensors go first, then a small JSON with their checksum, so a checkpoint without its JSON was never finished.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = _pack(state, "state", tensors)
    file = folder / f"epoch={epoch:05d}.safetensors"
    write_bytes(file, safetensors.torch.save(tensors))
    write_json(file.with_suffix(".json"), {"fingerprint": fingerprint, "sha256": sha256(file), "state": plain})
    kept = {f"epoch={number:05d}" for number in range(epoch, epoch - KEPT, -1)}
    for old in folder.glob("epoch=*"):
        if old.stem not in kept:  # older, or left by other settings
            old.unlink(missing_ok=True)


def load_latest(folder: Path, fingerprint: str) -> tuple[int, Any] | None:
    """The newest whole checkpoint as (epoch, state), or None. Broken ones and those of other settings are passed over,
    and the log says so.
    """
    for description in sorted(folder.glob("epoch=*.json"), reverse=True):
        file = description.with_suffix(".safetensors")
        try:
            content = read_json(description)
            if content["fingerprint"] != fingerprint:
                log.warning("%s: belongs to other settings, code or data; not used", file)
                continue
            if sha256(file) != content["sha256"]:
                raise StudyError(f"{file}: its checksum is wrong")
            state = _unpack(content["state"], safetensors.torch.load_file(file))
        except (StudyError, OSError, KeyError, TypeError, SafetensorError) as error:
            log.warning("%s: corrupt checkpoint, falling back to an earlier one or to the start (%s)", file, error)
            continue
        return int(file.stem.removeprefix("epoch=")), state
    return None


def _pack(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """A JSON value in which dicts keep their keys' types and tensors are named; the tensors go to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(item, f"{name}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]}
    return {"value": value}


def _unpack(packed: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    (kind, content), *_ = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    if kind == "list":
        return [_unpack(item, tensors) for item in content]
    return content
