"""Figure 2: the classifier, and where the loss of each of the paper's methods attaches to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon, Rectangle

from red_herring.report import style

TITLE = "Figure 2"
CATEGORY = "Figures"
CAPTION = (
    "The classifier and where each method's loss acts on it. Masks are used in training only, and every method is "
    "evaluated on whole images."
)
FILES = []
RELEASED = False

HEIGHT = 3.95
"""Inches, as are all places in this module."""

TOP, MIDDLE, BOTTOM = 2.45, 1.58, 0.71
"""Of the image as it is, of what joins both, of the image whose outside is shuffled."""

INPUT, ENCODER, VECTOR, HEAD, LOSS = 0.5, 1.95, 3.12, 4.25, 6.2
"""From left to right, the middles of the columns."""

PICTURE = 0.62
"""Side of an image."""

PALE = "#EEEEEE"

X, MASKED, FEATURES = "$x$", r"$x_{\mathrm{masked}}$", {"x": "$o(x)$", "masked": r"$o(x_{\mathrm{masked}})$"}

TITLES = {
    "classification": "Classification",
    "masked": "Masked",
    "actdiff": "ActDiff",
    "adversarial": "Adversarial",
    "gradmask": "GradMask",
    "rrr": "RRR",
}
"""As the paper has them, as does the text below; a study may have none of them."""

NOTES = (
    r"$m$: ROI mask, 1 inside. $x_{\mathrm{masked}}$: $x$ with the pixels outside $m$ permuted, each time anew. "
    r"$y_0, y_1$: logits, $p_k$: probabilities. $o$: 512 features."
    "\n"
    r"ActDiff, Adversarial, GradMask and RRR add their loss, times $\lambda$, to the cross entropy on $x$; Masked has "
    r"none on $x$. Masks are for training only."
)


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """Takes no files and reads nothing of the study. The equations are those of Viviano et al. 2021, section 3."""
    figure = Figure(figsize=(style.PAGE, HEIGHT))
    figure.set_layout_engine("none")  # the places are given
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, style.PAGE), ylim=(0, HEIGHT))
    axes.axis("off")
    _inputs(axes)
    for height, name in ((TOP, FEATURES["x"]), (BOTTOM, FEATURES["masked"])):
        _network(axes, height, name)
    axes.plot([ENCODER] * 2, [BOTTOM + 0.4, TOP - 0.4], color="grey", linewidth=0.8, linestyle="--")
    _text(
        axes, ENCODER, MIDDLE, "same weights", color="dimgrey", bbox={"facecolor": "white", "linewidth": 0, "pad": 1.5}
    )
    _losses_on_outputs(axes)
    _losses_on_features(axes)
    _losses_on_gradients(axes)
    _text(axes, 0.12, 0.16, NOTES, ha="left", fontsize=6.3)
    return figure


def example(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image of one cross and the box that gives its class away, the mask of the cross, and the image with the pixels
    outside shuffled: float, bool and float [28, 28].
    """
    mask = np.zeros((28, 28), bool)
    mask[6:15, 12] = mask[10, 8:17] = True
    image = mask.astype(float)
    image[21:23, :3] = 1
    shuffled = image.copy()
    shuffled[~mask] = np.random.default_rng(seed).permutation(image[~mask])
    return image, mask, shuffled


def _inputs(axes: Axes) -> None:
    """x and its mask, and how the masked image is made of them."""
    image, mask, shuffled = example()
    red = np.zeros((*mask.shape, 3))
    red[mask, 0] = 1.0
    half = PICTURE / 2
    for height, picture in ((TOP, image), (MIDDLE, red), (BOTTOM, shuffled)):
        edges = (INPUT - half, INPUT + half, height - half, height + half)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, aspect="auto", extent=edges, interpolation="nearest")
        axes.add_patch(Rectangle((edges[0], edges[2]), PICTURE, PICTURE, fill=False, linewidth=0.5))
    axes.set(xlim=(0, style.PAGE), ylim=(0, HEIGHT))
    for height, name in ((TOP, X), (MIDDLE, "$m$"), (BOTTOM, MASKED)):
        _text(axes, INPUT + PICTURE / 2 + 0.05, height + 0.2, name, ha="left", fontsize=8)
    _arrow(axes, (INPUT, MIDDLE - PICTURE / 2), (INPUT, BOTTOM + PICTURE / 2))
    _text(axes, INPUT + 0.08, (MIDDLE + BOTTOM) / 2, "shuffle outside", ha="left", color="dimgrey")


def _network(axes: Axes, height: float, name: str) -> None:
    """One pass: encoder, feature vector, classifier head, logits."""
    left, right = ENCODER - 0.45, ENCODER + 0.45
    corners = [(left, height + 0.38), (right, height + 0.2), (right, height - 0.2), (left, height - 0.38)]
    axes.add_patch(Polygon(corners, facecolor=PALE, edgecolor="black", linewidth=0.8))
    _text(axes, ENCODER, height, "encoder $f$\nResNet-18", fontsize=7)
    cell = 0.09
    for number in range(-3, 4):
        corner = (VECTOR - cell / 2, height + (number - 0.5) * cell)
        axes.add_patch(Rectangle(corner, cell, cell, facecolor=PALE, edgecolor="black", linewidth=0.6))
    _text(axes, VECTOR + 0.1, height + (0.22 if height == TOP else -0.22), name, ha="left", fontsize=8)
    axes.add_patch(
        FancyBboxPatch((HEAD - 0.3, height - 0.17), 0.6, 0.34, boxstyle="round,pad=0.02", facecolor=PALE, linewidth=0.8)
    )
    _text(axes, HEAD, height, "classifier\n(linear)", fontsize=7)
    for start, end in (
        (INPUT + PICTURE / 2, left),
        (right, VECTOR - 0.06),
        (VECTOR + 0.06, HEAD - 0.33),
        (HEAD + 0.33, LOSS - 0.78),
    ):
        _arrow(axes, (start, height), (end, height))
    _text(axes, HEAD + 0.62, height + 0.1, "$y_0, y_1$", fontsize=7)


def _losses_on_outputs(axes: Axes) -> None:
    _loss(axes, LOSS, TOP, "classification", "cross entropy on $x$")
    _loss(axes, LOSS, BOTTOM, "masked", r"cross entropy on $x_{\mathrm{masked}}$")


def _losses_on_features(axes: Axes) -> None:
    """ActDiff between the two vectors; Adversarial behind a discriminator that sees either."""
    colour = style.COLOURS["actdiff"]
    for height, side in ((TOP, 1), (BOTTOM, -1)):
        _arrow(axes, (VECTOR, MIDDLE + side * 0.21), (VECTOR, height - side * 0.34), colour)
    _loss(axes, VECTOR + 0.02, MIDDLE, "actdiff", r"$\Vert\, o(x_{\mathrm{masked}}) - o(x)\, \Vert_2$", width=1.32)
    colour = style.COLOURS["adversarial"]
    place = HEAD + 0.42
    for height, side in ((TOP, 1), (BOTTOM, -1)):
        _arrow(axes, (VECTOR + 0.08, height - side * 0.24), (place - 0.28, MIDDLE + side * 0.12), colour)
    axes.add_patch(
        FancyBboxPatch(
            (place - 0.25, MIDDLE - 0.2),
            0.5,
            0.4,
            boxstyle="round,pad=0.02",
            facecolor=PALE,
            edgecolor=colour,
            linewidth=1.2,
        )
    )
    _text(axes, place, MIDDLE, "discrimi-\nnator $D$", fontsize=6.5)
    _arrow(axes, (place + 0.28, MIDDLE), (LOSS - 0.78, MIDDLE), colour)
    _loss(axes, LOSS, MIDDLE, "adversarial", "$D$ tells which is masked,\n$f$ learns to fool it")


def _losses_on_gradients(axes: Axes) -> None:
    """From the outputs of the image as it is back to its pixels, of which those outside the mask count."""
    terms = {
        "gradmask": r"$\Vert\, \partial |y_0 - y_1| / \partial x \cdot (1 - m)\, \Vert_2$",
        "rrr": r"$\sum (\, \partial\, \Sigma_k \log p_k / \partial x \cdot (1 - m)\, )^2$",
    }
    for number, (method, term) in enumerate(terms.items()):
        colour, height, shift = style.COLOURS[method], 3.2 + 0.48 * number, 0.09 * (2 * number - 1)
        places = [(HEAD + 0.62 - shift, TOP + 0.2), (HEAD + 0.62 - shift, height), (INPUT + shift, height)]
        axes.plot(
            *zip(*places, strict=True), color=colour, linewidth=1.2, linestyle=(0, (4, 1.5)), solid_joinstyle="round"
        )
        _arrow(axes, places[-1], (INPUT + shift, TOP + PICTURE / 2 + 0.01), colour, linestyle=(0, (4, 1.5)))
        _loss(axes, 2.6, height, method, term, width=2.6, beside=True)
    _text(axes, 5.1, 3.44, "gradient of the outputs\nwith respect to the pixels", ha="left", color="dimgrey")


def _loss(axes: Axes, x: float, y: float, method: str, text: str, width: float = 1.5, beside: bool = False) -> None:
    """A box in the colour of its method, with its name above the loss, or beside it."""
    lines = 1 if beside else 2 + text.count("\n")
    height = {1: 0.26, 2: 0.32, 3: 0.45}[lines]
    colour = style.COLOURS[method]
    pale = tuple(0.18 * part + 0.82 for part in to_rgba(colour)[:3])
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2 + 0.03, y - height / 2),
            width - 0.06,
            height,
            boxstyle="round,pad=0.03",
            facecolor=pale,
            edgecolor=colour,
            linewidth=1.2,
            zorder=4,
        )
    )
    if beside:
        _text(axes, x - width / 2 + 0.06, y, TITLES[method], weight="bold", ha="left", fontsize=7)
        _text(axes, x + 0.3, y, text, fontsize=7.5)
    else:
        _text(axes, x, y + height / 2 - 0.07, TITLES[method], weight="bold", fontsize=7)
        _text(axes, x, y - 0.07, text, fontsize=6.5)


def _text(axes: Axes, x: float, y: float, text: str, **arguments: Any) -> None:
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5, "zorder": 5}
    axes.text(x, y, text, **(look | arguments))


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "black", **arguments: Any
) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 7, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=colour, **(look | arguments)))
