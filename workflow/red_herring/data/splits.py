"""The controlled shift: which images train, validate and test, so that label and nuisance are related as asked.

A task has two nuisance groups. In training a share `ratio` of the positives comes from group 1 and of the negatives
from group 0; in the test it is 1 - ratio (Viviano et al. 2021, section 4; torchxrayvision's CovariateDataset).
Classes are balanced in every split, and the number of images does not depend on `ratio`, unless patients who must stay
together cannot be packed into them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from red_herring.data.assignment import assign, largest_whole
from red_herring.data.names import tidy
from red_herring.runtime.files import StudyError, telling
from red_herring.runtime.frames import read_frame
from red_herring.study.cells import SELECTIONS, SPLITS, Cell, Sizes, cell_counts, rounded
from red_herring.study.stage_settings import Drawing, Group

log = logging.getLogger(__name__)

SHIFTED_TEST = "test"
EXTRA_TESTS = {f"test_{relation}": SELECTIONS[relation] for relation in ("in_distribution", "balanced")}
"""Test sets beside the shifted one, with their shares."""

TESTS = (SHIFTED_TEST, *EXTRA_TESTS)
ALL_SPLITS = (*SPLITS, *EXTRA_TESTS)

IMAGES_PER_CELL = {"shifted": 1.0, "in_distribution": 1.5, "balanced": 1.25}
"""How many images the fullest cell gives, at the worst ratio, when training takes one per class and validation and test
half of that each."""

COLUMNS = ["source", "image", "row", "patient", "label", "nuisance", "split"]

WORDS = frozenset({"source", "image", "patient", "group", "findings", "split", "format", "digest", "reason"})
"""The columns of text of a source's index, of what was decoded of it, and of splits."""

SMALLEST = 4
"""Images that validation and test have at least."""

SMALLEST_EXTRA = 10
"""Images of a class below which a test set beside the shifted one is not drawn: its AUC would say nothing."""


def draw_task(
    settings: Drawing, folders: dict[str, Path], seeds: Iterable[int], all_readable: bool = False
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """The drawn split of a task, see `draw`, and its counts, see `count_cells`, with task and seed in front and
    shared_patient_names, see `count_shared_names`, behind, per seed.

    Raises StudyError as `pool` and `draw` do.
    """
    candidates = pool(settings, folders, all_readable)
    shared = count_shared_names(candidates, settings.groups)
    if shared:
        telling.warning("%s: %s", settings.task, shared_names_sentence(shared))
    sizes = Sizes(**settings.sizes) if settings.sizes else None
    ratio, selection, disjoint = settings.ratio, settings.selection, settings.patients == "disjoint"
    for seed in seeds:
        split = draw(candidates, ratio, seed, sizes, selection, disjoint, settings.task)
        counts = count_cells(split)
        counts.insert(0, "task", settings.task)
        counts.insert(1, "seed", seed)
        yield split, counts.assign(shared_patient_names=shared)


def pool(settings: Drawing, folders: dict[str, Path], all_readable: bool = False) -> pd.DataFrame:
    """The images that a task may draw from: those of its two groups with the finding (label 1) or the control (0).

    folders: source -> the folder with its
    index.csv and, unless the images are taken to be `all_readable`, decoded.csv.
    Returns source, image, row, patient, label, nuisance. Raises StudyError for a finding, control or group that does
    not occur, and for a picture that is in both sources.
    """
    task, groups = settings.task, settings.groups
    wanted = {
        key: [tidy(name) for name in names]
        for key, names in (("finding", settings.finding), ("control", settings.control))
    }
    indexes = {group["source"]: _index(folders[group["source"]], all_readable) for group in groups}
    _refuse_shared_pictures(task, indexes)
    named = {source: set(index["findings"].str.split("|").explode()) for source, index in indexes.items()}
    for name in (*wanted["finding"], *wanted["control"]):
        _require(name, set().union(*named.values()), f"{task}: sources {', '.join(indexes)} have no finding")
    parts = []
    for nuisance, group in enumerate(groups):
        index, where = indexes[group["source"]], f"{task}: source {group['source']}"
        if group["group"] is not None:
            name = tidy(group["group"])
            _require(name, set(index["group"]), f"{where} has no group")
            index = index[index["group"] == name]
        findings = index["findings"].str.split("|")
        has = {key: findings.map(set(names).intersection).astype(bool) for key, names in wanted.items()}
        for key, names in wanted.items():
            if not has[key].any():
                raise StudyError(f"{where}, group {group['group']}: has no image with {' or '.join(names)}")
        positive, negative = has["finding"], has["control"] & ~has["finding"]
        log.info("%s, group %s: %s", where, group["group"], _sorted_out(index["findings"], positive, negative))
        part = index.assign(label=positive.astype(int), nuisance=nuisance, source=group["source"])[positive | negative]
        parts.append(part.assign(patient=group["people"] + "/" + part["patient"]))
    return pd.concat(parts, ignore_index=True)[[column for column in COLUMNS if column != "split"]]


def _sorted_out(findings: pd.Series, positive: pd.Series, negative: pd.Series) -> str:
    """How many images are of use to a task, and what the others have."""
    others = findings[~(positive | negative)].value_counts()
    frequent = ", ".join(f"{number} {name or 'no label'}" for name, number in others.head(5).items())
    rarer = f" and {len(others) - 5} rarer" if len(others) > 5 else ""
    left_out = f"; left out: {others.sum()}, namely {frequent}{rarer}" if len(others) else ""
    return f"{positive.sum()} positives, {negative.sum()} negatives{left_out}"


def count_shared_names(candidates: pd.DataFrame, groups: list[Group]) -> int:
    """The names of patients that are in both sources of a task which count as different people, though nobody has said
    that they are: those of two hospitals by chance, or the same people, who then train and test.

    groups: people, and people_given, whether config.yaml or the kind of source says whose patients they are.
    """
    if all(group["people_given"] for group in groups) or len({group["people"] for group in groups}) == 1:
        return 0
    first, second = (
        set(own["patient"].str.removeprefix(group["people"] + "/"))
        for group, own in zip(
            groups, (candidates[candidates["nuisance"] == nuisance] for nuisance in (0, 1)), strict=True
        )
    )
    return len(first & second)


def shared_names_sentence(count: int) -> str:
    """What to do where so many patients have the same name in both sources."""
    return (
        f"{count} names of patients are in both sources and count as different people; in config.yaml, give both "
        "sources the same `people` if these are the same, two different ones if not"
    )


def _index(folder: Path, all_readable: bool) -> pd.DataFrame:
    """index.csv with the row of each image and, of those that can be used, the digest of its picture."""
    index = read_frame(folder / "index.csv", WORDS)
    index["row"] = index.index
    if all_readable:
        return index.assign(digest="")
    decoded = read_frame(folder / "decoded.csv", WORDS)
    return index.assign(digest=decoded["digest"])[decoded["reason"] == ""]


def _refuse_shared_pictures(task: str, indexes: dict[str, pd.DataFrame]) -> None:
    known: dict[str, str] = {}
    for source, index in indexes.items():
        own = index[index["digest"] != ""]
        for digest, image in zip(own["digest"], own["image"], strict=True):
            if known.get(digest, source) != source:
                raise StudyError(
                    f"{task}: image {image} of source {source} is also in source {known[digest]}, so that one picture "
                    "could train and test; leave it out of one of them"
                )
        known |= dict.fromkeys(own["digest"], source)


def _require(name: str, present: set[str], sentence: str) -> None:
    if name not in present:
        there = ", ".join(sorted(present - {""}))
        raise StudyError(f"{sentence} {name!r}, only {there}; fix the task in config.yaml")


def read_split(path: Path) -> pd.DataFrame:
    """The CSV of a drawn split; names stay as they are written, whatever they look like."""
    return read_frame(path, WORDS)


def largest_sizes(per_cell: int, selection: str = "shifted") -> Sizes:
    """Half of all for training and a quarter each for validation and test, when `per_cell` images are in each cell.

    With `shifted` every image of the cells is used, as in the paper. The other selections take more from two of the
    cells, so the splits are smaller: by 1.5 (in_distribution) or 1.25 (balanced), whatever the ratio.
    """
    usable = int(per_cell / IMAGES_PER_CELL[selection])
    even = usable - usable % 2
    return Sizes(2 * even, even, even)


def draw(
    candidates: pd.DataFrame,
    ratio: float,
    seed: int,
    sizes: Sizes | None = None,
    selection: str = "shifted",
    disjoint: bool = True,
    task: str = "task",
) -> pd.DataFrame:
    """One split of `candidates`, drawn with `seed`.

    candidates: source, image, row, patient, label (0/1), nuisance (0/1); one row per image, patients named uniquely.
    sizes: the images per split; without it as many as the cells, and with `disjoint` the patients, allow.
    disjoint: no patient straddles training, validation and test; otherwise images are drawn without regard to patients.
    Returns the drawn rows with a `split` column, ordered by split, label, nuisance and image. An image may be in
    several test sets, which share all that they can; EXTRA_TESTS are as large as the shifted test set, or as the images
    that neither train nor validate allow, down to none.
    Raises StudyError when a cell is too small.
    """
    counts = _wanted(candidates, ratio, sizes, selection, task)
    assigned = assign(candidates, counts, seed, disjoint)
    if not assigned.whole and sizes is not None:
        cell = min(counts, key=lambda cell: assigned.found[cell] - counts[cell])
        raise StudyError(
            f"{task}: {_name(cell[1:])} gives the {cell[0]} split {assigned.found[cell]} of {counts[cell]} images, as "
            f"no patient may straddle splits; {_TOO_SMALL}"
        )
    if not assigned.whole:
        full = sum(counts["train", 1, nuisance] for nuisance in (0, 1))
        smaller = [cell_counts(Sizes(2 * n, n, n), ratio, selection) for n in range(SMALLEST, full, 2)]
        largest = largest_whole(smaller, lambda counts: assign(candidates, counts, seed, disjoint))
        if largest is None:
            raise StudyError(
                f"{task}: too few patients to fill three splits at ratio {ratio}, as none may be in two of them: "
                f"{_patients(candidates)}; give more, see that the column `patient` tells them apart, or draw images "
                "without regard to them by `patients: as_published`"
            )
        log.warning(
            "%s, seed %d: %d instead of %d images train, as patients could not be packed: %s; give `sizes` to have the "
            "same at every ratio and seed",
            task, seed, *(2 * sum(of["train", 1, group] for group in (0, 1)) for of in (largest.counts, counts)),
            _patients(candidates),
        )  # fmt: skip
        assigned = largest
    drawn = [assigned.images[cell].iloc[:number] for cell, number in assigned.counts.items() if number]
    table = pd.concat(drawn)
    table = pd.concat([table, *_extra_tests(candidates, table, ratio, disjoint, assigned.random)])
    table = table.astype({"split": pd.CategoricalDtype(ALL_SPLITS, ordered=True)})
    return table.sort_values(["split", "label", "nuisance", "source", "row"]).reset_index(drop=True)[COLUMNS]


def _patients(candidates: pd.DataFrame) -> str:
    """How many there are, and who has the most images."""
    images = candidates["patient"].value_counts()
    name = images.index[0].rpartition("/")[2]
    number = f"{len(images)} patients" if len(images) > 1 else "1 patient"
    return f"{number}, of whom {name} has {images.iloc[0]} of {len(candidates)} images"


def _shuffled(images: pd.DataFrame, by_patient: bool, random: np.random.Generator) -> pd.DataFrame:
    """The images in random order: patient after patient, so that whoever is drawn is drawn with all of them, or one by
    one.
    """
    order = random.permutation(len(images))
    if by_patient:
        patient, patients = pd.factorize(images["patient"])
        order = order[np.argsort(random.permutation(len(patients))[patient[order]], kind="stable")]
    return images.iloc[order]


def _wanted(candidates: pd.DataFrame, ratio: float, sizes: Sizes | None, selection: str, task: str) -> dict[Cell, int]:
    """How many images each cell of each split is to have; StudyError when a cell has too few."""
    cells = candidates.groupby(["label", "nuisance"]).size()
    have = {cell: int(cells.get(cell, 0)) for cell in [(0, 0), (0, 1), (1, 0), (1, 1)]}
    per_cell = min(have.values())
    sizes = sizes or largest_sizes(per_cell, selection)
    if sizes.valid < SMALLEST:
        smallest = _name(min(have, key=lambda cell: have[cell]))
        raise StudyError(f"{task}: its smallest cell, {smallest}, has {per_cell} images; {_TOO_SMALL}")
    counts = cell_counts(sizes, ratio, selection)
    for cell, available in have.items():
        needed = sum(counts[split, *cell] for split in SPLITS)
        if needed > available:
            raise StudyError(
                f"{task}: {_name(cell)} has {available} images but ratio {ratio} needs {needed}; {_TOO_SMALL}"
            )
    return counts


def _extra_tests(
    candidates: pd.DataFrame, drawn: pd.DataFrame, ratio: float, disjoint: bool, random: np.random.Generator
) -> list[pd.DataFrame]:
    """The test sets beside the shifted one, from its images and those that may still test: of `candidates` those that
    are neither drawn nor, with `disjoint`, of a patient who trains or validates.
    """
    shifted = drawn[drawn["split"] == SHIFTED_TEST]
    free = candidates.drop(index=drawn.index)
    if disjoint:
        free = free[~free["patient"].isin(drawn["patient"][drawn["split"] != SHIFTED_TEST])]
    reserve = pd.concat([shifted, _shuffled(free, disjoint, random)])
    per_class = len(shifted) // 2
    return [_extra_test(reserve, share(ratio), per_class).assign(split=name) for name, share in EXTRA_TESTS.items()]


def _extra_test(reserve: pd.DataFrame, share: float, per_class: int) -> pd.DataFrame:
    """The first images of each cell of `reserve`, at most `per_class` of a class, a `share` of each class aligned; none
    when there are fewer than SMALLEST_EXTRA.
    """
    cells = dict(list(reserve.groupby(["label", "nuisance"])))
    available = {(label, group): len(cells.get((label, group), ())) for label in (0, 1) for group in (0, 1)}
    for size in range(per_class, SMALLEST_EXTRA - 1, -1):
        aligned = rounded(share * size)
        wanted = {cell: aligned if cell[0] == cell[1] else size - aligned for cell in available}
        if all(wanted[cell] <= available[cell] for cell in available):
            return pd.concat([cells[cell].iloc[:number] for cell, number in wanted.items() if number])
    return reserve.iloc[:0]


def count_cells(split: pd.DataFrame) -> pd.DataFrame:
    """One row per split, label and nuisance group of a drawn split, empty cells too: images, patients.

    largest_share is the share of the cell's images that are of one patient, the one who has most of them; NaN in an
    empty cell. straddling_patients, the same in every row, counts those who are in more than one of training,
    validation and the shifted test.
    """
    cells = pd.MultiIndex.from_product([ALL_SPLITS, (0, 1), (0, 1)], names=["split", "label", "nuisance"])
    grouped = split.astype({"split": str}).groupby(["split", "label", "nuisance"])
    counts = grouped.agg(
        images=("image", "size"),
        patients=("patient", "nunique"),
        largest_share=("patient", lambda patients: patients.value_counts(normalize=True).iloc[0]),
    )
    drawn = split[split["split"].isin(SPLITS)]
    roles = drawn["split"].astype(str).groupby(drawn["patient"]).nunique()
    counts = counts.reindex(cells).fillna({"images": 0, "patients": 0}).astype({"images": int, "patients": int})
    return counts.reset_index().assign(straddling_patients=int((roles > 1).sum()))


_TOO_SMALL = "give it more images, smaller sizes, or a ratio nearer to 0.5"


def _name(cell: tuple[int, int]) -> str:
    return f"label {cell[0]} in nuisance group {cell[1]}"
