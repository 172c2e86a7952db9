"""The training loop as one would first write it, and as the released code does: what ours is set against.

torchvision's ResNet-18, or where that is not installed ours of PyTorch's layers, in float32; a data set that makes one image after the other; images that always require their
gradient; shuffling image by image; two passes where two batches are compared; Adam as it comes; the loss fetched and
garbage collected after every step. The mathematics are those of `red_herring.methods` (a test compares the two).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from red_herring.data.dataset import Dataset
from red_herring.networks import layers
from red_herring.networks.resnet import ResNet18
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.utils.data import DataLoader


class Images(torch.utils.data.Dataset):
    """One image [1, size, size], its mask and its label at a time."""

    def __init__(self, data: Dataset):
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, Tensor]:
        scale = (self.data.high - self.data.low) / 255
        image = self.data.levels[row].float() * scale + self.data.low
        return image[None], self.data.masks[row][None], self.data.labels[row]


def resnet() -> nn.Module:
    try:
        import torchvision
    except ModuleNotFoundError:
        return PlainResNet18()
    model = torchvision.models.resnet18(num_classes=2)
    model.conv1 = nn.Conv2d(1, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def of_pytorch(model: nn.Module) -> nn.Module:
    """The model, its convolutions and normalisations from now on PyTorch's own."""
    for module in list(model.modules()):
        for child in list(module.children()):
            if isinstance(child, layers.Conv2d | layers.BatchNorm2d):
                child.__class__ = nn.Conv2d if isinstance(child, layers.Conv2d) else nn.BatchNorm2d
    return model


class PlainResNet18(ResNet18):
    """The network of `resnet`, and its results."""

    def __init__(self):
        super().__init__()
        of_pytorch(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean(dim=(2, 3)))


def discriminator() -> nn.Module:
    hidden = [spectral_norm(nn.Linear(size, 1024)) for size in (512, 1024, 1024)]
    return nn.Sequential(*(layer for one in hidden for layer in (one, nn.ReLU())), nn.Linear(1024, 1), nn.Flatten(0))


class Training:
    """hyperparameters: lr, lambda, discriminator_lr, discriminator_steps. collects: garbage, after every step."""

    def __init__(self, method: str, hyperparameters: dict[str, float], collects: bool = True):
        self.model = resnet().train()
        self.fc, self.model.fc = self.model.fc, nn.Identity()
        self.loss: Callable[[Tensor, Tensor, Tensor], Tensor] = getattr(self, method)
        self.given, self.collects = hyperparameters, collects
        parameters = [*self.model.parameters(), *self.fc.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=hyperparameters["lr"])
        self.discriminator = discriminator()
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=hyperparameters["discriminator_lr"]
        )

    def epoch(self, data: Dataset, batch_size: int) -> list[float]:
        """The loss of each batch."""
        return [self.step(*batch) for batch in self.batches(data, batch_size)]

    def batches(self, data: Dataset, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        return iter(DataLoader(Images(data), batch_size=size, shuffle=True))

    def step(self, images: Tensor, masks: Tensor, labels: Tensor) -> float:
        self.optimizer.zero_grad()
        images.requires_grad = True
        loss = self.loss(images, masks, labels)
        loss.backward()
        self.optimizer.step()
        if self.collects:
            gc.collect()
        return float(loss.cpu().data.numpy())

    def classification(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.fc(self.model(images)), labels)

    def masked(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(self.fc(self.model(shuffled(images, masks))), labels)

    def actdiff(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        others, features = self.model(shuffled(images, masks)), self.model(images)
        penalty = (others - features).square().sum(dim=1).sqrt().mean()
        return F.cross_entropy(self.fc(features), labels) + self.given["lambda"] * penalty

    def adversarial(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        others, features = self.model(shuffled(images, masks)), self.model(images)
        for _ in range(self.given["discriminator_steps"]):
            self.discriminator_optimizer.zero_grad()
            self.told_apart(others.detach(), features.detach()).backward()
            self.discriminator_optimizer.step()
        penalty = self.told_apart(features, others)
        return F.cross_entropy(self.fc(features), labels) + self.given["lambda"] * penalty

    def told_apart(self, ones: Tensor, zeros: Tensor) -> Tensor:
        return -(F.logsigmoid(self.discriminator(ones)) + F.logsigmoid(-self.discriminator(zeros))).mean()

    def gradmask(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        logits = self.fc(self.model(images))
        contrast = (logits[:, 0] - logits[:, 1]).abs().sum()
        (gradient,) = torch.autograd.grad(contrast, images, create_graph=True)
        penalty = (gradient * ~masks).flatten(1).norm(dim=1).mean()
        return F.cross_entropy(logits, labels) + self.given["lambda"] * penalty

    def rrr(self, images: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
        logits = self.fc(self.model(images))
        (gradient,) = torch.autograd.grad(F.log_softmax(logits, dim=1).sum(), images, create_graph=True)
        return F.cross_entropy(logits, labels) + self.given["lambda"] * (gradient * ~masks).square().sum()


def shuffled(images: Tensor, masks: Tensor) -> Tensor:
    """Each image with the pixels outside its mask permuted."""
    copied = images.clone()
    for number, mask in enumerate(masks):
        outside = images[number][~mask]
        copied[number][~mask] = outside[torch.randperm(len(outside))]
    return copied
