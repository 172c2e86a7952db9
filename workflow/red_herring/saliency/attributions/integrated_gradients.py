"""The image times the mean gradient on the way to it from zero."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from red_herring.saliency.attribution import POSITIVE, Request, Signed

TITLE = "Integrated gradients"
CITATION = "Sundararajan et al. 2017"
MIXED = True

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


def explain(request: Request) -> Signed:
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
    maps, missing = piece(request, images[row], start, end, points)
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
            new_maps, new_missing = piece(request, images[new_row], new_start, new_end, points)
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


def piece(request: Request, images: Tensor, start: Tensor, end: Tensor, points: int) -> tuple[Tensor, Tensor]:
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


def _logit(model: nn.Module, images: Tensor) -> Tensor:
    with _in_float32(images):
        return model(images)[:, POSITIVE]


def _in_float32(images: Tensor) -> torch.autocast:
    return torch.autocast(images.device.type, enabled=False)
