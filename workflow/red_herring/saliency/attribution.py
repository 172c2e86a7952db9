"""Attribution maps of trained classifiers, in batches.

One map is one number per pixel: how much it has to do with y1, the logit of the positive class, whichever class the
model would choose. The formulas are those of Adebayo et al. 2018, computed by Captum.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from captum.attr import (
    FeatureAblation,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Saliency,
)
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.smoothing import smooth

POSITIVE = 1

PIXELS = 2**16
"""In one forward pass: 83 images of 28 x 28 or one of 224 x 224, which take about 0.7 GB at width 64."""

OCCLUDED = 15 / 224
"""Side of the occluding window as a share of the image's, in the released code: 15 pixels of 224, 2 of 28."""

NOISY_COPIES = 50
NOISE = 0.15
"""Standard deviation of SmoothGrad's noise as a share of an image's range."""

TOLERANCE = 0.01
"""Of the completeness error of adaptive integrated gradients."""

POINTS = 16
"""Of the quadrature of each piece of the way."""

MOST_HALVINGS = 16
"""In turn, should an image never be complete: of the roughest models seen, an image took nine."""

MOST_PIECES = 256
"""An image whose way has so many is divided no further; of the roughest models seen, an image took 88."""

ROUNDING = 1e-5
"""Of logits in float32, as a share of the larger one. What misses their difference by less is complete: the way of an
image that is black everywhere, or of a network that is next to constant, would be halved for ever."""

ROUGH_HALVINGS = 2
"""In turn, in the precision of the study; what an image still misses then may be rounding, so float32 is taken."""

CANCELLED = 0.1
"""Share of a map's total relevance below which the change of the logit is taken to be mere cancellation."""

Steps = int | Literal["adaptive"]


@dataclass(frozen=True)
class Request:
    """One batch to explain. model: in evaluation mode. images: float32 [n, 1, height, width], requiring gradients.
    rows: their places in the data set. together: how many images a forward pass may hold, at least n.
    """

    model: nn.Module
    images: Tensor
    rows: range
    together: int
    seed: int
    steps: Steps


class Signed(NamedTuple):
    """maps: shaped like the images, before absolute values and smoothing. details: column -> one number per image."""

    maps: Tensor
    details: dict[str, Tensor]


@dataclass(frozen=True)
class Attribution:
    """smoothed: whether the Gaussian of the study is applied to its maps. mixed: whether it may be in the precision of
    the study, as it is a mean of many passes, in which roundings cancel; else it is in float32.
    """

    explain: Callable[[Request], Tensor | Signed]
    smoothed: bool = True
    mixed: bool = False


@dataclass(frozen=True)
class Maps:
    """maps: float32 [n, height, width], 0 or more. details: n rows; of integrated gradients the columns `steps` and
    `completeness_error`, of the others none.
    """

    maps: np.ndarray
    details: pd.DataFrame = field(default_factory=pd.DataFrame)


def gradient(request: Request) -> Tensor:
    """d y1 / dx (Simonyan et al. 2014; paper, section 4)."""
    return Saliency(request.model).attribute(request.images, target=POSITIVE, abs=False)


def gradient_x_input(request: Request) -> Tensor:
    """x * d y1 / dx (Shrikumar et al. 2016)."""
    return InputXGradient(request.model).attribute(request.images, target=POSITIVE)


def smoothgrad(request: Request) -> Tensor:
    """The mean gradient of 50 copies with Gaussian noise of 0.15 (max x - min x) (Smilkov et al. 2017).

    The noise of an image depends on the seed and its row only; that is why each has a call of its own.
    """
    tunnel = NoiseTunnel(Saliency(request.model))
    devices = [request.images.device] if request.images.device.type == "cuda" else []
    maps = []
    for row, image in zip(request.rows, request.images.detach(), strict=True):
        spread = NOISE * (image.max() - image.min()).item()
        with torch.random.fork_rng(devices):
            torch.manual_seed(int(_random(request.seed, row).integers(2**63)))
            maps.append(
                tunnel.attribute(
                    image[None],
                    nt_samples=NOISY_COPIES,
                    nt_samples_batch_size=min(NOISY_COPIES, request.together),
                    stdevs=spread,
                    target=POSITIVE,
                    abs=False,
                )
            )
    return torch.cat(maps)


def integrated_gradients(request: Request) -> Signed:
    """x times the mean gradient on the way from 0 to x (Sundararajan et al. 2017).

    0 is black where pixels run from 0 to 1, and grey in X-rays, whose pixels run from -1024 to 1024. The mean is a
    Gauss-Legendre quadrature of `steps` points. `adaptive` takes 16 and, while the completeness error of an image
    exceeds 1 %, halves those pieces of its way that miss most, with 16 points for each half, up to MOST_PIECES.
    Details: steps, the points of the final quadrature, and completeness_error.
    """
    images = request.images.detach()
    with torch.no_grad():
        logits, of_zero = _logit(request.model, images), _logit(request.model, torch.zeros_like(images[:1]))
    change, rounding = logits - of_zero, ROUNDING * torch.maximum(logits.abs(), of_zero.abs())
    row = torch.arange(len(images), device=images.device)
    start, end = torch.zeros_like(change), torch.ones_like(change)
    adaptive = request.steps == "adaptive"
    points = POINTS if adaptive else request.steps
    maps, missing = _piece(request, images[row], start, end, points)
    for turn in range(MOST_HALVINGS if adaptive else 0):
        error = completeness_error(torch.zeros_like(images).index_add(0, row, maps), change, rounding)
        pieces = torch.bincount(row)
        own = torch.zeros_like(change).index_add(0, row, missing) / pieces
        goes_on = (error > TOLERANCE) & (pieces < MOST_PIECES)
        halved = goes_on[row] & (missing >= own[row])  # at least the mean of the image's pieces
        if not halved.any():
            break
        middle = (start[halved] + end[halved]) / 2
        new_row = row[halved].repeat(2)
        new_start, new_end = torch.cat([start[halved], middle]), torch.cat([middle, end[halved]])
        with nullcontext() if turn < ROUGH_HALVINGS else _in_float32(images):
            new_maps, new_missing = _piece(request, images[new_row], new_start, new_end, points)
        row, start, end = (
            torch.cat([old[~halved], new])
            for old, new in ((row, new_row), (start, new_start), (end, new_end))
        )  # fmt: skip
        maps, missing = torch.cat([maps[~halved], new_maps]), torch.cat([missing[~halved], new_missing])
    whole = torch.zeros_like(images).index_add(0, row, maps)
    return Signed(
        whole,
        {"steps": points * torch.bincount(row), "completeness_error": completeness_error(whole, change, rounding)},
    )


def _piece(request: Request, images: Tensor, start: Tensor, end: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """The maps of pieces of the way, from start x to end x, and how much of the change of y1 each misses."""
    start, end = (share.view(-1, 1, 1, 1) * images for share in (start, end))
    parts = []
    for some in torch.arange(len(images)).split(request.together):
        explained = IntegratedGradients(request.model).attribute(
            end[some], start[some], POSITIVE, n_steps=points, internal_batch_size=request.together
        )
        with torch.no_grad():
            change = _logit(request.model, end[some]) - _logit(request.model, start[some])
        parts.append((explained.detach(), (explained.detach().flatten(1).sum(1) - change).abs()))
    maps, missing = (torch.cat(part) for part in zip(*parts, strict=True))
    return maps, missing


def completeness_error(maps: Tensor, change: Tensor, rounding: Tensor) -> Tensor:
    """|sum of the map - change| / max(|change|, a tenth of the sum of the map's absolute values), one per map; 0 where
    no more is missing than `rounding`. change: y1(x) - y1(0).

    The second term keeps the error meaningful where positive and negative relevance cancel and the change is next to
    nothing. Unlike a fixed number of logits it scales with the model, and it does not depend on other images.
    """
    missing = (maps.flatten(1).sum(1) - change).abs()
    scale = torch.maximum(change.abs(), CANCELLED * maps.flatten(1).abs().sum(1))
    return torch.where(missing <= rounding, 0.0, missing / scale)


def occlusion(request: Request) -> Tensor:
    """How far y1 falls when the window that holds the pixel is set to zero (Zeiler and Fergus 2014).

    The windows tile the image from its upper left corner; those at the other edges are cut off if they do not fit. One
    that is zero already has exactly 0, without a pass through the network, which saves most of them in crosses.
    """
    images = request.images.detach()
    window = max(1, round(images.shape[-1] * OCCLUDED))
    anything = functional.max_pool2d(images.abs(), window, ceil_mode=True) > 0
    numbers = anything.flatten(1).cumsum(1).view(anything.shape) * anything  # of each image from 1; 0: is zero
    windows = numbers.repeat_interleave(window, 2).repeat_interleave(window, 3)
    windows = windows[..., : images.shape[-2], : images.shape[-1]]
    fall = FeatureAblation(request.model).attribute(
        images,
        feature_mask=windows,
        target=POSITIVE,
        perturbations_per_eval=max(1, request.together // len(images)),
    )
    return fall * (windows > 0)


def guided_backprop(request: Request) -> Tensor:
    """The gradient, but each ReLU on the way back lets only positive values pass (Springenberg et al. 2015)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
        return GuidedBackprop(request.model).attribute(request.images, target=POSITIVE)


def grad_cam(request: Request) -> Tensor:
    """ReLU(sum_k a_k A_k), A_k the activations of the last block, a_k the mean of d y1 / d A_k (Selvaraju et al. 2017),
    bilinearly upsampled to the image.
    """
    coarse = LayerGradCam(request.model, request.model.layer4).attribute(
        request.images, target=POSITIVE, relu_attributions=True
    )
    return LayerAttribution.interpolate(coarse, tuple(request.images.shape[-2:]), "bilinear")


def guided_grad_cam(request: Request) -> Tensor:
    """Guided Backprop times Grad-CAM (Selvaraju et al. 2017)."""
    return guided_backprop(request) * grad_cam(request)


def random(request: Request) -> Tensor:
    """Uniform noise between 0 and 1, other noise for each row and seed."""
    noise = [_random(request.seed, row).random(request.images.shape[1:], np.float32) for row in request.rows]
    return torch.from_numpy(np.stack(noise))


def centre_prior(request: Request) -> Tensor:
    """A Gaussian in the middle of the image; its standard deviation is a quarter of the side."""
    height, width = request.images.shape[-2:]
    rows = (torch.arange(height) - (height - 1) / 2) / (height / 4)
    columns = (torch.arange(width) - (width - 1) / 2) / (width / 4)
    return torch.exp(-(rows[:, None] ** 2 + columns**2) / 2).expand(request.images.shape)


def edges(request: Request) -> Tensor:
    """Sobel magnitude of the image."""
    images = request.images.detach().squeeze(1).cpu().numpy()
    return torch.from_numpy(np.stack([ndimage.generic_gradient_magnitude(i, ndimage.sobel) for i in images])[:, None])


ATTRIBUTIONS = {
    "gradient": Attribution(gradient),
    "integrated_gradients": Attribution(integrated_gradients, mixed=True),
    "occlusion": Attribution(occlusion, smoothed=False),
    "smoothgrad": Attribution(smoothgrad, mixed=True),
    "gradient_x_input": Attribution(gradient_x_input),
    "guided_backprop": Attribution(guided_backprop),
    "grad_cam": Attribution(grad_cam),
    "guided_grad_cam": Attribution(guided_grad_cam),
    "random": Attribution(random),
    "centre_prior": Attribution(centre_prior),
    "edges": Attribution(edges),
}
"""Those of `red_herring.study.names.ATTRIBUTIONS`, in its order."""


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
    """Absolute maps of all images, of which there is at least one, in their order.

    sigma: of the Gaussian that smooths each map, pixels; 0: not at all. batch_size: images at a time, fewer if they are
    large. described: the model in messages, as its file. seed: of SmoothGrad's noise and of `random`. steps: of
    integrated gradients. Raises StudyError if the model is not one that the attribution can explain, or if a map is
    not finite.
    """
    model.eval()
    attribution = ATTRIBUTIONS[name]
    together = max(1, PIXELS // data.levels[0].numel())
    size = min(batch_size, together)
    parts = []
    for number, batch in enumerate(data.batches(size, hardware.device)):
        rows = range(number * size, number * size + len(batch.images))
        request = Request(model, batch.images.requires_grad_(), rows, together, seed, steps)
        try:
            with hardware.mixed() if attribution.mixed else nullcontext():
                parts.append(_absolute(attribution.explain(request)))
        except RuntimeError as error:
            why = str(error).strip().partition("\n")[0]
            raise StudyError(
                f"{described}: {name} cannot explain it ({why}); take {name} out of attributions"
            ) from error
    maps = np.concatenate([part.maps for part in parts])
    _check_finite(maps, data, name, described)
    return Maps(smooth(maps, sigma_of(name, sigma)), pd.concat([part.details for part in parts], ignore_index=True))


def sigma_of(name: str, sigma: float) -> float:
    """Of the Gaussian that smooths the maps of an attribution, where that of the study is `sigma`."""
    return sigma if ATTRIBUTIONS[name].smoothed else 0.0


def _logit(model: nn.Module, images: Tensor) -> Tensor:
    with _in_float32(images):
        return model(images)[:, POSITIVE]


def _in_float32(images: Tensor) -> torch.autocast:
    return torch.autocast(images.device.type, enabled=False)


def _random(seed: int, row: int) -> np.random.Generator:
    return np.random.default_rng([seed, row])


def _absolute(explained: Tensor | Signed) -> Maps:
    signed = explained if isinstance(explained, Signed) else Signed(explained, {})
    maps = signed.maps.detach().float().abs().squeeze(1).cpu().numpy()
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
