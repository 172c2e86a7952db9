"""Layers as in `torch.nn`, computed in ways that cost less.

Parameters, results and first derivatives are those of PyTorch. What differs is
- the second derivatives, which PyTorch composes of slow kernels (`differentiable_twice`);
- two batches in one pass, each normalised by its own statistics (`batches_apart`);
- the weight gradient of a convolution of small maps in bfloat16 on a CPU, for which oneDNN is slow;
- the input gradient of a frozen convolution of few channels on a CPU, for which it is slow too;
- spectral normalisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

SMALL = 64
"""Pixels of an output map, up to which oneDNN's kernel for the weight gradient in bfloat16 is the slower way."""

FEW = 16
"""Channels of an input, below which oneDNN computes its gradient as if they were so many, in layouts of its own."""

_twice = False
_apart = False


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """Passes in this block are recorded such that their input gradient can be differentiated at little cost."""
    global _twice
    before, _twice = _twice, True
    try:
        yield
    finally:
        _twice = before


@contextmanager
def batches_apart() -> Iterator[None]:
    """Batches in this block are two, one behind the other; in training each is normalised by its own statistics."""
    global _apart
    before, _apart = _apart, True
    try:
        yield
    finally:
        _apart = before


class Conv2d(nn.Conv2d):
    """Of square kernels, strides and paddings, without bias, groups or dilation."""

    def __init__(self, channels_in: int, channels: int, kernel: int, stride: int = 1, padding: int = 0):
        super().__init__(channels_in, channels, kernel, stride, padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        device, weight = x.device.type, self.weight
        mixed = torch.is_autocast_enabled(device)
        trained = weight.requires_grad and torch.is_grad_enabled() and self.bias is None
        few = self.in_channels < FEW and self.stride == (1, 1) and device == "cpu"
        if few and x.requires_grad and not (mixed or any(one.requires_grad for one in self.parameters())):
            explained: Tensor = _FrozenConvolution.apply(x, weight, self.bias, self.padding[0])
            return explained
        if torch.compiler.is_compiling() or not trained or not (_twice or (mixed and device == "cpu")):
            return super().forward(x)
        if mixed:
            dtype = torch.get_autocast_dtype(device)
            x, weight = x.to(dtype), weight.to(dtype)
        y: Tensor = _Convolution.apply(x, weight, self.stride[0], self.padding[0])
        return y


class _Convolution(torch.autograd.Function):
    """y(x, w), linear in both. So are its gradients, and all second derivatives are among these three functions."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding)
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        # Images may have stopped asking, after the gradient that is penalised.
        of_x, of_weight = ctx.needs_input_grad[0] and x.requires_grad, _is_asked_for(ctx, 1)
        if not torch.is_grad_enabled():
            return *_gradients(gradient, x, weight, ctx.geometry, of_x, of_weight), None, None
        return (
            _InputGradient.apply(gradient, weight, x, *ctx.geometry) if of_x else None,
            _WeightGradient.apply(x, gradient, weight, *ctx.geometry) if of_weight else None,
            None,
            None,
        )


class _FrozenConvolution(torch.autograd.Function):
    """y(x) of stride 1, whose gradient is a convolution with the kernel turned by half a circle."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.padding = weight.shape[-1] - 1 - padding
        return F.conv2d(x, weight, bias, 1, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return F.conv2d(gradient, weight.flip(2, 3).transpose(0, 1), None, 1, ctx.padding), None, None, None


class _InputGradient(torch.autograd.Function):
    """dx(dy, w) of a convolution; x gives the shape only."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, x: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.geometry = (stride, padding)
        return _only(_gradients(gradient, x, weight, ctx.geometry, True, False))

    @staticmethod
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor | None, ...]:
        gradient, weight = ctx.saved_tensors
        return (
            _Convolution.apply(tangent, weight, *ctx.geometry) if ctx.needs_input_grad[0] else None,
            _WeightGradient.apply(tangent, gradient, weight, *ctx.geometry) if _is_asked_for(ctx, 1) else None,
            None,
            None,
            None,
        )


class _WeightGradient(torch.autograd.Function):
    """dw(x, dy) of a convolution; w gives the shape only."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gradient: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, gradient)
        ctx.geometry = (stride, padding)
        return _only(_gradients(gradient, x, weight, ctx.geometry, False, True))

    @staticmethod
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor | None, ...]:
        x, gradient = ctx.saved_tensors
        return (
            _InputGradient.apply(gradient, tangent, x, *ctx.geometry) if ctx.needs_input_grad[0] else None,
            _Convolution.apply(x, tangent, *ctx.geometry) if ctx.needs_input_grad[1] else None,
            None,
            None,
            None,
        )


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, geometry: tuple[int, int], of_x: bool, of_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    stride, padding = geometry
    as_product = (
        of_weight
        and gradient.dtype == torch.bfloat16
        and gradient.device.type == "cpu"
        and gradient.shape[2] * gradient.shape[3] <= SMALL
    )
    wanted = [of_x, of_weight and not as_product, False]
    found = (None, None)
    if any(wanted):
        found = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, wanted
        )
    return found[0], _weight_gradient_as_product(gradient, x, weight, geometry) if as_product else found[1]


def _only(gradients: tuple[Tensor | None, ...]) -> Tensor:
    """The one that was computed."""
    (gradient,) = (gradient for gradient in gradients if gradient is not None)
    return gradient


def _weight_gradient_as_product(gradient: Tensor, x: Tensor, weight: Tensor, geometry: tuple[int, int]) -> Tensor:
    """One matrix product over images and positions, [out, n h w] times [n h w, k k in]."""
    stride, padding = geometry
    kernel = weight.shape[-1]
    patches = F.pad(x, (padding,) * 4).permute(0, 2, 3, 1).contiguous()
    patches = patches.unfold(1, kernel, stride).unfold(2, kernel, stride).permute(0, 1, 2, 4, 5, 3)
    rows = gradient.permute(0, 2, 3, 1).reshape(-1, gradient.shape[1])
    product = rows.t() @ patches.reshape(len(rows), -1)
    return product.view(len(weight), kernel, kernel, -1).permute(0, 3, 1, 2).contiguous()


def _is_asked_for(ctx: Any, index: int) -> bool:
    """Whether the gradient of this input is part of what the current backward pass computes.

    `needs_input_grad` says only whether it could be: an input gradient alone would have those of all weights computed.
    """
    node = ctx.next_functions[index][0]
    if node is None:
        return False
    try:
        return torch._C._will_engine_execute_node(node)
    except RuntimeError:  # raised for a leaf that is itself among the inputs of torch.autograd.grad
        return True


class Linear(nn.Linear):
    """In its weights' precision, also where all else is in a lower one: what it gives are logits."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))


class SpectralLinear(nn.Linear):
    """x W' / s + b, s the largest singular value of W, estimated by power iteration (Miyato et al. 2018).

    As `torch.nn.utils.parametrizations.spectral_norm`, but what is divided is the product, which is smaller than W.
    """

    FIRST_ITERATIONS = 15

    left: Tensor
    right: Tensor
    """Estimates of the singular vectors of s, of length 1."""

    def __init__(self, features_in: int, features: int):
        super().__init__(features_in, features)
        for name, size in (("left", features), ("right", features_in)):
            self.register_buffer(name, F.normalize(torch.randn(size), dim=0))
        for _ in range(self.FIRST_ITERATIONS):
            self._iterate()

    def forward(self, x: Tensor) -> Tensor:
        device, weight = x.device.type, self.weight
        with torch.autocast(device, enabled=False), torch.no_grad():
            norm = self._iterate() if self.training else torch.dot(self.left, torch.mv(weight, self.right))
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            x, weight = x.to(dtype), weight.to(dtype)
        product: Tensor = _DividedProduct.apply(x, weight, norm, self.left.clone(), self.right.clone())
        return product + self.bias

    @torch.no_grad()
    def _iterate(self) -> Tensor:
        """Improve the estimates by one step; the s that they make."""
        self.left.copy_(F.normalize(torch.mv(self.weight, self.right), dim=0))
        unscaled = torch.mv(self.weight.t(), self.left)
        self.right.copy_(F.normalize(unscaled, dim=0))
        norm: Tensor = torch.linalg.vector_norm(unscaled)
        return norm


class _DividedProduct(torch.autograd.Function):
    """y = x W' / s with s = <left, W right>, left and right held fixed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, norm: Tensor, left: Tensor, right: Tensor) -> Tensor:
        y = F.linear(x, weight) / norm
        ctx.save_for_backward(x, weight, norm, left, right, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """dW = dy' x / s - <dy, y> / s left right', one matrix product: the second term is as another image's."""
        x, weight, norm, left, right, y = ctx.saved_tensors
        scaled = gradient / norm
        of_x = scaled @ weight if ctx.needs_input_grad[0] else None
        of_weight = None
        if ctx.needs_input_grad[1]:
            rows = torch.cat([scaled, (-(scaled * y).sum() * left).to(scaled.dtype).unsqueeze(0)])
            of_weight = rows.t() @ torch.cat([x, right.to(x.dtype).unsqueeze(0)])
        return of_x, of_weight, None, None, None


class BatchNorm2d(nn.BatchNorm2d):
    """With a weight, a bias and running statistics."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return self._two_batches(x) if _apart else self._one_batch(x)

    def _two_batches(self, x: Tensor) -> Tensor:
        return torch.cat([self._one_batch(batch) for batch in x.chunk(2)])

    def _one_batch(self, x: Tensor) -> Tensor:
        if (
            x.numel() == x.shape[1]
        ):  # which PyTorch's own kernel takes, and makes running statistics that are no numbers
            raise ValueError(f"a batch of one value per channel, {tuple(x.shape)}, cannot be normalised in training")
        self.num_batches_tracked.add_(1)
        normalise = _Normalisation.apply if _twice else _normalise
        y: Tensor = normalise(x, self.weight, self.bias, self.running_mean, self.running_var, self.momentum, self.eps)
        return y


def _normalise(
    x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: float, eps: float
) -> Tensor:
    return F.batch_norm(x, mean, variance, weight, bias, True, momentum, eps)


class _Normalisation(torch.autograd.Function):
    """y = weight (x - mean) s + bias, 1 / s the standard deviation, over images and positions of each channel."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        y, mean, scale = torch.native_batch_norm(x, weight, bias, running_mean, running_var, True, momentum, eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.eps = eps
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, scale = ctx.saved_tensors
        if not torch.is_grad_enabled():
            return *_normalisation_gradients(gradient, x, weight, mean, scale, ctx.eps), None, None, None, None
        of_weight = of_bias = None
        if _is_asked_for(ctx, 1):
            of_weight = (gradient * F.batch_norm(x, None, None, training=True, eps=ctx.eps)).sum((0, 2, 3))
        if _is_asked_for(ctx, 2):
            of_bias = gradient.sum((0, 2, 3))
        of_x = _NormalisationGradient.apply(gradient, x, weight, mean, scale, ctx.eps)
        return of_x, of_weight, of_bias, None, None, None, None


class _NormalisationGradient(torch.autograd.Function):
    """dx = weight s (dy - mean(dy) - x' mean(dy x')), x' = (x - mean) s; linear in dy, by a symmetric matrix."""

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor, mean: Tensor, scale: Tensor, eps: float
    ) -> Tensor:
        of_x, sum_with_x, total = _normalisation_gradients(gradient, x, weight, mean, scale, eps)
        ctx.save_for_backward(gradient, x, weight, mean, scale, of_x, sum_with_x, total)
        ctx.eps = eps
        return of_x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, tangent: Tensor) -> tuple[Tensor | None, ...]:
        """With u for the tangent and m values of each channel, the product p = <u, dx> / (weight s) =
        <u, dy> - sum(u) sum(dy) / m - sum(u x') sum(dy x') / m, and of dx, seen as a function of dy and of x,
            d <u, dx> / d dy     = dx(u)
            d <u, dx> / d weight = s p
            d <u, dx> / d x      = - s / m (sum(u x') dx(dy) + sum(dy x') dx(u) + weight s p x').
        """
        gradient, x, weight, mean, scale, of_x, with_x, total = ctx.saved_tensors
        of_gradient, tangent_with_x, tangent_total = _normalisation_gradients(tangent, x, weight, mean, scale, ctx.eps)
        values = x.numel() // len(weight)
        product = (tangent * gradient).sum((0, 2, 3), dtype=scale.dtype)
        product = product - (tangent_total * total + tangent_with_x * with_x) / values

        factor = -scale / values
        variance = scale**-2 - ctx.eps
        second = F.batch_norm(x, mean, variance, factor * weight * scale * product, None, False, 0.0, ctx.eps)
        second.addcmul_(of_x, _per_channel(factor * tangent_with_x, x))
        second.addcmul_(of_gradient, _per_channel(factor * with_x, x))
        return of_gradient, second, scale * product, None, None, None


def _normalisation_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, mean: Tensor, scale: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
        gradient, x, weight, None, None, mean, scale, True, eps, [True, True, True]
    )
    return of_x, of_weight, of_bias


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype).view(1, -1, 1, 1)
