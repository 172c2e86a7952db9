"""What every method has: a classification loss, an optimiser, an update; and what several share."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.networks.resnet import Batch, ResNet18


class Adam(torch.optim.Adam):
    """PyTorch's fused Adam without its guards against being compiled, which import the compiler: a second a process."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0):
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, fused=True)

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Adam.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Adam.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Adam.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class Method(ABC):
    """Trains a classifier by minimising classification + lambda * penalty with Adam.

    hyperparameters: `lr` and those that the method's file declares. extra_epochs: how many it has ahead of those that
    a study asks for; none of them ends the training or can be the best one. refits: whether it has a step after
    training, `finish`. notes: what the record of a run says of how the method went, plain values. compiles: whether its
    passes may be compiled; not where the gradient by pixels is penalised, which PyTorch does not compile.
    """

    extra_epochs = 0
    refits = False
    compiles = True

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        self.model = model
        self.weight = hyperparameters.get("lambda", 0.0)
        self.optimizer = Adam(model.parameters(), hyperparameters["lr"])
        self.notes: dict[str, Any] = {}

    def start(self, cells: Tensor) -> None:  # noqa: B027 - most methods need nothing of it
        """Told once before the first batch, also when going on: the cell of every training image, int64 [n], CPU.

        What a method makes of it is no part of its state.
        """

    def start_epoch(self, epoch: int, wrong: Callable[[], Tensor]) -> Tensor | None:
        """Told before the first batch of an epoch, counted from 1, and again when going on within it.

        wrong() says which training images the network gets wrong, bool [n], CPU; it takes a pass over them. Returns how
        often each image is in the set of which the epoch shows as many as there are images, int64 [n], CPU; None for
        once.
        """
        return None

    @abstractmethod
    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The terms of the loss, scalars: `classification`, and `penalty` if the method has one (not yet weighted)."""

    def update(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """One step on one batch; returns the terms of the loss, detached. `generator` feeds the shuffling."""
        return self.step(self.losses(batch, generator))

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """What a step minimises: classification + lambda * penalty."""
        if "penalty" not in terms:
            return terms["classification"]
        return terms["classification"] + self.weight * terms["penalty"]

    def step(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Minimise the objective by one step of the optimiser; returns the terms, detached."""
        total = self.objective(terms)
        self.optimizer.zero_grad()
        torch.autograd.backward(total)
        self.optimizer.step()
        return {name: term.detach() for name, term in terms.items()}

    def finish(self, held_out: Iterable[Batch], seed: int) -> None:  # noqa: B027 - most methods have no such step
        """The step after training: change the model, which has the weights of the best epoch, by images held out."""

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on, besides the model."""
        return {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])


def shuffle_outside(images: Tensor, masks: Tensor, generator: torch.Generator) -> Tensor:
    """x * m + shuffle(x) * (1 - m): permute the pixels outside the mask among themselves (paper, section 3).

    images: [n, 1, height, width]; masks: bool of that shape, True inside. Every image gets a permutation of its own,
    fresh at every call, and keeps its pixels as a multiset; what is inside stays where it is.
    """
    pixels, inside = images.flatten(1), masks.flatten(1)
    keys = torch.rand(pixels.shape, generator=generator, device=images.device)
    # Sorting puts the outside pixels first, in random order; the k-th outside pixel then takes the k-th of them.
    order = keys.masked_fill_(inside, 2.0).argsort(dim=1)
    rank = (~inside).cumsum(dim=1).sub_(1).clamp_(min=0)
    shuffled = pixels.gather(1, order.gather(1, rank))
    return torch.where(inside, pixels, shuffled).view_as(images)


def guided(masks: Tensor) -> Tensor:
    """Which images have anything outside their mask, bool [n]; no mask term may touch the others."""
    return ~masks.flatten(1).all(dim=1)


def may_guide(guided: Tensor) -> bool:
    """Whether any image is guided; of a GPU, which would have to be waited for, it is not asked."""
    return guided.is_cuda or bool(guided.any())


def features_of_both(model: ResNet18, shuffled: Tensor, batch: Batch, guided: Tensor) -> tuple[Tensor, Tensor]:
    """The features of the shuffled images, which enter the running statistics first, and of the batch's.

    Where no image is guided, no loss has a gradient by the former, and their pass is not recorded.
    """
    if may_guide(guided):
        return model.features_of_both(shuffled, batch.images)
    with torch.no_grad():
        of_shuffled = model.features(shuffled)
    return of_shuffled, model.features(batch.images)


def means_by(values: Tensor, keys: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The mean of the values of each key from 0 to count - 1, 0 for a key without any, and how many there are.

    values: [n]; keys: int64 [n]. A sum by index would have no fixed order on a GPU.
    """
    members = keys.unsqueeze(1) == torch.arange(count, device=keys.device)
    counts = members.sum(dim=0)
    return (values.unsqueeze(1) * members).sum(dim=0) / counts.clamp(min=1), counts


def coarse(masks: Tensor, like: Tensor) -> Tensor:
    """The share of True pixels in each of the equal squares into which `like`, [n, h, w], divides the images."""
    return F.adaptive_avg_pool2d(masks.to(like.dtype), (like.shape[1], like.shape[2])).squeeze(1)


def asking_if_guided(batch: Batch) -> Tensor:
    """The images, asking for the gradient of which what is outside the masks is to be penalised, if any is."""
    return batch.images.requires_grad_(may_guide(guided(batch.masks)))


def input_gradient(outputs: Tensor, images: Tensor) -> Tensor:
    """d sum(outputs) / d images, differentiable once more, so that it can be penalised.

    From then on the images ask for no gradient: of the loss nobody reads it. Of images that never asked it is 0.
    """
    if not images.requires_grad:
        return torch.zeros_like(images)
    (gradient,) = torch.autograd.grad(outputs.sum(), images, create_graph=True)
    images.requires_grad_(False)
    return gradient


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, mean over the batch."""
    return F.cross_entropy(logits, labels)
