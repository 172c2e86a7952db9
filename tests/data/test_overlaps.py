"""What the splits of two seeds share."""

from dataclasses import replace

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.data.overlaps import COLUMNS, LOCALISED, PAIRS, overlaps
from red_herring.data.sources import open_source
from red_herring.data.splits import SPLITS, Sizes, draw, draw_task
from red_herring.reference import PUBLISHED_OVERLAPS
from red_herring.report.reading import read_table
from red_herring.runtime.files import StudyError
from red_herring.study import settings as study
from support.workflow_checkout import ROOT


def split_of(**images):
    """A split of these images, which are named by one character of source s, or two: of source and name."""
    rows = [(name[:-1] or "s", name[-1], split) for split, names in images.items() for name in names]
    return pd.DataFrame(rows, columns=["source", "image", "split"]).assign(label=1)


def candidates(cells, patients):
    rows = [(label, nuisance) for (label, nuisance), number in cells.items() for _ in range(number)]
    table = pd.DataFrame(rows, columns=["label", "nuisance"])
    names = [f"i{number}" for number in range(len(table))]
    people = [f"p{number % patients}" for number in range(len(table))]
    return table.assign(source="s", image=names, row=range(len(table)), patient=people)


def test_shares_worked_out_by_hand():
    splits = {
        1: split_of(train="abcd", valid="ef", test="gh", test_balanced="gh"),
        7: split_of(train=["a", "b", "g", "xc"], valid="d", test="efhc"),  # xc is another image than c
    }
    table = overlaps("t", splits, splits)
    assert list(table.columns) == COLUMNS
    assert len(table) == 2 * (3 * 3 + 1)
    assert set(table["task"]) == {"t"}
    share = table.set_index(["seed", "other", "split", "other_split"])["share"]
    assert share[1, 7].unstack().loc[list(SPLITS), list(SPLITS)].to_numpy().tolist() == [
        [0.5, 0.25, 0.25], [0, 0, 1], [0.5, 0, 0.5],
    ]  # fmt: skip
    assert share[7, 1].unstack().loc[list(SPLITS), list(SPLITS)].to_numpy().tolist() == [
        [0.5, 0, 0.25], [1, 0, 0], [0.25, 0.5, 0.25],
    ]  # fmt: skip


def test_positives_are_shared_apart_from_negatives():
    splits = {1: split_of(train="a", valid="b", test="cdef"), 2: split_of(train="a", valid="b", test="cdgh")}
    for split in splits.values():
        split["label"] = split["image"].isin(list("cdeg")).astype(int)
    share = overlaps("t", splits, splits).set_index(["seed", "split", "other_split"])["share"]
    assert share[1, "test", "test"] == 0.5
    assert share[1, LOCALISED, LOCALISED] == pytest.approx(2 / 3)


def test_one_seed_shares_nothing_and_a_seed_without_runs_is_only_the_other():
    one = split_of(train="ab", valid="c", test="d")
    assert overlaps("t", {1: one}, [1]).to_csv(index=False).strip() == ",".join(COLUMNS)
    searched = overlaps("t", {1: one, 0: one}, [1])
    assert searched[["seed", "other"]].drop_duplicates().to_numpy().tolist() == [[1, 0]]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    numbers=st.lists(st.integers(14, 60), min_size=4, max_size=4),
    ratio=st.sampled_from([0.5, 0.9, 1.0]),
    patients=st.integers(20, 300),
    disjoint=st.booleans(),
)
def test_properties_of_drawn_splits(numbers, ratio, patients, disjoint):
    cells = dict(zip([(0, 0), (0, 1), (1, 0), (1, 1)], numbers, strict=True))
    try:
        splits = {seed: draw(candidates(cells, patients), ratio, seed, disjoint=disjoint) for seed in (1, 2, 3)}
    except StudyError:
        assert disjoint
        return
    table = overlaps("t", splits, splits)
    sizes = {seed: split["split"].value_counts() for seed, split in splits.items()}
    for seed, split in splits.items():
        sizes[seed][LOCALISED] = ((split["split"] == "test") & (split["label"] == 1)).sum()
    share = table.set_index(["seed", "other", "split", "other_split"])["share"]
    for (seed, other, split, other_split), value in share.items():
        common = value * sizes[seed][split]
        assert common == pytest.approx(share[other, seed, other_split, split] * sizes[other][other_split])
        assert common == pytest.approx(round(common))
    assert table.groupby(["seed", "other", "split"])["share"].sum().max() <= 1 + 1e-9


def test_two_seeds_share_as_much_as_chance_gives():
    """Of t images that a split takes of N candidates in a cell, another seed's takes t / N; here cells of 40, 60, 60
    and 80, of which training takes 20 and test 10 each.
    """
    cells = {(0, 0): 40, (0, 1): 60, (1, 0): 60, (1, 1): 80}
    table = candidates(cells, 10_000)
    splits = {seed: draw(table, 0.5, seed, Sizes(80, 40, 40), disjoint=False) for seed in range(30)}
    means = overlaps("t", splits, splits).groupby(["split", "other_split"])["share"].mean()
    chance = sum(1 / number for number in cells.values()) / 4
    # 435 pairs of 30 independent draws; the sd of one share is at most 0.07, so 0.015 is over four standard errors.
    assert means["train", "train"] == pytest.approx(20 * chance, abs=0.015)
    assert means["test", "test"] == pytest.approx(10 * chance, abs=0.015)
    assert means["test", "train"] == pytest.approx(20 * chance, abs=0.015)


@pytest.mark.slow
def test_the_shares_of_the_released_runs_are_those_of_splits_drawn_as_published(tmp_path):
    """From the metadata of all sources, the ten seeds."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    reference = read_table(PUBLISHED_OVERLAPS).set_index(["task", "split", "other_split"])["share"]
    for source in ("crosses", "nih", "padchest", "rsna"):
        (tmp_path / source).mkdir()
        listing = study.index_settings(config, source)
        index = open_source(listing.kind, listing.settings).index()
        index.to_csv(tmp_path / source / "index.csv", index=False)
    seeds = config["study"]["seeds"]
    folders = {source.name: source for source in tmp_path.iterdir()}
    for task in config["study"]["tasks"]:
        drawn = draw_task(replace(study.split_settings(config, task), patients="as_published"), folders, seeds, True)
        splits = {seed: split for seed, (split, _) in zip(seeds, drawn, strict=True)}
        measured = overlaps(task, splits, seeds).groupby(["split", "other_split"])["share"].mean()
        assert measured.to_dict() == pytest.approx(reference[task].to_dict(), abs=1e-3)
    assert len(reference) == len(PAIRS) * len(config["study"]["tasks"])
