"""Convergence: whether what an attribution passes down still depends on what it was given above."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.stats import beta, quantile_test
from torch import Tensor, nn
from torch.nn import functional

from red_herring.analyses.base import Analysed, Run
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import PIXELS
from red_herring.saliency.summary import drawn
from red_herring.statistics.common import CONFIDENCE

TITLE = "Convergence of relevance"
CITATION = "Sixt et al. 2020"
SETTINGS = {
    "images": {"type": "integer", "minimum": 1, "default": 50, "description": "shifted test images, at most"},
    "draws": {"type": "integer", "minimum": 2, "default": 5, "description": "random relevances of each image"},
}
BY = {
    "attribution": "gradient, guided_backprop or guided_grad_cam",
    "start": "the block at whose output the relevance is random",
    "layer": "how far down it has come: the output of a block or of the stem, or the image",
}
COLUMNS = {
    "images": "shifted test images, some of them drawn with the seed",
    "undefined": "those of them where no two draws leave anything at one place",
    "value": "absolute cosine of what two draws leave, over the channels of a place or, in the image, over its pixels; "
    "median over places and pairs of draws, then over images; at 1 nothing above the start can matter",
    "value_low": "lower end of its 95 % interval, over images",
    "value_high": "upper end",
    "chance": "the median of independent Gaussian vectors of that length",
}
LAYERS = ("image", "stem", "layer1.1", "layer2.1", "layer3.1", "layer4.1")
"""From below: the image, and what the stem and the stages put out."""

STARTS = LAYERS[:1:-1]


PLACE = ["attribution", "start", "layer"]
"""What tells the rows of a run apart."""


class Passed(NamedTuple):
    """relevances: [draws, n, channels, height, width], Gaussian at `start` and passed down to `layer`."""

    attribution: str
    start: str
    layer: str
    relevances: Tensor


def analyse(run: Run, settings: dict[str, Any]) -> Analysed:
    """Cosine similarity convergence (Sixt et al. 2020): Gaussian vectors take the place of the gradient at a block, and
    each attribution passes them down by its rule. As a grey image has one channel, its pixels are compared. Guided
    Grad-CAM is compared there only: further up its factor is one for all channels of a place, and changes no cosine.

    per_image: source, image, attribution, start, layer, chance and value, the median of an image's absolute cosines.

    Raises StudyError where a relevance is not finite.
    """
    data = run.test.subset(drawn(run.test, settings["images"], run.seed))
    size = max(1, min(run.batch_size, PIXELS // data.levels[0].numel()))
    parts = []
    for number, batch in enumerate(data.batches(size, run.hardware.device)):
        rows = range(number * size, number * size + len(batch))
        about = data.table[["source", "image"]].iloc[list(rows)]
        for attribution, start, layer, relevances in _passed(run, batch.images, rows, settings["draws"]):
            vectors = relevances.flatten(2)[..., None, None] if layer == "image" else relevances
            chance = chance_of(vectors.shape[2])
            named = {"attribution": attribution, "start": start, "layer": layer, "chance": chance}
            parts.append(about.assign(**named, value=cosines(vectors)))
    per_image = pd.concat(parts, ignore_index=True)
    return Analysed(_summary(per_image), per_image)


def chance_of(width: int) -> float:
    """The median absolute cosine of two Gaussian vectors: its square has the law Beta(1/2, (width - 1) / 2)."""
    return float(np.sqrt(beta.ppf(0.5, 0.5, (width - 1) / 2))) if width > 1 else 1.0


def cosines(vectors: Tensor) -> list[float]:
    """Of each image the median over pairs of draws and places, NaN where there is none. vectors: [draws, n, channels,
    height, width]; what is 0 in all channels has no direction.
    """
    lengths = vectors.double().norm(dim=2, keepdim=True)
    directions = torch.where(lengths > 0, vectors / lengths, torch.nan)
    pairs = [(one * other).sum(1).abs() for one, other in combinations(directions, 2)]
    of_images = torch.stack(pairs, dim=1).flatten(1).cpu().numpy()
    return [float(np.median(some)) if len(some) else np.nan for some in (row[~np.isnan(row)] for row in of_images)]


def _passed(run: Run, images: Tensor, rows: range, draws: int) -> Iterator[Passed]:
    for attribution in ("gradient", "guided_backprop"):
        with _guided(run.model) if attribution == "guided_backprop" else nullcontext():
            outputs = _outputs(run.model, images)
            for start in STARTS:
                noise = _noise(run.seed, start, draws, rows, outputs[start])
                below = {layer: outputs[layer] for layer in LAYERS[: LAYERS.index(start)]}
                found = _passed_down(outputs[start], below, noise)
                if not found["image"].isfinite().all():
                    raise StudyError(
                        f"{run.weights}: its gradients are not finite; its weights are spoilt, so train it again"
                    )
                yield from (Passed(attribution, start, layer, relevances) for layer, relevances in found.items())
                if attribution == "guided_backprop" and start == STARTS[0]:
                    factors = torch.stack([_grad_cam(outputs[start].detach(), one, images) for one in noise])
                    yield Passed("guided_grad_cam", start, "image", factors * found["image"])


def _passed_down(top: Tensor, below: dict[str, Tensor], noise: Tensor) -> dict[str, Tensor]:
    """Layer -> relevances [draws, n, channels, height, width] where those at `top` are `noise`, alike."""
    found = [torch.autograd.grad(top, list(below.values()), one, retain_graph=True) for one in noise]
    return {layer: torch.stack(draws) for layer, draws in zip(below, zip(*found, strict=True), strict=True)}


@contextmanager
def _guided(model: nn.Module) -> Iterator[None]:
    """Each ReLU lets only positive values pass on the way back (Springenberg et al. 2015)."""

    def only_positive(_: nn.Module, passed: Any, __: Any) -> tuple[Tensor]:
        return (passed[0].clamp(min=0),)

    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    hooks = [relu.register_full_backward_hook(only_positive) for relu in relus]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _outputs(model: ResNet18, images: Tensor) -> dict[str, Tensor]:
    """The image and what each of LAYERS puts out."""
    found = {"image": images.detach().requires_grad_()}
    hooks = [
        (model.relu if layer == "stem" else model.get_submodule(layer)).register_forward_hook(
            lambda _, __, output, layer=layer: found.update({layer: output})
        )
        for layer in LAYERS[1:]
    ]
    model(found["image"])
    for hook in hooks:
        hook.remove()
    return found


def _noise(seed: int, start: str, draws: int, rows: range, like: Tensor) -> Tensor:
    """[draws, *like.shape]; that of an image depends on the seed, its row and the start only."""
    random = [np.random.default_rng([seed, row, *start.encode()]) for row in rows]
    values = [one.standard_normal((draws, *like.shape[1:]), np.float32) for one in random]
    return torch.from_numpy(np.stack(values, axis=1)).to(like.device)


def _grad_cam(activations: Tensor, relevances: Tensor, images: Tensor) -> Tensor:
    """ReLU(sum_k a_k A_k), a_k the mean relevance of a channel, bilinearly upsampled to the image."""
    coarse = (relevances.mean((2, 3), keepdim=True) * activations).sum(1, keepdim=True).relu()
    return functional.interpolate(coarse, images.shape[-2:], mode="bilinear")


def _summary(per_image: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for key, found in per_image.groupby(PLACE, sort=False):
        values = found["value"].dropna().to_numpy()
        interval = quantile_test(values, p=0.5).confidence_interval(CONFIDENCE) if len(values) else (np.nan, np.nan)
        rows.append(
            dict(zip(PLACE, key, strict=True))
            | {"images": len(found), "undefined": len(found) - len(values)}
            | {"value": np.median(values) if len(values) else np.nan}
            | {"value_low": interval[0], "value_high": interval[1], "chance": found["chance"].iloc[0]}
        )
    return pd.DataFrame(rows)
