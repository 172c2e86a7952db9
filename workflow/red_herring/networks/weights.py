"""Reads the weights of trained networks."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from torch import Tensor

from red_herring.networks.masker import Masker, of_weights
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError

OF_MASKER = "masker."
"""What the names of the weights of a masker begin with, where a run has trained one with its classifier."""


def load_classifier(path: Path) -> ResNet18:
    """The classifier in a safetensors file of `train`, in evaluation mode, without the masker that a run may have; its
    width is read off its weights.
    """
    weights = {name: weight for name, weight in _read(path).items() if not name.startswith(OF_MASKER)}
    model = ResNet18(width=weights["conv1.weight"].shape[0])
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def joint_masker(path: Path) -> Masker | None:
    """The masker that was trained with the classifier in a safetensors file of `train`, in evaluation mode; None where
    there was none.
    """
    weights = {name.removeprefix(OF_MASKER): w for name, w in _read(path).items() if name.startswith(OF_MASKER)}
    return of_weights(weights).requires_grad_(False) if weights else None


def load_maskers(path: Path) -> dict[str, Masker]:
    """Arm -> its masker, frozen, in evaluation mode, of a safetensors file of `fit_masker`."""
    of_arms: dict[str, dict[str, Tensor]] = {}
    for name, values in _read(path).items():
        arm, _, own = name.partition("/")
        of_arms.setdefault(arm, {})[own] = values
    return {arm: of_weights(own).requires_grad_(False) for arm, own in of_arms.items()}


def load_part(path: Path, part: str) -> dict[str, Tensor]:
    """The weights in a safetensors file whose names begin with `part/`, without that; none where there are none."""
    return {name.removeprefix(f"{part}/"): w for name, w in _read(path).items() if name.startswith(f"{part}/")}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise StudyError(f"{path}: is not a whole safetensors file ({error}); delete it and make it again") from error
