"""The classifier, ResNet-18 with a small stem (paper, appendix A.1), and what it is fed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

BLOCKS_PER_STAGE = 2
STRIDES = (1, 2, 2, 2)
CLASSES = 2


@dataclass(frozen=True)
class Batch:
    """images: float32 [n, 1, size, size] in the source's pixel range. labels: int64 [n]. masks: bool like images, True
    inside the region of interest.
    """

    images: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor


class Block(nn.Module):
    """torchvision's BasicBlock, with a ReLU module of its own for each use, as attribution hooks need them."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(out)) + identity)


class ResNet18(nn.Module):
    """torchvision's ResNet-18 for one input channel and two classes, first convolution 3x3 stride 1, no max-pool.

    Written out because importing torchvision doubles the start-up time of every job; the parameters have its names
    and a test compares the two. `width` is the number of channels of the first stage, 64 in the paper.
    """

    def __init__(self, width: int = 64):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        channels = width
        for stage, stride in enumerate(STRIDES):
            blocks = []
            for index in range(BLOCKS_PER_STAGE):
                blocks.append(Block(channels, width * 2**stage, stride if index == 0 else 1))
                channels = width * 2**stage
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The vector after average pooling, [n, 8 * width]: o(x) of ActDiff, input of the discriminator."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [n, 2] of images [n, 1, height, width]."""
        return self.fc(self.features(x))
