"""The data sheet of a source, in words and as a figure: what it holds, and what decoding made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from red_herring.data.intensity import DARK, warnings_of
from red_herring.report import style
from red_herring.report.markup import ABSENT, markdown_table

TITLE = "Data sheet"
CATEGORY = "Data"
CAPTION = (
    "What a source holds, and what decoding made of its images: patients, findings, sizes and intensities of each "
    "group. Look whether anything but the finding tells the groups apart."
)
FILES = ["index.csv", "decoded.csv", "source.json"]

NO_FINDING_AT_ALL = "none recorded"
GROUPS = len(style.GROUP_COLOURS)
"""Groups that are told apart; where there are more, the rarest are taken together as the last of them."""

BARS = 25
"""Findings in the figure; the table has all."""

FEWEST_BARS = 5
"""Findings that there is space for, so that the bars of two are not thick."""

FREQUENT_SIZES = 5
EXAMPLES = 3

SPECIFIC = (
    (r"(the same picture as) .+(, of another patient)", r"\1 another image\2"),
    (r": .*", ""),
    (r"\d+ x \d+|\([\d, ]+\)", "…"),
    (r"-?\b\d+ to \d+|(?<=levels )\d+(, \d+)*|#[\da-f]{6}(, #[\da-f]{6})*", "…"),
)
"""What a reason says of one file only -> what stands for it in the name of its kind."""


def with_group_order(index: pd.DataFrame) -> pd.DataFrame:
    """`index` with `group` as an ordered category of at most GROUPS, the most frequent first."""
    counts = index["group"].value_counts()
    rare = counts.index[GROUPS - 1 :] if len(counts) > GROUPS else []
    rest = f"{len(rare)} other groups"
    order = [*counts.index.drop(rare), *([rest] if len(rare) else [])]
    group = index["group"].where(~index["group"].isin(rare), rest)
    return index.assign(group=group.astype(pd.CategoricalDtype(order, ordered=True)))


def groups_of(index: pd.DataFrame) -> pd.DataFrame:
    """group, in order -> images, patients."""
    groups = index.groupby("group", observed=True)
    return groups.agg(images=("image", "nunique"), patients=("patient", "nunique"))


def findings_of(index: pd.DataFrame) -> pd.DataFrame:
    """One row per finding, the most frequent first; columns (`images` or `patients`, group), groups as in `groups_of`.

    index: image, patient, group, findings (joined by `|`). An image with several findings counts for each of them.
    """
    exploded = index.assign(finding=index["findings"].replace("", NO_FINDING_AT_ALL).str.split("|")).explode("finding")
    keys = {"index": "finding", "columns": "group", "values": ["image", "patient"]}
    counts = exploded.pivot_table(**keys, aggfunc="nunique", fill_value=0, observed=True)
    counts = counts.rename(columns={"image": "images", "patient": "patients"}, level=0)
    order = counts["images"].sum(axis=1).sort_values(ascending=False, kind="stable").index
    columns = pd.MultiIndex.from_product([["images", "patients"], list(groups_of(index).index)])
    return counts.loc[order, columns]


def sizes_of(decoded: pd.DataFrame) -> pd.Series:
    """(height, width) before cropping -> images, the most frequent first; those that could be decoded.

    decoded: image, height, width, reason; height is 0 where an image could not be decoded.
    """
    sizes = decoded[decoded["height"] > 0].groupby(["height", "width"]).size()
    return sizes.sort_values(ascending=False, kind="stable")


def intensity_of(histogram: Sequence[int]) -> dict[str, float]:
    """mean and sd of the stored levels, black and white: the shares of level 0 and of level 255.

    histogram: the pixels of each of the 256 levels; all are NaN when there is no pixel.
    """
    counts = np.asarray(histogram, float)
    if counts.sum() == 0:
        return dict.fromkeys(("mean", "sd", "black", "white"), np.nan)
    shares, levels = counts / counts.sum(), np.arange(256)
    mean = float(shares @ levels)
    spread = float(np.sqrt(shares @ (levels - mean) ** 2))
    return {"mean": mean, "sd": spread, "black": float(shares[0]), "white": float(shares[255])}


def quarantine_of(decoded: pd.DataFrame) -> pd.DataFrame:
    """Kind of reason, the most frequent first -> images, how many, and examples, the first EXAMPLES of them."""
    unusable = decoded[decoded["reason"] != ""]
    kinds = unusable["image"].groupby(unusable["reason"].map(kind_of_reason), sort=True)
    table = kinds.agg(images="size", examples=lambda images: list(images.iloc[:EXAMPLES]))
    return table.sort_values("images", ascending=False, kind="stable")


def kind_of_reason(reason: str) -> str:
    """Why an image cannot be used, without the parts that differ from file to file, see SPECIFIC."""
    for pattern, replacement in SPECIFIC:
        reason = re.sub(pattern, replacement, reason, flags=re.DOTALL)
    return reason


def to_markdown(
    settings: dict[str, Any],
    index: pd.DataFrame,
    decoded: pd.DataFrame,
    about: dict[str, Any],
    anatomy: pd.DataFrame | None = None,
) -> str:
    """The data sheet in words.

    settings: source, kind, terms. index: image, patient, group, findings. decoded: as `prepare` describes it.
    about: size, pixel_range, histogram, unreadable. anatomy: image and the share inside of each structure, rows as
    those of decoded; None where the images are not segmented.
    """
    said = warnings_of(index, decoded)
    index = with_group_order(index)
    is_usable = (decoded["reason"] == "").array
    usable = decoded.assign(group=index["group"].array)[is_usable]
    sections = [
        f"# Data sheet: {settings['source']}\n\nTerms: {settings['terms'] or 'none on record.'}",
        _contents(settings, index, about),
        "## Findings\n\nImages (patients). An image with several findings counts for each of them.\n\n"
        + _findings_table(index),
        "## Original sizes\n\n" + _sizes(sizes_of(decoded)),
        "## Intensity\n\n" + "\n\n".join([_intensity(about["histogram"]), *_by_group(usable), *map(_sentence, said)]),
        *(["## Kinds of file\n\n" + _formats(usable)] if len(usable) else []),
        *(["## Masks\n\n" + _masks(usable)] if usable["inside"].notna().any() else []),
        *([] if anatomy is None else ["## Anatomy\n\n" + _anatomy(anatomy[is_usable], usable["group"])]),
        "## Set aside\n\n" + _quarantine(quarantine_of(decoded)),
    ]
    return "\n\n".join(sections) + "\n"


def _contents(settings: dict[str, Any], index: pd.DataFrame, about: dict[str, Any]) -> str:
    per_patient = index.groupby("patient")["image"].size()
    low, high = about["pixel_range"]
    counts = [(group, row["images"], row["patients"]) for group, row in groups_of(index).iterrows()]
    counts.append(("all", len(index), len(per_patient)))
    rows = [[group, f"{images:,}", f"{patients:,}"] for group, images, patients in counts]
    return (
        f"{len(index):,} images of {len(per_patient):,} patients; {about['unreadable']:,} of the images are set aside. "
        f"Images per patient: median {per_patient.median():g}, at most {per_patient.max():,}. "
        f"Kind `{settings['kind']}`; stored as {about['size']} x {about['size']} levels, of which 0 and 255 become "
        f"{low:g} and {high:g} in training.\n\n" + markdown_table(["Group", "Images", "Patients"], rows)
    )


def _findings_table(index: pd.DataFrame) -> str:
    findings, groups = findings_of(index), groups_of(index).index
    whole = findings_of(index.assign(group="all"))  # a patient may be in several groups
    rows = []
    for finding, row in findings.iterrows():
        cells = [_both(row["images", group], row["patients", group]) for group in groups]
        rows.append([finding, *cells, _both(*whole.loc[finding])])
    return markdown_table(["Finding", *groups, "All"], rows)


def _both(images: int, patients: int) -> str:
    return f"{images:,} ({patients:,})" if images else "0"


def _sizes(sizes: pd.Series) -> str:
    if sizes.empty:
        return "No image could be decoded."
    every = sizes.index.repeat(sizes).to_frame(index=False)
    oblong = int((every["height"] != every["width"]).sum())
    frequent = [
        [f"{height} x {width}", f"{number:,}", f"{number / len(every):.1%}"]
        for (height, width), number in sizes.head(FREQUENT_SIZES).items()
    ]
    sides = [[side, *(f"{every[side].quantile(q):g}" for q in (0, 0.5, 1))] for side in ("height", "width")]
    return (
        markdown_table(["Pixels", "Minimum", "Median", "Maximum"], sides)
        + f"\n\nDifferent sizes: {len(sizes):,}. Not square: {oblong:,} of {len(every):,} images.\n\n"
        + markdown_table(["Most frequent, height x width", "Images", "Share"], frequent)
    )


def _intensity(histogram: Sequence[int]) -> str:
    found = intensity_of(histogram)
    if np.isnan(found["mean"]):
        return "No pixel is stored."
    return (
        f"Stored levels, 0 to 255, of all pixels: mean {found['mean']:.1f}, standard deviation {found['sd']:.1f}; "
        f"{found['black']:.1%} are 0 and {found['white']:.1%} are 255."
    )


def _by_group(usable: pd.DataFrame) -> list[str]:
    """The measures of each image, averaged over those of a group; none for no image."""
    if usable.empty:
        return []
    rows = [
        [
            group, f"{len(images):,}", f"{images['mean'].mean():.1f}", f"{images['low'].mean():.1f}",
            f"{images['high'].mean():.1f}", f"{images['dark'].mean():.1%}", f"{images['top'].mean():.1f}",
            f"{images['levels'].mean():.1f}",
        ]
        for group, images in usable.groupby("group", observed=True)
    ]  # fmt: skip
    headings = ["Group", "Images", "Mean", "5 %", "95 %", "Dark", "Highest", "Different levels"]
    return [
        "Of each image, averaged over the images of a group: mean level, 5th and 95th percentile, share of pixels "
        f"below {DARK}, highest level and number of different levels.",
        markdown_table(headings, rows),
    ]


def _sentence(warning: str) -> str:
    return f"**{warning[0].upper()}{warning[1:]}.**"


def _formats(usable: pd.DataFrame) -> str:
    counts = pd.crosstab(usable["format"], usable["group"])
    values = usable.groupby("format")[["highest", "white"]].max()
    rows = [
        [kind, *(f"{number:,}" for number in (*counts.loc[kind], *values.loc[kind].astype(int)))]
        for kind in counts.index
    ]
    return "Images per group, the highest value stored, and the value that is white (level 255).\n\n" + markdown_table(
        ["Kind", *counts.columns, "Highest", "White"], rows
    )


def _masks(usable: pd.DataFrame) -> str:
    """Masks per group, those that are empty or full, and the median share inside."""
    rows = [
        [
            group, f"{len(images):,}", f"{images['inside'].count():,}", f"{(images['inside'] == 0).sum():,}",
            f"{(images['inside'] == 1).sum():,}",
            f"{images['inside'].median():.1%}" if images["inside"].count() else ABSENT,
        ]
        for group, images in usable.groupby("group", observed=True)
    ]  # fmt: skip
    headings = ["Group", "Images", "With a mask", "Nothing inside", "Everything inside", "Median share inside"]
    return "As they are stored, after the crop.\n\n" + markdown_table(headings, rows)


def _anatomy(shares: pd.DataFrame, group: pd.Series) -> str:
    """Of each structure, per group, in how many images nothing is inside, and the median share inside of the others."""
    groups = {name: shares[(group == name).array] for name in group.cat.categories}
    rows = []
    for structure in shares.columns.drop("image"):
        inside = [images[structure] for images in groups.values()]
        found = [share[share > 0] for share in inside]
        empty = [f"{(share == 0).sum():,} of {len(share):,}" for share in inside]
        rows.append([structure, *empty, *(f"{share.median():.1%}" if len(share) else ABSENT for share in found)])
    headings = [f"{words}, {name}" for words in ("Nothing inside", "Median share") for name in groups]
    return (
        "Found by a network, which nobody has checked: look at the contact sheet of the masks. An image with nothing "
        "inside counts as one without a mask; the median is of the others.\n\n"
        + markdown_table(["Structure", *headings], rows)
    )


def _quarantine(kinds: pd.DataFrame) -> str:
    if kinds.empty:
        return "none"
    rows = [
        [kind, ", ".join(f"`{image}`" for image in row.examples), f"{row.images:,}"] for kind, row in kinds.iterrows()
    ]
    return markdown_table(["Reason", "Examples", "Images"], rows, names=2)


def draw(settings: dict[str, Any], index: pd.DataFrame, decoded: pd.DataFrame, about: dict[str, Any]) -> Figure:
    """The data sheet as a figure, a page wide: findings per group, original sizes, stored levels; as `to_markdown`."""
    index = with_group_order(index)
    findings = findings_of(index)["images"]
    figure = Figure(figsize=(style.PAGE, max(3.4, 0.7 + 0.16 * min(len(findings), BARS + 1))))
    grid = figure.add_gridspec(2, 2, width_ratios=[1.25, 1])
    figure.suptitle(f"{settings['source']}: {len(index):,} images, {index['patient'].nunique():,} patients", fontsize=8)
    _draw_findings(figure.add_subplot(grid[:, 0]), findings)
    _draw_sizes(figure.add_subplot(grid[0, 1]), sizes_of(decoded))
    _draw_intensity(figure.add_subplot(grid[1, 1]), about["histogram"])
    return figure


def _draw_findings(axes: Axes, findings: pd.DataFrame) -> None:
    """A bar per finding, the most frequent on top, made of its groups."""
    rest = len(findings) - BARS
    findings = findings.head(BARS)
    places, ends = np.arange(len(findings)), np.zeros(len(findings), int)
    for colour, group in zip(style.GROUP_COLOURS, findings.columns, strict=False):
        axes.barh(places, findings[group], left=ends, height=0.75, color=colour, label=style.shortened(group, 20))
        ends = ends + findings[group].to_numpy()
    for place, end in zip(places, ends, strict=True):
        axes.annotate(f"{end:,}", (end, place), (2, 0), textcoords="offset points", va="center", fontsize=6)
    axes.set_yticks(places, [style.shortened(finding, 24) for finding in findings.index])
    axes.set_ylim(max(len(findings), FEWEST_BARS) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * ends.max())
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("images" + (f"; {rest} rarer findings are not shown" if rest > 0 else ""))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handlelength=1, borderpad=0)


def _draw_sizes(axes: Axes, sizes: pd.Series) -> None:
    """Height against width; a hexagon is as dark as there are images."""
    axes.set(xlabel="original width, pixels", ylabel="height, pixels")
    if sizes.empty:
        return
    heights, widths = (sizes.index.get_level_values(side).to_numpy() for side in ("height", "width"))
    across, up = ((0.9 * side.min(), 1.1 * side.max()) for side in (widths, heights))
    axes.axline((0, 0), slope=1, color="lightgrey", linewidth=0.6, zorder=0)  # square images
    hexagons = axes.hexbin(
        widths, heights, C=sizes, reduce_C_function=np.sum, gridsize=(36, 18), extent=(*across, *up), linewidths=0.1
    )  # fmt: skip
    hexagons.set(cmap="viridis_r", norm=LogNorm(1, max(np.asarray(hexagons.get_array()).max(), 2)))
    axes.set(xlim=across, ylim=up)
    axes.figure.colorbar(hexagons, ax=axes, label="images", pad=0.02)
    (height, width), number = next(iter(sizes.items()))
    axes.set_title(f"different sizes: {len(sizes):,}; {number / sizes.sum():.1%} are {height} x {width}", fontsize=7)


def _draw_intensity(axes: Axes, histogram: Sequence[int]) -> None:
    """The share of the pixels at each level; on a logarithmic scale where one level dwarfs the others."""
    counts, found = np.asarray(histogram, float), intensity_of(histogram)
    axes.set(xlabel="stored level", ylabel="% of pixels", xlim=(-3, 258))
    if np.isnan(found["mean"]):
        return
    width = 1 if np.count_nonzero(counts) > 20 else 4  # a level among empty ones must be seen
    axes.bar(np.arange(256), 100 * counts / counts.sum(), width=width, color="#555555")
    if counts.max() > 10 * np.median(counts[counts > 0]):
        axes.set_yscale("log")
    axes.set_title(f"mean {found['mean']:.0f}, standard deviation {found['sd']:.0f}", fontsize=7)
