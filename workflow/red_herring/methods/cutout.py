"""Cutout: classification of images of which a random square is hidden. Evaluation sees the images as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from red_herring.methods import base
from red_herring.networks.resnet import Batch, ResNet18

TITLE = "Cutout"
APPROACH = "Control without masks"
CITATION = "DeVries and Taylor 2017"
USES = []
# Side of the square in image sides. The paper's choices go from 8 (CIFAR-100) to 20 (SVHN) of 32 pixels.
HYPERPARAMETERS = {"side": ["uniform", 0.25, 0.625]}


class Method(base.Method):
    """Without a penalty. Masked with a mask that knows nothing: what is hidden is drawn anew for every image."""

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        self.side = hyperparameters["side"]

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        images = cut_out(batch.images, self.side, generator)
        return {"classification": base.classification_loss(self.model(images), batch.labels)}


def cut_out(images: Tensor, side: float, generator: torch.Generator) -> Tensor:
    """Each image with its own mean in a square whose centre is any of its pixels, so part of it may lie outside.

    images: [n, 1, height, width]. side: of the square, in sides of the image, rounded to pixels and at least one. The
    paper has the mean of the training images, which is 0 after their normalisation.
    """
    hidden = [_interval(len(images), pixels, side, generator) for pixels in images.shape[2:]]
    square = hidden[0][:, None, :, None] & hidden[1][:, None, None, :]
    return torch.where(square, images.mean(dim=(2, 3), keepdim=True), images)


def _interval(count: int, pixels: int, side: float, generator: torch.Generator) -> Tensor:
    """For each of `count` images which of its rows, or columns, are those of the square, bool [count, pixels]."""
    length = max(1, round(side * pixels))
    centres = torch.randint(pixels, (count, 1), generator=generator, device=generator.device)
    places = torch.arange(pixels, device=generator.device) - (centres - length // 2)
    return (places >= 0) & (places < length)
