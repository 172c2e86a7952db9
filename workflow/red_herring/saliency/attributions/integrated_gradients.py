"""The image times the mean gradient on the way to it from zero."""

from __future__ import annotations

from contextlib import nullcontext
from itertools import count
from typing import NamedTuple

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

MOST_PIECES = 256
"""An image whose way has so many is divided no further; of the roughest models seen, an image took 88."""

ROUNDING = 1e-5
"""Of logits in float32, as a share of the larger one. What misses their difference by less is complete: the way of an
image that is black everywhere, or of a network that is next to constant, would be halved for ever."""

ROUGH_HALVINGS = 2
"""In turn, in the precision of the study; what an image still misses then may be rounding, so float32 is taken."""

CANCELLED = 0.1
"""Share of a map's total relevance below which the change of the logit is taken to be mere cancellation."""


class Pieces(NamedTuple):
    """Of the ways from zero to images. row: whose, int64 [pieces]. start, end: shares of the way, [pieces]. gradients
    and missing: as `piece` gives them.
    """

    row: Tensor
    start: Tensor
    end: Tensor
    gradients: Tensor
    missing: Tensor

    def mean(self, images: Tensor) -> Tensor:
        """The mean gradient of each image."""
        return torch.zeros_like(images).index_add(0, self.row, self.gradients)


class Target(NamedTuple):
    """What the maps of images add up to: y1(x) - y1(0), and what of it may be rounding, one of each per image."""

    change: Tensor
    rounding: Tensor


def explain(request: Request) -> Signed:
    """x times the mean gradient on the way from 0 to x (Sundararajan et al. 2017)."""
    mean = mean_gradient(request)
    return Signed(request.images.detach() * mean.maps, mean.details)


def mean_gradient(request: Request) -> Signed:
    """The mean of d y1 / dx on the way from 0 to x.

    0 is black where pixels run from 0 to 1, and grey in X-rays, whose pixels run from -1024 to 1024. The mean is a
    Gauss-Legendre quadrature of `steps` points. `adaptive` takes 16 and, while the completeness error of an image
    exceeds 1 %, halves those pieces of its way that miss most, with 16 points for each half, up to MOST_PIECES.
    Details: steps, the points of the final quadrature, and completeness_error, that of x times the mean.
    """
    images = request.images.detach()
    target = _target(request.model, images)
    points = POINTS if request.steps == "adaptive" else request.steps
    rows = torch.arange(len(images), device=images.device)
    pieces = _pieces(request, rows, torch.zeros_like(target.change), torch.ones_like(target.change), points)
    if request.steps == "adaptive":
        pieces = _refined(request, pieces, target)
    mean = pieces.mean(images)
    error = completeness_error(images * mean, target.change, target.rounding)
    return Signed(mean, {"steps": points * torch.bincount(pieces.row), "completeness_error": error})


def _target(model: nn.Module, images: Tensor) -> Target:
    with torch.no_grad():
        logits, of_zero = _logit(model, images), _logit(model, torch.zeros_like(images[:1]))
    return Target(logits - of_zero, ROUNDING * torch.maximum(logits.abs(), of_zero.abs()))


def _refined(request: Request, pieces: Pieces, target: Target) -> Pieces:
    images = request.images.detach()
    for turn in count():
        halved = _to_halve(pieces, images, target)
        if not halved.any():
            break
        middle = (pieces.start[halved] + pieces.end[halved]) / 2
        start, end = torch.cat([pieces.start[halved], middle]), torch.cat([middle, pieces.end[halved]])
        with nullcontext() if turn < ROUGH_HALVINGS else _in_float32(images):
            halves = _pieces(request, pieces.row[halved].repeat(2), start, end, POINTS)
        pieces = Pieces(*(torch.cat([old[~halved], new]) for old, new in zip(pieces, halves, strict=True)))
    return pieces


def _to_halve(pieces: Pieces, images: Tensor, target: Target) -> Tensor:
    """Of each incomplete image those pieces that miss at least the mean of its own, bool [pieces]."""
    error = completeness_error(images * pieces.mean(images), target.change, target.rounding)
    number = torch.bincount(pieces.row)
    mean = torch.zeros_like(target.change).index_add(0, pieces.row, pieces.missing) / number
    goes_on = (error > TOLERANCE) & (number < MOST_PIECES)
    return goes_on[pieces.row] & (pieces.missing >= mean[pieces.row])


def _pieces(request: Request, row: Tensor, start: Tensor, end: Tensor, points: int) -> Pieces:
    return Pieces(row, start, end, *piece(request, request.images.detach()[row], start, end, points))


def piece(request: Request, images: Tensor, start: Tensor, end: Tensor, points: int) -> tuple[Tensor, Tensor]:
    """Of pieces of the way, from start x to end x: the mean gradient times the share of the way, and how much of the
    change of y1 each misses.
    """
    start, end = start.view(-1, 1, 1, 1), end.view(-1, 1, 1, 1)
    integrated = IntegratedGradients(request.model, multiply_by_inputs=False)
    parts = []
    for some in torch.arange(len(images)).split(request.together):
        first, last = start[some] * images[some], end[some] * images[some]
        mean = integrated.attribute(last, first, POSITIVE, n_steps=points, internal_batch_size=request.together)
        gradients = (end - start)[some] * mean.detach()
        with torch.no_grad():
            change = _logit(request.model, last) - _logit(request.model, first)
        parts.append((gradients, ((images[some] * gradients).flatten(1).sum(1) - change).abs()))
    gradients, missing = (torch.cat(part) for part in zip(*parts, strict=True))
    return gradients, missing


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
        logits: Tensor = model(images)
    return logits[:, POSITIVE]


def _in_float32(images: Tensor) -> torch.autocast:
    return torch.autocast(images.device.type, enabled=False)
