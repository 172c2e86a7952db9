"""Reads the weights of a trained network."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch

from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError


def load_classifier(path: Path) -> ResNet18:
    """The classifier in a safetensors file of `train`, in evaluation mode; its width is read off its weights."""
    try:
        weights = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise StudyError(f"{path}: is not a whole safetensors file ({error}); delete it and train again") from error
    model = ResNet18(width=weights["conv1.weight"].shape[0])
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)
