"""The contact sheet of masks: what is inside for a few training images, and what each setting makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from red_herring.data import masks as roi
from red_herring.report import style
from red_herring.report.figures._inputs import chunks, images_of, seeds_of, shape_of, splits_of
from red_herring.runtime.files import StudyError

TITLE = "Masks"
CATEGORY = "Data"
CAPTION = (
    "ROI masks, and what training is shown of them under each option. Look whether they cover what an expert would "
    "point at."
)
FILES = ["images"]

SHOWN = 2
"""Images of each class on the sheet."""

SAMPLE = 32
"""Images of each class among which masks are matched, exchanged and kept: enough to choose from, yet quick."""

PLAIN = {"negatives": "empty", "blur_sigma": 0.0, "control": "none", "budget": 1.0}
"""The masks as they are; each of the last columns changes one of these."""

DILATION = 0.02
"""Standard deviation of the blur that shows what dilating does, image sides."""

OWN, STUDY, MATCHED, OTHER = "own ROI mask", "in this study", "negatives:\nmatched", "control:\nother"
INSIDE = (0.9, 0.1, 0.1)
"""Red."""


def draw(files: list[Path], study: dict[str, Any]) -> Figure:
    """files: the split of one seed per task, .../splits/{task}/seed=*.csv, and images.npy of all sources, with
    masks.npy beside each, and anatomy.npy where a task has masks of it.

    Red is inside. Two positives and two negatives per task, of both groups if training has both; positives with a mask
    come first. What is drawn at random, is drawn among a sample of the training images, so a run may see another mask
    of the same kind.
    """
    tasks, splits, seeds = study["tasks"], splits_of(files), seeds_of(files)
    images, masks = images_of(files), {kind: images_of(files, file) for kind, file in roi.STORED.items()}
    figure = Figure(figsize=(style.PAGE, (2 * SHOWN * 0.78 + 0.5) * len(tasks)))
    blocks = figure.subfigures(len(tasks), 1, squeeze=False)[:, 0]
    for block, (name, task) in zip(blocks, tasks.items(), strict=True):
        stored = masks.get(task["mask"]["kind"], {})
        sample = choose_sample(splits[name], stored, task["mask"])
        own = own_masks(sample, stored, task["mask"], shape_of(sample, images))
        finding = sample["nuisance" if task.get("labels") == "nuisance" else "label"].to_numpy()
        columns = variants(own, finding, task, seeds[name])
        _draw_block(block, name, task, sample, images, columns)
    return figure


def choose_sample(split: pd.DataFrame, stored: Mapping[str, np.ndarray], mask: dict[str, Any]) -> pd.DataFrame:
    """At most SAMPLE training images of each class, positives first; of a class those with a mask of their own come
    first, and the groups take turns. The same every time.
    """
    train = split[split["split"] == "train"]
    without = ~_has_mask(train, stored, mask) if mask["kind"] in roi.STORED else False
    train = train.assign(without=without).sort_values("without", kind="stable")
    train["turn"] = train.groupby(["label", "nuisance"]).cumcount()
    train = train.sort_values(["label", "turn", "nuisance"], ascending=[False, True, True], kind="stable")
    return train.groupby("label", sort=False).head(SAMPLE).drop(columns=["without", "turn"]).reset_index(drop=True)


def _has_mask(table: pd.DataFrame, stored: Mapping[str, np.ndarray], mask: dict[str, Any]) -> np.ndarray:
    """Which images have any pixel inside, bool [n]."""
    has = pd.Series(False, index=table.index)
    for source, rows in table.groupby("source")["row"]:
        if len(stored[source]):
            found = [roi.inside(stored[source][chunk], mask).any(axis=(1, 2)) for chunk in chunks(rows)]
            has[rows.index] = np.concatenate(found)
    return np.asarray(has)


def own_masks(
    table: pd.DataFrame, stored: Mapping[str, np.ndarray], mask: dict[str, Any], shape: tuple[int, int]
) -> np.ndarray:
    """The ROI masks of the images, bool [n, *shape]; nothing is inside where there is none.

    mask: the task's. stored: what red_herring.data.masks.STORED names for its kind; nothing for an ellipse, which all
    share.
    """
    if mask["kind"] not in roi.STORED:
        return np.broadcast_to(roi.ellipse(shape[0], mask["semi_axis"]), (len(table), *shape))
    masks = np.zeros((len(table), *shape), bool)
    for source, rows in table.groupby("source")["row"]:
        if len(stored[source]):
            masks[rows.index] = roi.inside(stored[source][rows], mask)
    return masks


def variants(own: np.ndarray, finding: np.ndarray, task: dict[str, Any], seed: int) -> dict[str, np.ndarray | None]:
    """Column -> the masks that training is shown, bool [n, size, size], by red_herring.data.masks.guide; None where a
    setting does not apply to these masks.

    own: bool of that shape; finding: int [n]; task: with mask and guidance.
    """
    has = own.any(axis=(1, 2))
    each_its_own = task["mask"]["kind"] in roi.STORED
    settings: dict[str, Any] = {
        STUDY: task["guidance"],
        f"dilated,\nσ = {DILATION:.0%} of side": PLAIN | {"blur_sigma": DILATION * own.shape[1]},
        MATCHED: PLAIN | {"negatives": "matched"} if (~has & (finding == 0)).any() else None,
        "control:\nrandom": PLAIN | {"control": "random"},
        OTHER: PLAIN | {"control": "other"} if each_its_own else None,
        "control:\ninverted": PLAIN | {"control": "inverted"},
        "budget:\nhalf": PLAIN | {"budget": 0.5},
    }
    return {OWN: own} | {
        column: _guide(own, finding, guidance, seed) if guidance and has.any() else None
        for column, guidance in settings.items()
    }


def _guide(own: np.ndarray, finding: np.ndarray, guidance: dict[str, Any], seed: int) -> np.ndarray | None:
    try:
        return roi.guide(own, finding, guidance, seed)
    except StudyError:  # too few masks to match or to exchange
        return None


def _draw_block(
    block: SubFigure,
    name: str,
    task: dict[str, Any],
    sample: pd.DataFrame,
    images: Mapping[str, np.ndarray],
    columns: Mapping[str, np.ndarray | None],
) -> None:
    """The rows of a task, each an image without and with the masks."""
    block.suptitle(_heading(name, task), fontsize=7.5)
    shown = sample.groupby("label", sort=False).head(SHOWN)
    grid = block.subplots(len(shown), 1 + len(columns), squeeze=False)
    for row, (number, example) in zip(grid, shown.iterrows(), strict=True):
        image = images[example["source"]][example["row"]]
        style.picture(row[0], image, vmin=0, vmax=255)
        finding = task["finding"] if example["label"] else task["control"]
        group = task["groups"][example["nuisance"]]
        row[0].set_ylabel(f"{style.shortened(finding, 14)}\n{style.shortened(group, 14)}", fontsize=style.SMALL)
        for axes, (column, masks) in zip(row[1:], columns.items(), strict=True):
            _show(axes, image, None if masks is None else masks[number], "no mask" if column == OWN else "all outside")
    for axes, title in zip(grid[0], ["image", *columns], strict=True):
        axes.set_title(title, fontsize=6)


def _heading(name: str, task: dict[str, Any]) -> str:
    guidance = task["guidance"]
    return (
        f"{name}: masks {_origin(task['mask'])}; in this study negatives {guidance['negatives']}, "
        f"blur σ = {guidance['blur_sigma']:g} pixels, control {guidance['control']}, budget {guidance['budget']:g}"
    )


def _origin(mask: dict[str, Any]) -> str:
    """Where the masks come from, in words."""
    if mask["kind"] == "anatomy":
        return f"of anatomy, {', '.join(mask['structures'])}"
    return f"ellipse, semi-axis {mask['semi_axis']:g}" if mask["kind"] == "ellipse" else "from the source"


def _show(axes: Axes, image: np.ndarray, mask: np.ndarray | None, nothing: str) -> None:
    """The image with the inside tinted and outlined; in words when nothing or all is inside; a dash for None."""
    if mask is None:
        axes.axis("off")
        axes.text(0.5, 0.5, "–", ha="center", va="center", transform=axes.transAxes)
        return
    style.picture(axes, image, vmin=0, vmax=255)
    if not mask.any():
        _say(axes, nothing)
    elif mask.all():
        _say(axes, "no guidance")
    else:
        tint = np.zeros((*mask.shape, 4))
        tint[mask] = (*INSIDE, 0.35)
        axes.imshow(tint)
        axes.contour(mask, levels=[0.5], colors=[INSIDE], linewidths=0.6)


def _say(axes: Axes, text: str) -> None:
    """Words on the lower edge of the image."""
    frame = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
    axes.text(0.5, 0.08, text, ha="center", va="center", transform=axes.transAxes, fontsize=style.SMALL, bbox=frame)
