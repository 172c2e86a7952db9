"""The state of an unfinished run on disk: good copies are kept, broken ones recognised."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from red_herring.runtime.files import StudyError, read_json, replacing, sha256, write_bytes, write_json

KEPT = 2
FINISHED = "finished.json"

log = logging.getLogger(__name__)


Position = tuple[int, int]
"""Whole epochs, and batches of the next one, that are done."""


def save(folder: Path, position: Position, state: Any, fingerprint: str) -> None:
    """Write `state`, nested dicts and lists of tensors and plain values, as that of `position`; keep the one before.

    The tensors go first, then a small JSON with their checksum, so a checkpoint without its JSON was never finished.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = pack(state, "state", tensors)
    file = folder / "epoch={:05d},batch={:07d}.safetensors".format(*position)
    write_bytes(file, safetensors.torch.save(tensors))
    write_json(file.with_suffix(".json"), {"fingerprint": fingerprint, "sha256": sha256(file), "state": plain})
    names = sorted({old.stem for old in folder.glob("epoch=*")})
    kept = names[: names.index(file.stem) + 1][-KEPT:]
    for old in folder.glob("epoch=*"):
        if old.stem not in kept:  # older, or left by other settings
            old.unlink(missing_ok=True)


def keep_finished(folder: Path, fingerprint: str, outputs: Sequence[Path]) -> None:
    """Keep finished outputs in place of the states that led to them, as links that take no space.

    Snakemake removes the outputs of a job of which it has no record, as when it was killed before the job ended, and
    starts the job again, which then need not do it again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for output in outputs:
        with replacing(folder / output.name) as temporary:
            try:
                os.link(output, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(output, temporary)
    checksums = {output.name: sha256(output) for output in outputs}
    write_json(folder / FINISHED, {"fingerprint": fingerprint, "sha256": checksums})
    for state in folder.glob("epoch=*"):
        state.unlink(missing_ok=True)


def restore_finished(folder: Path, fingerprint: str, outputs: Sequence[Path]) -> bool:
    """Copy the outputs that were kept to their places; False if there are none of this fingerprint that are whole."""
    try:
        finished = read_json(folder / FINISHED)
        if finished["fingerprint"] != fingerprint:
            return False
        if any(sha256(folder / output.name) != finished["sha256"][output.name] for output in outputs):
            return False
    except (StudyError, OSError, KeyError, TypeError):
        return False
    for output in outputs:
        with replacing(output) as temporary:
            shutil.copyfile(folder / output.name, temporary)
    return True


def load_latest(folder: Path, fingerprint: str) -> tuple[Position, Any] | None:
    """The newest whole checkpoint as (position, state), or None. Broken ones and those of other settings are passed
    over, and the log says so.
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
            state = unpack(content["state"], safetensors.torch.load_file(file))
        except (StudyError, OSError, KeyError, TypeError, SafetensorError) as error:
            log.warning("%s: corrupt checkpoint, falling back to an earlier one or to the start (%s)", file, error)
            continue
        epochs, batches = (int(part.split("=")[1]) for part in file.stem.split(","))
        return (epochs, batches), state
    return None


def pack(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """A JSON value in which dicts keep their keys' types and tensors are named; the tensors go to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, pack(item, f"{name}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]}
    return {"value": value}


def unpack(packed: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Any:
    """What `pack` was given."""
    (kind, content), *_ = packed.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: unpack(item, tensors) for key, item in content}
    if kind == "list":
        return [unpack(item, tensors) for item in content]
    return content
