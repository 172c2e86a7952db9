"""Attribution maps of trained classifiers, in batches.

One map is one number per pixel: how much it has to do with y1, the logit of the positive class, whichever class the
model would choose; but for a learned mask, which is of no class. Most formulas are those of Adebayo et al. 2018, and
the files of attributions/ compute them by Captum where it has them.
"""

from __future__ import annotations

import importlib
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from torch import Tensor, nn

from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.smoothing import smooth
from red_herring.study.catalogue import attribution_card

POSITIVE = 1

PIXELS = 2**16
"""In one forward pass: 83 images of 28 x 28 or one of 224 x 224, which take about 0.7 GB at width 64."""

Steps = int | Literal["adaptive"]


@dataclass(frozen=True)
class Request:
    """One batch to explain. model: in evaluation mode. images: float32 [n, 1, height, width], requiring gradients.
    rows: their places in the data set. together: how many images a forward pass may hold, at least n. compared: whether
    maps are compared with others of the same image, not scored.
    """

    model: Any
    images: Tensor
    rows: range
    together: int
    seed: int
    steps: Steps
    compared: bool = False


class Signed(NamedTuple):
    """maps: shaped like the images, before absolute values and smoothing. details: column -> one number per image."""

    maps: Tensor
    details: dict[str, Tensor]


@dataclass(frozen=True)
class Maps:
    """maps: float32 [n, height, width]. details: n rows; of integrated gradients, with and without the factor x, the
    columns `steps` and `completeness_error`, of the others none.
    """

    maps: np.ndarray
    details: pd.DataFrame = field(default_factory=pd.DataFrame)


def attribute(
    name: str,
    model: nn.Module,
    data: Dataset,
    sigma: float,
    batch_size: int,
    hardware: Hardware,
    described: str,
    seed: int = 0,
    steps: Steps = "adaptive",
) -> Maps:
    """The absolute values of `explain`, 0 or more, smoothed by a Gaussian of sigma pixels; 0: not at all."""
    return to_score(name, explain(name, model, data, batch_size, hardware, described, seed, steps), sigma)


def to_score(name: str, signed: Maps, sigma: float) -> Maps:
    """Signed maps of an attribution as `attribute` gives them."""
    return Maps(smooth(np.abs(signed.maps), sigma_of(name, sigma)), signed.details)


def explain(
    name: str,
    model: nn.Module,
    data: Dataset,
    batch_size: int,
    hardware: Hardware,
    described: str,
    seed: int = 0,
    steps: Steps = "adaptive",
    compared: bool = False,
) -> Maps:
    """Signed maps of all images, of which there is at least one, in their order, as they are.

    batch_size: images at a time, fewer if they are large. described: the model in messages, as its file. seed: of
    SmoothGrad's noise and of `random`. steps: of integrated gradients. compared: see Request. Raises StudyError if the
    model is not one that the attribution can explain, or if a map is not finite.
    """
    model.eval()
    attribution = importlib.import_module(f"red_herring.saliency.attributions.{name}")
    mixed = attribution_card(name).mixed
    together = max(1, PIXELS // data.levels[0].numel())
    size = min(batch_size, together)
    parts = []
    for number, batch in enumerate(data.batches(size, hardware.device)):
        rows = range(number * size, number * size + len(batch.images))
        request = Request(model, batch.images.requires_grad_(), rows, together, seed, steps, compared)
        try:
            with hardware.mixed() if mixed else nullcontext():
                parts.append(_as_arrays(attribution.explain(request)))
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            raise StudyError(
                f"{described}: {name} cannot explain it ({why}); take {name} out of attributions"
            ) from error
    maps = np.concatenate([part.maps for part in parts])
    _check_finite(maps, data, name, described)
    return Maps(maps, pd.concat([part.details for part in parts], ignore_index=True))


def sigma_of(name: str, sigma: float) -> float:
    """Of the Gaussian that smooths the maps of an attribution, where that of the study is `sigma`."""
    return sigma if attribution_card(name).smoothed else 0.0


def noise_of(seed: int, row: int) -> np.random.Generator:
    """The noise of an image depends on the seed and its row only, however the images come in batches."""
    return np.random.default_rng([seed, row])


def _as_arrays(explained: Tensor | Signed) -> Maps:
    signed = explained if isinstance(explained, Signed) else Signed(explained, {})
    maps = signed.maps.detach().float().squeeze(1).cpu().numpy()
    details = {column: values.cpu().numpy() for column, values in signed.details.items()}
    return Maps(maps, pd.DataFrame(details, index=range(len(maps))))


def _check_finite(maps: np.ndarray, data: Dataset, name: str, described: str) -> None:
    broken = np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))
    if len(broken):
        image = data.table["image"][int(broken[0])]
        raise StudyError(
            f"{described}: {name} is not finite for {len(broken)} of {len(maps)} images, the first of them {image}; "
            "its weights are spoilt, so train it again"
        )
