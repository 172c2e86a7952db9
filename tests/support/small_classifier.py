"""Classifiers of a few pixels, and batches of chosen cells in float64, for tests of losses."""

from collections.abc import Sequence

import torch
from red_herring.networks.resnet import Batch
from torch import Tensor, nn

SIZE = 3


class Classifier(nn.Module):
    """The interface of ResNet18; `features` and `fc` are for those below."""

    def features_of_both(self, x: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return self.features(x), self.features(other)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x))


class Smooth(Classifier):
    """Small and non-linear, without kinks, for finite differences."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(SIZE**2, 5)
        self.fc = nn.Linear(5, 2)

    def features(self, x: Tensor) -> Tensor:
        return torch.tanh(self.hidden(x.flatten(1)))


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
