"""Classifiers of a few pixels, and batches of chosen cells in float64, for tests of losses."""

from collections.abc import Callable, Sequence

import torch
from red_herring.methods import make_method
from red_herring.networks.resnet import Batch, ResNet18
from torch import Tensor, nn

SIZE = 3


class Classifier(nn.Module):
    """The interface of ResNet18; `features` and `fc` are for those below."""

    def features_of_both(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return self.features(x), self.features(other)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))


class Smooth(Classifier):
    """Small and non-linear, without kinks, for finite differences: means of five maps, which are 2 x 2 of images of
    SIZE pixels a side, or with a stride of 2 of images of 4, whose positions then are apart.
    """

    logits_and_map = ResNet18.logits_and_map

    def __init__(self, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 5, 2, stride)
        self.fc = nn.Linear(5, 2)

    def _maps(self, x: Tensor) -> Tensor:
        return torch.tanh(self.conv1(x))

    def features(self, x: Tensor) -> Tensor:
        return self._maps(x).mean(dim=(2, 3))

    def logits_and_stages(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The maps in place of each stage, as often as it has channels."""
        maps = self._maps(x)
        return self.fc(maps.mean(dim=(2, 3))), [maps.repeat(1, 2**stage, 1, 1) for stage in range(4)]


class Pixels(Classifier):
    """Logits that are the two pixels of an image."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def smooth(seed: int = 0) -> Smooth:
    """One in float64."""
    torch.manual_seed(seed)
    return Smooth().double()


def batch_of(cells: Sequence[int], images: Tensor | None = None, seed: int = 0) -> Batch:
    """Images of these nuisance-by-label cells, noise in float64 unless they are given."""
    of_cells = torch.tensor(cells)
    if images is None:
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(len(cells), 1, SIZE, SIZE, generator=generator, dtype=torch.float64)
    return Batch(images, of_cells % 2, torch.zeros_like(images, dtype=torch.bool), of_cells // 2)


def cross_entropies(logits: Tensor, labels: Tensor) -> list[float]:
    """Image by image."""
    return [-(row[label] - row.exp().sum().log()).item() for row, label in zip(logits, labels, strict=True)]


def small_batch(n: int = 6, size: int = SIZE, dtype: torch.dtype = torch.float64, seed: int = 0) -> Batch:
    """Noise with random masks; labels alternate, and so do pairs of groups."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(n, 1, size, size, generator=generator, dtype=dtype)
    masks = torch.rand(n, 1, size, size, generator=generator) < 0.5
    return Batch(images, torch.arange(n) % 2, masks, torch.arange(n) // 2 % 2)


def penalty_of(method: str, model: nn.Module, batch: Batch) -> Tensor:
    """Of a method that has one, not yet weighted."""
    made = make_method(method, model, {"lr": 1e-3, "lambda": 1.0})
    return made.losses(batch, torch.Generator())["penalty"]


def slopes(model: nn.Module, value: Callable[[], Tensor], step: float = 1e-6) -> tuple[float, float]:
    """How fast a value rises as all weights of a network move in one random direction: by its gradient, and by a
    central difference.
    """
    generator = torch.Generator().manual_seed(0)
    weights = list(model.parameters())
    direction = [torch.randn(weight.shape, generator=generator).to(weight.dtype) for weight in weights]
    gradients = torch.autograd.grad(value(), weights, allow_unused=True, materialize_grads=True)
    rise = sum((gradient * along).sum().item() for gradient, along in zip(gradients, direction, strict=True))

    def moved(by: float) -> float:
        with torch.no_grad():
            for weight, along in zip(weights, direction, strict=True):
                weight.add_(along, alpha=by)
        return value().item()

    above, below = moved(step), moved(-2 * step)
    moved(step)
    return rise, (above - below) / (2 * step)
