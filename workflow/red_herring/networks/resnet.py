"""The classifier, ResNet-18 with a small stem (paper, appendix A.1), and what it is fed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from red_herring.networks import layers

BLOCKS_PER_STAGE = 2
STRIDES = (1, 2, 2, 2)
CLASSES = 2
GROUPS = 2
CELLS = CLASSES * GROUPS
"""The nuisance-by-label cells, see `cells_of`."""


@dataclass(frozen=True)
class Batch:
    """images: float32 [n, 1, size, size] in the source's pixel range. labels: int64 [n]. masks: bool like images, True
    inside the region of interest. groups: int64 [n], the nuisance group of each image, 0 or 1.
    """

    images: torch.Tensor
    labels: torch.Tensor
    masks: torch.Tensor
    groups: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def cells(self) -> torch.Tensor:
        """The nuisance-by-label cell of each image, int64 [n]."""
        return cells_of(self.groups, self.labels)


def cells_of(groups: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The nuisance-by-label cell of each image, int64 [n]: 0 and 1 of group 0, labels 0 and 1; 2 and 3 of group 1."""
    return groups * CLASSES + labels


class Block(nn.Module):
    """torchvision's BasicBlock, with a ReLU module of its own for each use, as attribution hooks need them."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = layers.Conv2d(channels_in, channels, 3, stride, padding=1)
        self.bn1 = layers.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = layers.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = layers.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or channels_in != channels:
            shortcut = layers.Conv2d(channels_in, channels, 1, stride)
            self.downsample = nn.Sequential(shortcut, layers.BatchNorm2d(channels))
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        added: torch.Tensor = self.relu2(out + identity)
        return added


class ResNet18(nn.Module):
    """torchvision's ResNet-18 for one input channel and two classes, first convolution 3x3 stride 1, no max-pool.

    Written out because importing torchvision doubles the start-up time of every job; the parameters have its names
    and a test compares the two. `width` is the number of channels of the first stage, 64 in the paper.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential
    masker: nn.Module | None
    """What predicts a mask from the activations of this network (`red_herring.networks.masker`), where there is one."""

    def __init__(self, width: int = 64):
        super().__init__()
        self.conv1 = layers.Conv2d(1, width, 3, padding=1)
        self.bn1 = layers.BatchNorm2d(width)
        self.relu = nn.ReLU()
        channels = width
        for stage, stride in enumerate(STRIDES):
            blocks = []
            for index in range(BLOCKS_PER_STAGE):
                blocks.append(Block(channels, width * 2**stage, stride if index == 0 else 1))
                channels = width * 2**stage
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = layers.Linear(channels, CLASSES)
        self.masker = None
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                initialise(module)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The vector after average pooling, float32 [n, 8 * width]: o(x) of ActDiff, input of the discriminator.

        In training the gradient of images that require it can be differentiated again.
        """
        if self.training and x.requires_grad:
            with layers.differentiable_twice():
                return self._features(x)
        return self._compiled(x) if self._compiled and self.training else self._features(x)

    def logits_and_map(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [n, 2], and the class activation map of y1 - y0, [n, h, w], both float32.

        map = sum_k (w1 - w0)_k A_k, with the last activations A_k and the weights w of the last layer (Zhou et al.
        2016). As the features are means of the A_k, it is the map of Grad-CAM before its ReLU times h w, which weighs
        A_k by the mean of d (y1 - y0) / dA_k (Selvaraju et al. 2017); so making it takes no derivative. Its mean is
        y1 - y0 without the biases, whatever h and w, and the map of y0 - y1 is minus it.
        """
        maps = self._maps(x).to(self.fc.weight.dtype)
        weights = self.fc.weight[1] - self.fc.weight[0]
        logits: torch.Tensor = self.fc(maps.mean(dim=(2, 3)))
        return logits, (maps * weights.view(1, -1, 1, 1)).sum(dim=1)

    def logits_and_stages(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Logits, float32 [n, 2], and the activations after each of the four stages, [n, width * 2**k, h, w], h and w
        those of the images, divided by 2**k and rounded up; k from 0 to 3.
        """
        stages = self.stages(x)
        logits: torch.Tensor = self.fc(self._mean(stages[-1]))
        return logits, stages

    def _features(self, x: torch.Tensor) -> torch.Tensor:
        return self._mean(self._maps(x))

    def _mean(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.mean(dim=(2, 3), dtype=self.fc.weight.dtype)

    def _maps(self, x: torch.Tensor) -> torch.Tensor:
        """The activations of the last stage, [n, 8 * width, h, w]."""
        return self.stages(x)[-1]

    def stages(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The activations after each of the four stages, see `logits_and_stages`."""
        x = self.conv1(x)
        if x.is_cuda or x.dtype == torch.bfloat16:
            # Not float32 on a CPU: there oneDNN writes where it should not, with channels fewer than 16.
            x = x.contiguous(memory_format=torch.channels_last)
        first = self.layer1(self.relu(self.bn1(x)))
        second = self.layer2(first)
        third = self.layer3(second)
        # oneDNN was faster so at width 64, on maps of 4 x 4.
        fourth = self.layer4(third if third.is_cuda else third.contiguous())
        return [first, second, third, fourth]

    def compile_features(self, graphs: bool = False) -> None:
        """From now on passes in training that are differentiated once at most are compiled, when first made.

        For batches of any size: what is compiled must not depend on which size comes first, as after an interruption
        another one may. graphs: on a GPU all that a pass starts there is recorded, once for each size of a batch, and
        started as one CUDA graph from then on. The next pass overwrites what that of a graph gave, so it is copied.
        """
        compiled = torch.compile(self._features, dynamic=True, options={"triton.cudagraphs": graphs})
        self._compiled = (lambda x: compiled(x).clone()) if graphs else compiled

    def features_of_both(self, x: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """features(x) and features(other), batches of one shape, at the cost of one pass.

        In training each batch is normalised by its own statistics, and both enter the running ones, x first.
        Raises ValueError if their shapes differ.
        """
        if x.shape != other.shape:
            raise ValueError(f"two batches in one pass have one shape, not {tuple(x.shape)} and {tuple(other.shape)}")
        with layers.batches_apart():
            features = self.features(torch.cat([x, other]))
        return features[: len(x)], features[len(x) :]

    def folded(self) -> ResNet18:
        """A copy for evaluation only, in which every normalisation is part of the convolution before it.

        It gives the same logits but for rounding, a quarter faster, and has no weights that could be trained.
        """
        copied = copy.deepcopy(self).eval().requires_grad_(False)
        copied._compiled = None  # it is of the original
        for module in list(copied.modules()):
            for number in (1, 2):
                if hasattr(module, f"bn{number}"):
                    _fold(module, f"conv{number}", f"bn{number}")
            if isinstance(module, Block) and module.downsample is not None:
                _fold(module.downsample, "0", "1")
        return copied

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, float32 [n, 2], of images [n, 1, height, width]."""
        logits: torch.Tensor = self.fc(self.features(x))
        return logits


def initialise(convolution: nn.Conv2d) -> None:
    """Weights as all convolutions of the network have them before training (He et al. 2015)."""
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")


def initialised(width: int, seed: int) -> ResNet18:
    """A network before its training. PyTorch draws on from where drawing its weights has left it."""
    torch.manual_seed(seed)
    return ResNet18(width)


def _fold(module: nn.Module, convolution: str, normalisation: str) -> None:
    fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, normalisation))
    setattr(module, convolution, fused)
    setattr(module, normalisation, nn.Identity())
