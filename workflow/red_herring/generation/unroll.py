"""A detector's step as a function of the images that it learns from (equations 1 to 4 of DetectorGAN, re-derived).

The loss on real images does not depend on the generator theta; after one step on generated images x'(theta) it does:
    1. the detector's own step minimises L(y, b_y; phi) + L(x', b; phi): `red_herring.generation.learner`, in one pass
    2. phi'(theta) = phi - rate dL(x'(theta), b; phi) / dphi, L_unroll = L(y, b_y; phi'(theta))    `unrolled_loss`
    3. dL_unroll / dtheta = -rate (dL(y, b_y; phi') / dphi) (d2L(x', b; phi) / dphi dx') (dx' / dtheta), which is what
       differentiating equation 2 gives, as long as phi' is not detached and the step is plain gradient descent
    4. the generator minimises its own losses + lambda_s L(x', b; phi) + lambda_r L_unroll.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.func import functional_call

from red_herring.generation.detector import Detector
from red_herring.generation.examples import Examples

Parameters = dict[str, Tensor]


def parameters_of(detector: Detector) -> Parameters:
    """Copies that require gradients, so that none reaches the detector's own, frozen or not."""
    return {name: value.detach().clone().requires_grad_() for name, value in detector.named_parameters()}


def loss_of(detector: Detector, parameters: Parameters, shown: Examples) -> Tensor:
    """L(shown; parameters), a scalar, in the detector's mode. Its running statistics stay as they are: batch norm
    writes into copies, made afresh for each pass.
    """
    buffers = {name: value.clone() for name, value in detector.named_buffers()}
    outputs = functional_call(detector, (parameters, buffers), (shown.images,))
    return detector.loss(outputs, shown.boxes)


def stepped(detector: Detector, parameters: Parameters, generated: Examples, rate: float) -> Parameters:
    """phi' of equation 2, a function of the generated images.

    rate: a large one raises the loss that the step is to lower. On crosses, width 8, 10 and 100 real images, a step on
    a training batch, in evaluation mode, lowers the loss on that very batch at .0003 all through the 160 steps of the
    detector; at .001 in a quarter of the turns from step 60 on, at .01 in none from step 50 on, as the gradient
    explodes.
    """
    loss = loss_of(detector, parameters, generated)
    gradients = torch.autograd.grad(loss, list(parameters.values()), create_graph=True)
    moved = zip(parameters.items(), gradients, strict=True)
    return {name: value - rate * gradient for (name, value), gradient in moved}


def unrolled_loss(detector: Detector, generated: Examples, real: Examples, rate: float) -> Tensor:
    """L_unroll of equation 2, a scalar whose gradient with regard to the generated images is that of equation 3."""
    return loss_of(detector, stepped(detector, parameters_of(detector), generated, rate), real)


@contextmanager
def evaluating(detector: Detector) -> Iterator[None]:
    """The detector in evaluation mode, for the generator's losses: what it says of one image hangs on no other."""
    training = detector.training
    detector.eval()
    try:
        yield
    finally:
        detector.train(training)
