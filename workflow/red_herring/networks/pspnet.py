"""The segmentation of anatomical structures by torchxrayvision's PSPNet (Lian et al. 2021)."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet import pspnet

from red_herring.runtime.files import StudyError
from red_herring.study.anatomy import STRUCTURES

SIDE = 512
"""Pixels a side of the images that the network was trained on."""

MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue, of images from 0 to 1: it began as a network of photographs."""

PARTS = (2, 3, 4, 5)
"""Those of residual blocks, by their numbers in the names of the weights."""

COUNTER = "num_batches_tracked"
"""What batch normalisation counts in training; old files lack it, and segmenting does not read it."""


class Segmenter(nn.Module):
    """Logits of each structure, float32 [n, 14, 512, 512], of images of 0 to 1, [n, 1, side, side]."""

    mean: Tensor
    sd: Tensor

    def __init__(self, weights: Mapping[str, Tensor]):
        """As deep and as wide as the weights. KeyError for weights that are not of this network."""
        super().__init__()
        blocks = [len({name.split(".")[2] for name in weights if name.startswith(f"res_block{n}.")}) for n in PARTS]
        with torch.device("meta"):  # neither space nor time for weights that are replaced
            self.network = pspnet(len(STRUCTURES), block_config=blocks)
        for name in self.network.state_dict():
            owner, _, own = name.rpartition(".")
            tensor = torch.zeros((), dtype=torch.int64) if own == COUNTER else weights[name].float()
            is_buffer = own.startswith(("running_", COUNTER))
            setattr(self.network.get_submodule(owner), own, tensor if is_buffer else nn.Parameter(tensor, False))
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("sd", torch.tensor(SD)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        images = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`?nn.functional.upsample", UserWarning)  # how the network is written
            logits: Tensor = self.network((images - self.mean) / self.sd)
        return logits.float()


def load_segmenter(path: Path) -> Segmenter:
    """The network of a file of weights, in PyTorch's format, as torchxrayvision has it, or safetensors.

    It is in evaluation mode. StudyError for a file of something else; no code in it is run.
    """
    weights = {re.sub(r"^module\.", "", name): tensor for name, tensor in _read(path).items()}
    heads = weights.get("classification.bias", torch.empty(0)).numel()
    if heads != len(STRUCTURES):
        raise StudyError(
            f"{path}: has weights for {heads} structures, expected those of torchxrayvision's PSPNet, for "
            f"{len(STRUCTURES)}"
        )
    try:
        return Segmenter(weights).eval().requires_grad_(False)
    except KeyError as error:
        raise StudyError(f"{path}: lacks the weights {error}, expected those of torchxrayvision's PSPNet") from error


def _read(path: Path) -> dict[str, Tensor]:
    with open(path, "rb") as file:
        start = file.read(9)
    try:
        if start[8:] == b"{":
            return safetensors.torch.load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (safetensors.SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        why = str(error).strip().partition("\n")[0]
        raise StudyError(f"{path}: is no file of weights ({why}), expected PyTorch's or safetensors") from error
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise StudyError(f"{path}: holds more than weights by their names, expected a state_dict")
    return dict(found)


def structures_inside(logits: Tensor, side: int) -> Tensor:
    """Which structures cover which pixels of images of `side` x `side`, bool [n, 14, side, side]: those with a
    probability of a half or more, averaged over the pixel's area.
    """
    probability = F.interpolate(torch.sigmoid(logits), size=(side, side), mode="bilinear", antialias=True)
    return probability >= 0.5
