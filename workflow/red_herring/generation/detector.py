"""The detector: the classifier's four stages under an anchor-free head of three levels.

Objects as points (Zhou et al. 2019) on a small pyramid of features (Lin et al. 2017): a map of where objects have their
centre, and at each centre the size of the box and where in its cell the centre is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.generation.boxes import centres, clip, sides, without_duplicates
from red_herring.networks.resnet import ResNet18

LEVELS = 3
STRIDES = (2, 4, 8)
"""Pixels between the cells of each level: of stages 2, 3 and 4, whose maps of 28 pixels have 14, 7 and 4 a side."""

LONGEST = 4
"""Cells that the longer side of a box has at most on its level, but for the last level, which has all that are longer:
of 28 pixels boxes up to 8 pixels are on the first level, up to 16 on the second."""

PRIOR = 0.01
"""What the heat maps say everywhere before training, so that the many empty cells do not drown the few others (Lin et
al. 2017, focal loss)."""

FOCUS, NEAR = 2, 4
"""Exponents of the focal loss: of the error, and of how near a centre a cell is."""

BEND = 0.1
"""Error at which smooth L1 goes from a square to a line. L1 itself has no second derivative."""

DUPLICATE = 0.5
"""IoU above which of two predicted boxes the one of the lower score is left out."""

MOST = 20
"""Predicted boxes of an image, at most, before duplicates are left out."""


class Level(NamedTuple):
    """What the detector says on one level, of the weights' dtype.

    heat: [n, 1, h, w], logits of an object's centre. sizes: [n, 2, h, w], logarithm of height and width over LONGEST
    cells. offsets: [n, 2, h, w], row and column of the centre less those of the middle of its cell, in cells.
    """

    heat: Tensor
    sizes: Tensor
    offsets: Tensor


Outputs = tuple[Level, ...]
"""The finest level first."""


class Target(NamedTuple):
    """What one level should say: heat, [n, 1, h, w], 0 to 1, exactly 1 in the cells of centres; the image, row and
    column of the cell of each of its k boxes, int64 [k]; sizes and offsets there, [k, 2], as in Level.
    """

    heat: Tensor
    cells: tuple[Tensor, Tensor, Tensor]
    sizes: Tensor
    offsets: Tensor


class Detector(nn.Module):
    """Of images [n, 1, side, side], -1 to 1, three levels.

    Each stage is brought to `width` channels by a 1x1 convolution, to which the level above is added, upsampled to its
    nearest cells; a 3x3 convolution, batch norm and ReLU follow, a 1x1 convolution that all levels share at last. Every
    batch norm is passed once, so one pass updates its running statistics once.
    """

    def __init__(self, width: int):
        super().__init__()
        self.body = ResNet18(width)
        del self.body.fc  # nothing is classified, and every weight is to have a gradient
        self.lateral = nn.ModuleList(nn.Conv2d(width * 2 ** (level + 1), 2 * width, 1) for level in range(LEVELS))
        self.smooth = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU()
            )
            for _ in range(LEVELS)
        )
        self.output = nn.Conv2d(2 * width, 5, 1)
        with torch.no_grad():
            self.output.weight.mul_(0.1)
            self.output.bias.zero_()  # type: ignore[union-attr]
            self.output.bias[0] = torch.logit(torch.tensor(PRIOR))  # type: ignore[index]

    def forward(self, images: Tensor) -> Outputs:
        """All levels, the finest first."""
        stages = self.body.stages(images)[-LEVELS:]
        features = [lateral(stage) for lateral, stage in zip(self.lateral, stages, strict=True)]
        for level in reversed(range(LEVELS - 1)):
            above = F.interpolate(features[level + 1], features[level].shape[-2:], mode="nearest")
            features[level] = features[level] + above
        found = [self.output(smooth(feature)) for smooth, feature in zip(self.smooth, features, strict=True)]
        return tuple(Level(*maps.split([1, 2, 2], dim=1)) for maps in found)

    def loss(self, outputs: Outputs, boxes: list[Tensor]) -> Tensor:
        """What these outputs cost where the images have these boxes, of each image [k, 4]: a scalar >= 0, which can be
        differentiated twice. Focal loss of the heat maps and smooth L1 of sizes and offsets, sums over all images
        divided by the number of boxes, or by 1 where there is none.
        """
        count = max(1, sum(map(len, boxes)))
        parts = [_level_loss(level, target) for level, target in zip(outputs, targets(outputs, boxes), strict=True)]
        return torch.stack(parts).sum() / count

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Of each image its boxes, float32 [k, 4], within the image, and their scores, [k], 0 to 1, the best first; in
        evaluation mode, whatever the mode.
        """
        training = self.training
        self.eval()
        outputs = self(images)
        self.train(training)
        return decode(outputs, images.shape[-1])


def initialised_detector(width: int, seed: int) -> Detector:
    """A detector before its training. Drawing its weights leaves PyTorch's own random numbers as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Detector(width)


def level_of(boxes: Tensor) -> Tensor:
    """The level of each box, int64 [k]: the first on which its longer side is at most LONGEST cells, else the last."""
    longest = sides(boxes).amax(dim=1)
    bounds = torch.tensor([LONGEST * stride for stride in STRIDES[:-1]], device=boxes.device, dtype=longest.dtype)
    return torch.bucketize(longest, bounds)


def targets(outputs: Outputs, boxes: list[Tensor]) -> list[Target]:
    """What each level should say. outputs: for their shapes and dtype; boxes: of each image [k, 4]."""
    heat = outputs[0].heat
    images = torch.repeat_interleave(torch.tensor([len(own) for own in boxes])).to(heat.device)
    every = torch.cat([own.to(heat).reshape(-1, 4) for own in boxes])
    levels = level_of(every)
    return [
        _target(level.heat.detach(), images[levels == number], every[levels == number], stride)
        for number, (level, stride) in enumerate(zip(outputs, STRIDES, strict=True))
    ]


def _target(like: Tensor, images: Tensor, boxes: Tensor, stride: int) -> Target:
    """like: [n, 1, h, w]; images: int64 [k], of which image each box is."""
    height, width = like.shape[-2:]
    last = torch.tensor([height - 1, width - 1], device=like.device)
    middles, extents = centres(boxes) / stride, sides(boxes) / stride
    cells = torch.minimum(middles.long(), last)
    heat = torch.zeros_like(like)
    for image, cell, extent in zip(images.tolist(), cells, extents, strict=True):
        heat[image, 0] = torch.maximum(heat[image, 0], _bump(cell, extent, height, width))
    return Target(heat, (images, cells[:, 0], cells[:, 1]), torch.log(extents / LONGEST), middles - cells - 0.5)


def _bump(cell: Tensor, extent: Tensor, height: int, width: int) -> Tensor:
    """A Gaussian, [height, width], 1 in the cell of a centre, whose three standard deviations are half a box."""
    rows = torch.arange(height, device=extent.device) - cell[0]
    columns = torch.arange(width, device=extent.device) - cell[1]
    exponent = (6 * rows / extent[0]).square()[:, None] + (6 * columns / extent[1]).square()[None]
    return torch.exp(-exponent / 2)


def _level_loss(level: Level, target: Target) -> Tensor:
    images, rows, columns = target.cells
    sizes, offsets = (maps[images, :, rows, columns] for maps in (level.sizes, level.offsets))
    of_boxes = F.smooth_l1_loss(sizes, target.sizes, beta=BEND, reduction="sum") + F.smooth_l1_loss(
        offsets, target.offsets, beta=BEND, reduction="sum"
    )
    return focal_loss(level.heat, target.heat) + of_boxes


def focal_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """Summed over all cells, with p of the logits: -(1 - p)^2 log p where heat is 1, -(1 - heat)^4 p^2 log(1 - p)
    elsewhere (Zhou et al. 2019, equation 1).
    """
    at_centre = -(torch.sigmoid(-logits) ** FOCUS) * F.logsigmoid(logits)
    elsewhere = -((1 - heat) ** NEAR) * torch.sigmoid(logits) ** FOCUS * F.logsigmoid(-logits)
    return torch.where(heat == 1, at_centre, elsewhere).sum()


def decode(outputs: Outputs, side: int) -> list[tuple[Tensor, Tensor]]:
    """The boxes and scores of each image, the best first, see `Detector.predict`; of equal scores that of the finer
    level, then of the earlier cell in reading order. Of boxes that overlap by more than DUPLICATE the best is kept.
    """
    levels = [_of_level(level, stride) for level, stride in zip(outputs, STRIDES, strict=True)]
    boxes, scores = (torch.cat(parts, dim=1) for parts in zip(*levels, strict=True))
    return [_best(clip(own, side), score) for own, score in zip(boxes, scores, strict=True)]


def _of_level(level: Level, stride: int) -> tuple[Tensor, Tensor]:
    """The box of every cell, [n, h w, 4], and its score, [n, h w], 0 where a cell beside it says more."""
    height, width = level.heat.shape[-2:]
    cells = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")).to(level.heat)
    middles = (cells + 0.5 + level.offsets) * stride
    halves = torch.exp(level.sizes) * LONGEST * stride / 2
    boxes = torch.cat([middles - halves, middles + halves], dim=1).flatten(2).transpose(1, 2)
    peaks = level.heat == F.max_pool2d(level.heat, 3, stride=1, padding=1)
    return boxes, (torch.sigmoid(level.heat) * peaks).flatten(1)


def _best(boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    order = torch.argsort(scores, descending=True, stable=True)[:MOST]
    order = order[(scores[order] > 0) & (sides(boxes[order]) > 0).all(dim=1)]
    kept = order[without_duplicates(boxes[order], DUPLICATE)]
    return boxes[kept], scores[kept]
