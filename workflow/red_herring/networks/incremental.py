"""What the logits of an image change by when a small part of it changes, computed only where anything can change."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.networks.layers import BatchNorm2d
from red_herring.networks.resnet import Block, ResNet18


class Region(NamedTuple):
    """Parts of maps that differ from the maps of the images as they are; all else in the maps is the same.

    change: by how much they differ, [n, channels, height, width]. top, left: int64 [n], where each begins in its map. A
    part may reach beyond its map, where it is zero. whole: it is the whole map.
    """

    change: Tensor
    top: Tensor
    left: Tensor
    whole: bool = False


class Incremental:
    """A network that has seen images as they are, and is asked what small changes of them do.

    A convolution is linear: what a change of its input makes of its output is the convolution of the change, without
    the bias. So it is zero but for a region that grows by one pixel to each side with every convolution of 3 x 3, and
    only this is computed, until it is as large as the map. Nothing but a ReLU has to know the maps of the image as it
    is, which are kept. As changes are what is added up, they are nearer to the truth than a difference of two logits.

    network: in evaluation mode, folded or not. images: [n, 1, height, width], on its device, in its precision.
    """

    def __init__(self, network: ResNet18, images: Tensor):
        self._network = network
        self._kept: list[Tensor] = []
        """What each ReLU is given, in their order."""
        hooks = [
            module.register_forward_pre_hook(lambda _, given: self._kept.append(given[0]))
            for module in network.modules()
            if isinstance(module, nn.ReLU)
        ]
        try:
            with torch.no_grad():
                network.stages(images)
        finally:
            for hook in hooks:
                hook.remove()

    @torch.no_grad()
    def changes(self, rows: Tensor, top: Tensor, left: Tensor, change: Tensor) -> Tensor:
        """The logits of n images with a change less those without it, [n, 2].

        rows: int64 [n], which images. top, left: int64 [n], where the change begins. change: what is added to the image
        there, [n, 1, height, width], which may reach beyond it, with zeros.
        """
        network, kept = self._network, iter(self._kept)
        first = next(kept)
        region = _input_of(Region(change, top, left), 1, 1, first)
        region = _rectified(_convolved(region, network.conv1, network.bn1), rows, first)
        for block in network.modules():
            if isinstance(block, Block):
                region = _through(block, region, rows, next(kept), next(kept))
        pixels = self._kept[-1][0, 0].numel()
        return F.linear(region.change.sum((2, 3)) / pixels, network.fc.weight)


def _through(block: Block, region: Region, rows: Tensor, first: Tensor, second: Tensor) -> Region:
    """first, second: what the ReLUs of the block are given of the images as they are."""
    region = _input_of(region, block.conv1.stride[0], 2, first)
    shortcut = region._replace(change=region.change[:, :, 1:-1, 1:-1])
    if block.downsample is not None:
        shortcut = _convolved(shortcut, *block.downsample)
    inside = _rectified(_convolved(region, block.conv1, block.bn1), rows, first)
    grown = 0 if region.whole else 1
    added = _convolved(inside, block.conv2, block.bn2, padding=1 + grown)
    height, width = shortcut.change.shape[-2:]
    added.change[:, :, grown : grown + height, grown : grown + width] += shortcut.change
    return _rectified(added._replace(top=inside.top - grown, left=inside.left - grown), rows, second)


def _input_of(region: Region, stride: int, convolutions: int, after: Tensor) -> Region:
    """All that a convolution of 3 x 3 has to see, without padding, to give all that changes in its output; top and left
    are those of its output. That is the whole map if what changes after all `convolutions` is as large. after: maps of
    the output's size.
    """
    shape = after.shape[-2:]
    height, width = (-(-side // stride) + 3 - stride for side in region.change.shape[-2:])
    top, left = ((place + stride - 2) // stride for place in (region.top, region.left))
    more = 2 * (convolutions - 1)
    whole = region.whole or height + more >= shape[0] or width + more >= shape[1]
    if whole:
        (height, width), top, left = shape, torch.zeros_like(top), torch.zeros_like(left)
    seen = (stride * (height - 1) + 3, stride * (width - 1) + 3)
    parts = torch.arange(len(top), device=top.device)
    change = _cut(region.change, parts, stride * top - 1 - region.top, stride * left - 1 - region.left, seen)
    return Region(change, top, left, whole)


def _convolved(region: Region, convolution: nn.Conv2d, norm: nn.Module, padding: int = 0) -> Region:
    """Without its bias, and with the factor alone of a normalisation that is not folded."""
    weight = convolution.weight
    if isinstance(norm, BatchNorm2d):
        weight = weight * (norm.weight / torch.sqrt(norm.running_var + norm.eps)).view(-1, 1, 1, 1)
    return region._replace(change=F.conv2d(region.change, weight, None, convolution.stride, padding))


def _rectified(region: Region, rows: Tensor, kept: Tensor) -> Region:
    """After a ReLU that is given `kept` of the images as they are. Beyond a map that is minus infinity, so that nothing
    comes of it there.
    """
    before = _cut(kept, rows, region.top, region.left, region.change.shape[-2:], beyond=-torch.inf)
    after = region.change.add_(before).relu_()
    return region._replace(change=after.sub_(before.relu_()))


def _cut(maps: Tensor, rows: Tensor, top: Tensor, left: Tensor, size: tuple[int, ...], beyond: float = 0.0) -> Tensor:
    """Parts of a size, [n, channels, *size]. rows, top, left: int64 [n], of which map each is and from which pixel on.
    It may reach beyond the map, where it has the value `beyond`.
    """
    height, width = size
    margins = []
    for place, side, length in ((left, width, maps.shape[3]), (top, height, maps.shape[2])):
        margins += [max(0, -int(place.min())), max(0, int(place.max()) + side - length)]
    padded = F.pad(maps, margins, value=beyond)
    parts = padded.unfold(2, height, 1).unfold(3, width, 1)
    return parts[rows, :, top + margins[2], left + margins[0]]
