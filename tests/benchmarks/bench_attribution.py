"""Attribution maps of the paper's network, a batch at a time, against one image after the other as in the released code."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from benchmarks.measuring import crosses, side_by_side
from captum.attr import FeatureAblation, IntegratedGradients, Occlusion, Saliency
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import PIXELS, Maps, Request, attribute
from red_herring.saliency.attributions import occlusion
from red_herring.study.catalogue import attribution_card, attribution_names

IMAGES = 16
ONE_BY_ONE = 1
"""Images of which the time of the reference is taken: it takes seconds for each."""
STEPS = 200
WINDOW = 2
OF_THE_PAPER = ["gradient", "integrated_gradients", "occlusion"]
PRECISIONS = ["float32", "bfloat16"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[64, 8], ids="width {}".format)
def model(request):
    """Trained a little, as the steps that integrated gradients need depend on that."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    model, data = ResNet18(request.param), crosses(500)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        for batch in data.batches(16, order=torch.randperm(len(data))):
            optimizer.zero_grad()
            F.cross_entropy(model(batch.images), batch.labels).backward()
            optimizer.step()
    return model.eval().requires_grad_(False)


def positives(count: int):
    data = crosses(2 * count)
    return data.subset(np.flatnonzero(data.labels.numpy()))


def one_by_one(name: str, model: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
    """As released: 200 steps of integrated gradients, and all windows of occlusion, for one image in a pass."""
    if name == "gradient":
        return Saliency(model).attribute(image.requires_grad_(), target=1)
    if name == "integrated_gradients":
        return IntegratedGradients(model).attribute(image, target=1, n_steps=STEPS, internal_batch_size=1)
    shape = (1, WINDOW, WINDOW)
    return Occlusion(model).attribute(image, sliding_window_shapes=shape, strides=shape, target=1)


@pytest.mark.parametrize("threads", [2, 1])
def test_an_image(benchmark, model, threads):
    torch.set_num_threads(threads)
    data, few = positives(IMAGES), positives(ONE_BY_ONE)
    folded, last = model.folded(), {}

    def batched(precision: str) -> None:
        hardware = Hardware(CPU, precision)
        for name in OF_THE_PAPER:
            last[precision, name] = attribute(name, folded, data, 1.0, 16, hardware, "the model")

    def reference() -> None:
        for batch in few.batches(1):
            for name in OF_THE_PAPER:
                one_by_one(name, model, batch.images.clone())

    row = side_by_side(
        benchmark,
        "Gradient, integrated gradients and occlusion of an image of 28 pixels",
        {"width": model.fc.in_features // 8, "threads": threads},
        {"reference": reference} | {name: partial(batched, name) for name in PRECISIONS},
        rounds=2,
    )
    for name, taken in row["seconds"].items():
        row["seconds"][name] = [seconds / (ONE_BY_ONE if name == "reference" else IMAGES) for seconds in taken]
    for precision in PRECISIONS:
        row["more"][f"largest completeness error, {precision}"] = told(last[precision, "integrated_gradients"])


def passed_whole(model: torch.nn.Module, images: torch.Tensor, window: int) -> torch.Tensor:
    """Occlusion by a whole pass for each window that is not black, as many of them at once as a pass may hold."""
    anything = F.max_pool2d(images.abs(), window, ceil_mode=True) > 0
    numbers = anything.flatten(1).cumsum(1).view(anything.shape) * anything
    mask = numbers.repeat_interleave(window, 2).repeat_interleave(window, 3)
    mask = mask[..., : images.shape[-2], : images.shape[-1]]
    together = max(1, PIXELS // images.numel())
    return FeatureAblation(model).attribute(images, feature_mask=mask, target=1, perturbations_per_eval=together)


@pytest.mark.parametrize(
    ("width", "size", "kind", "images", "threads"),
    [
        *((64, 224, "noise in a third", 1, threads) for threads in (1, 2)),
        *((width, 28, kind, 16, 1) for width in (64, 8) for kind in ("crosses", "noise")),
    ],
)
def test_occlusion(benchmark, width, size, kind, images, threads):
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    folded = ResNet18(width).folded()
    given = torch.rand(images, 1, size, size) if "noise" in kind else positives(images).batch(slice(None)).images
    if kind == "noise in a third":  # whose windows take a minute by whole passes
        given[:, :, size // 3 :] = 0
    request = Request(folded, given, range(images), max(1, PIXELS // size**2), 0, "adaptive")
    pieces = {
        "a pass for each window": partial(passed_whole, folded, given, round(size * occlusion.OCCLUDED)),
        "what a window changes": partial(occlusion.explain, request),
    }
    row = {"image": f"{size} pixels, {kind}", "width": width, "images": images, "threads": threads}
    rounds, warmup = (1, 0) if size == 224 else (3, 1)
    side_by_side(benchmark, "Occlusion", row, pieces, rounds=rounds, warmup=warmup)


def told(maps: Maps) -> str:
    return f"{maps.details['completeness_error'].max():.2%}"


@pytest.mark.parametrize("name", [name for name in attribution_names() if not attribution_card(name).control])
def test_each(benchmark, model, name):
    torch.set_num_threads(2)
    data, folded = positives(IMAGES), model.folded()
    pieces = {
        precision: partial(attribute, name, folded, data, 1.0, 16, Hardware(CPU, precision), "the model")
        for precision in PRECISIONS
    }
    row = {"attribution": name, "width": model.fc.in_features // 8}
    side_by_side(benchmark, f"Maps of {IMAGES} images of 28 pixels, 2 threads", row, pieces, rounds=2)
