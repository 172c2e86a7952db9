"""Two generators and three discriminators, trained against each other, with a detector in the generators' loss.

X are object-free images, Y images with objects. G_X puts an object into a box of an image of X, G_Y takes one away from
Y. Discriminators judge whole images of X and Y, and the crops of boxes of Y. The rest is CycleGAN's (Zhu et al. 2017),
with equation 4 of `red_herring.generation.unroll`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from red_herring.generation.detector import Detector
from red_herring.generation.discriminators import (
    Discriminator,
    Pool,
    crop_side,
    crops,
    discriminator_loss,
    generator_loss,
)
from red_herring.generation.examples import Examples
from red_herring.generation.generator import Generator
from red_herring.generation.unroll import evaluating, loss_of, parameters_of, unrolled_loss
from red_herring.methods.base import Adam

LEARNING_RATE = 1e-3
BETAS = (0.5, 0.999)
CYCLE, LOCAL = 10.0, 1.0
"""Weights of the cycle's and of the local discriminator's loss."""

CLIPPED = 20.0
"""Largest norm of the generators' gradient: that of the unrolled loss has a few very large values."""


@dataclass(frozen=True)
class Weights:
    """Of the detector's loss on generated images (lambda_s), and of its loss on real images after a step of size `rate`
    on generated ones (lambda_r). A term whose weight is 0 is not computed.
    """

    detector: float
    unrolled: float
    rate: float


@dataclass(frozen=True)
class Pairs:
    """free: object-free images, float32 [n, 1, side, side], -1 to 1. places: [n, 4], where an object goes in each.
    real: n images with all their boxes. erased: [n, 4], of each the box whose object goes.
    """

    free: Tensor
    places: Tensor
    real: Examples
    erased: Tensor

    def __len__(self) -> int:
        return len(self.free)


@dataclass(frozen=True)
class Fakes:
    """inserted: G_X of the object-free images. erased: G_Y of the real ones. Both with gradients."""

    inserted: Tensor
    erased: Tensor


class Judges(nn.Module):
    """The three discriminators: of whole images of X and of Y, and of the crops of boxes of Y."""

    def __init__(self, side: int, channels: int):
        super().__init__()
        self.x = Discriminator(side, channels)
        self.y = Discriminator(side, channels)
        self.local = Discriminator(crop_side(side), channels)


class CycleGAN:
    """Networks, optimisers and pools of past fakes as one thing, whose state is all that its next update hangs on.

    channels: of the generators; the discriminators begin with as many. All are in float32.
    """

    def __init__(self, side: int, channels: int, device: torch.device):
        self.insert, self.erase = Generator(side, channels).to(device), Generator(side, channels).to(device)
        self.judges = Judges(side, channels).to(device)
        self.generators = nn.ModuleList([self.insert, self.erase])
        self.generator_optimizer = _adam(self.generators)
        self.judge_optimizer = _adam(self.judges)
        self.pools = {"inserted": Pool(side, device), "erased": Pool(side, device)}

    def update(
        self, pairs: Pairs, detector: Detector | None, weights: Weights, drawn: torch.Generator
    ) -> dict[str, Tensor]:
        """One step of both generators, then one of the discriminators; the terms of both losses, detached.

        detector: stays as it is, in its weights, running statistics and mode; None where no weight asks for it.
        drawn: random numbers, on the CPU.
        """
        fakes = self._fakes(pairs, drawn)
        with _frozen(self.judges):
            terms = self.generator_terms(pairs, fakes, drawn) | detector_terms(pairs, fakes, detector, weights)
            self._step_generators(objective(terms, weights))
        terms["discriminators"] = self._step_judges(pairs, fakes, drawn)
        return {name: term.detach() for name, term in terms.items()}

    def _fakes(self, pairs: Pairs, drawn: torch.Generator) -> Fakes:
        inserted = self.insert(pairs.free, pairs.places, noise_like(pairs.free, drawn))
        erased = self.erase(pairs.real.images, pairs.erased, noise_like(pairs.free, drawn))
        return Fakes(inserted, erased)

    def generator_terms(self, pairs: Pairs, fakes: Fakes, drawn: torch.Generator) -> dict[str, Tensor]:
        """adversarial, of whole images, X and Y added; local; cycle, mean difference of a pixel, both ways added."""
        back = self.erase(fakes.inserted, pairs.places, noise_like(pairs.free, drawn))
        forth = self.insert(fakes.erased, pairs.erased, noise_like(pairs.free, drawn))
        judges = self.judges
        return {
            "adversarial": generator_loss(judges.y(fakes.inserted)) + generator_loss(judges.x(fakes.erased)),
            "local": generator_loss(judges.local(crops(fakes.inserted, pairs.places))),
            "cycle": F.l1_loss(back, pairs.free) + F.l1_loss(forth, pairs.real.images),
        }

    def _step_generators(self, loss: Tensor) -> None:
        self.generator_optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.generators.parameters(), CLIPPED)
        self.generator_optimizer.step()

    def _step_judges(self, pairs: Pairs, fakes: Fakes, drawn: torch.Generator) -> Tensor:
        loss = self._judged(pairs, fakes, drawn)
        self.judge_optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.judge_optimizer.step()
        return loss

    def _judged(self, pairs: Pairs, fakes: Fakes, drawn: torch.Generator) -> Tensor:
        """The loss of the discriminators: of whole images of X and Y, and of crops, added."""
        inserted, places = self.pools["inserted"].exchange(fakes.inserted, pairs.places, drawn)
        erased, _ = self.pools["erased"].exchange(fakes.erased, pairs.erased, drawn)
        judges, real = self.judges, pairs.real.images
        local = discriminator_loss(judges.local(crops(real, pairs.erased)), judges.local(crops(inserted, places)))
        of_x = discriminator_loss(judges.x(pairs.free), judges.x(erased))
        return of_x + discriminator_loss(judges.y(real), judges.y(inserted)) + local

    @torch.no_grad()
    def generate(self, free: Tensor, places: Tensor, drawn: torch.Generator) -> Tensor:
        """Object-free images with an object in each box, [n, 1, side, side], without a gradient. drawn: on the CPU."""
        inserted: Tensor = self.insert(free, places, noise_like(free, drawn))
        return inserted

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as it was that gave this state."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        own = {"generators": self.generators, "judges": self.judges}
        optimizers = {"generator_optimizer": self.generator_optimizer, "judge_optimizer": self.judge_optimizer}
        return own | optimizers | {f"pool_{name}": pool for name, pool in self.pools.items()}


def initialised_gan(side: int, channels: int, seed: int, device: torch.device) -> CycleGAN:
    """One before its training. Drawing its weights leaves PyTorch's own random numbers as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return CycleGAN(side, channels, device)


def detector_terms(pairs: Pairs, fakes: Fakes, detector: Detector | None, weights: Weights) -> dict[str, Tensor]:
    """detector and unrolled, those that have a weight, by the detector in evaluation mode."""
    terms: dict[str, Tensor] = {}
    if detector is None:
        return terms
    generated = Examples(fakes.inserted, list(pairs.places.unsqueeze(1)))
    with evaluating(detector):
        if weights.detector:
            terms["detector"] = loss_of(detector, parameters_of(detector), generated)
        if weights.unrolled:
            terms["unrolled"] = unrolled_loss(detector, generated, pairs.real, weights.rate)
    return terms


def objective(terms: dict[str, Tensor], weights: Weights) -> Tensor:
    """What the generators minimise, equation 4."""
    factors = {"adversarial": 1.0, "local": LOCAL, "cycle": CYCLE}
    factors |= {"detector": weights.detector, "unrolled": weights.unrolled}
    return torch.stack([factors[name] * term for name, term in terms.items()]).sum()


def noise_like(images: Tensor, drawn: torch.Generator) -> Tensor:
    """Normal noise, drawn on the CPU, so that it is the same on any device."""
    return torch.randn(images.shape, generator=drawn).to(images)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


def _adam(module: nn.Module) -> Adam:
    optimizer = Adam(module.parameters(), LEARNING_RATE)
    for group in optimizer.param_groups:
        group["betas"] = BETAS
    return optimizer
