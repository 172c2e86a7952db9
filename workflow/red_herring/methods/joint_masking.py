"""Joint masking: a classifier and a masker learn together, on images as they are, masked in and masked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from red_herring.methods import base
from red_herring.methods._masking import CLIPPED, WEIGHT_DECAY, Weights, inside, loss, outside, terms
from red_herring.networks.masker import READ, Masker, grid_of
from red_herring.networks.resnet import Batch, ResNet18

TITLE = "Joint masking"
APPROACH = "Control without masks"
CITATION = "Phang, Park and Geras 2020, the classifier-agnostic masker (CA)"
USES = []
TRAINS_MASKER = True
# A search goes by the classifier's AUC, which says nothing of the masks: so the lambdas stay near the published 1 and
# 1e-3, and lambda_out near 1.5 in place of 15, as the entropy of two classes is a tenth of that of a thousand.
HYPERPARAMETERS = {
    "masker_lr": ["log-uniform", 1e-3, 1e-2],
    "lambda_in": ["log-uniform", 0.5, 2.0],
    "lambda_out": ["log-uniform", 0.75, 3.0],
    "lambda_tv": ["log-uniform", 3e-4, 3e-3],
}

FORM = "all"
"""Of the masker, see `red_herring.networks.masker.READ`."""

RAMP = 3
"""Epochs over which the rewards for a small area rise from 0. In epochs, as what the masker reads has to be learnt
first; and a fixed number of them, as how many there will be is not known where training stops by its validation loss.
"""


class Method(base.Method):
    """The classifier f minimises CE(f(x), y) + CE(f(inside), y) + CE(f(outside), y), the masker its own loss
    (`red_herring.methods._masking`). Both step once on every batch, on gradients of the same weights.

    The masker reads f in evaluation mode, as it will after training, and so are both masked passes: batch norms go by
    their running statistics, which only the images as they are enter. No gradient goes from a mask to the classifier
    that it was read off. What is masked is filled with the mean of the batch, which tells no image from another.

    The paper's classifier takes a step on the first term and one on the other two; from the same weights that is a step
    on their sum for plain gradient descent. For Adam it is not: two steps that share their moments were unstable.

    With a burn-in of at least RAMP epochs no epoch is kept before the area has its whole reward.
    """

    def __init__(self, model: ResNet18, hyperparameters: dict[str, float]):
        super().__init__(model, hyperparameters)
        self.lambdas = Weights(*(hyperparameters[name] for name in ("lambda_in", "lambda_out", "lambda_tv")))
        # Its weights do not depend on the grid, which the first images tell.
        self.masker = Masker(model.conv1.out_channels, READ[FORM], grid=1).to(model.fc.weight)
        model.masker = self.masker
        self.masker_optimizer = base.Adam(self.masker.parameters(), hyperparameters["masker_lr"], WEIGHT_DECAY)
        self.ramp = 0.0

    def start_epoch(self, epoch: int, wrong: Callable[[], Tensor]) -> None:
        """How much of the area's reward counts in this epoch."""
        self.ramp = min(1.0, (epoch - 1) / RAMP)

    def update(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        found = self.losses(batch, generator)
        own = loss(found, "both", self.lambdas, self.ramp)
        # Both gradients before a step changes the weights that they are of; a pass that was compiled is gone back once.
        of_masker = torch.autograd.grad(own, _moved(self.masker_optimizer), retain_graph=True)
        of_classifier = torch.autograd.grad(self.objective(found), _moved(self.optimizer))
        self._step(self.optimizer, of_classifier)
        self._step(self.masker_optimizer, of_masker)
        return {name: term.detach() for name, term in found.items()}

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """What the classifier minimises."""
        return terms["classification"] + terms["masked"]

    def losses(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """`classification`; `masked`, the cross entropies of both masked images together; the masker's terms."""
        classification = base.classification_loss(self.model(batch.images), batch.labels)
        mask, right, logits_in, logits_out = self._masked(batch)
        of_masks = terms(mask, batch.labels, right, logits_in, logits_out)
        of_outside = base.classification_loss(logits_out, batch.labels)
        return {"classification": classification, "masked": of_masks["inside"] + of_outside, **of_masks}

    def _masked(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The masks, which whole images are told right, and the logits inside and outside: what `terms` is made of."""
        images, side = batch.images, batch.images.shape[-1]
        self.masker.grid.fill_(grid_of(FORM, side))
        with _evaluating(self.model):
            with torch.no_grad():
                logits, stages = self.model.logits_and_stages(images)
            self.masker.train()
            mask = self.masker(stages, side).sigmoid()
            filled = images.mean().expand_as(images)
            masked = torch.cat([inside(images, mask, filled), outside(images, mask, filled)])
            logits_in, logits_out = self.model(masked).chunk(2)
        return mask, logits.argmax(dim=1) == batch.labels, logits_in, logits_out

    def _step(self, optimizer: base.Adam, gradients: tuple[Tensor, ...]) -> None:
        for parameter, gradient in zip(_moved(optimizer), gradients, strict=True):
            parameter.grad = gradient
        if optimizer is self.masker_optimizer:
            nn.utils.clip_grad_norm_(_moved(optimizer), CLIPPED)
        optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """With the masker's optimiser; the masker itself is part of the model."""
        return super().state_dict() | {"masker_optimizer": self.masker_optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        super().load_state_dict(state)
        self.masker_optimizer.load_state_dict(state["masker_optimizer"])


def _moved(optimizer: base.Adam) -> list[nn.Parameter]:
    """The parameters that it moves."""
    parameters: list[nn.Parameter] = optimizer.param_groups[0]["params"]
    return parameters


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model is in evaluation mode, and afterwards in training again."""
    model.eval()
    try:
        yield
    finally:
        model.train()
