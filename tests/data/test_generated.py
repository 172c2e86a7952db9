"""Splits with generated images: nothing else changes, they are seen by training alone, and made of nothing else."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data import generated
from red_herring.data.dataset import load
from red_herring.data.nuisance import nuisance_pixels
from red_herring.data.overlaps import overlaps
from red_herring.data.splits import COLUMNS, count_cells, draw, read_split
from red_herring.runtime.files import StudyError, write_json
from red_herring.stages.draw_splits import draw_splits
from red_herring.study import tasks
from red_herring.study.stage_settings import Drawing
from support.prepared_crosses import prepared_crosses

SETTINGS = Drawing("more", ["one cross"], ["two crosses"], 0.9, None, "disjoint", "shifted", [], exchanged=False)


@pytest.fixture
def base(tmp_path):
    """A drawn split of prepared crosses, its counts beside it."""
    table = prepared_crosses(tmp_path / "s")
    table["nuisance"] = table["image"].str.contains("right").astype(int)
    split = draw(table[[name for name in COLUMNS if name != "split"]], 0.9, 3)
    counts = count_cells(split)
    counts.insert(0, "task", "base")
    counts.insert(1, "seed", 3)
    split.to_csv(tmp_path / "seed=3.csv", index=False)
    counts.assign(shared_patient_names=0).to_csv(tmp_path / "seed=3_counts.csv", index=False)
    return tmp_path / "seed=3.csv"


@pytest.fixture
def index(base, tmp_path):
    return made(base, tmp_path)


def made(base, folder, **changes):
    """Generated images of the negatives of training, in their folder; their index."""
    negatives = read_split(base).query("split == 'train' and label == 0")
    table = negatives.assign(
        source="generated", image="inserted-" + negatives["image"], row=range(len(negatives)), label=1
    )
    own = folder / "generated"
    own.mkdir(exist_ok=True)
    sides = np.where(table["nuisance"] == 1, "right", "left")
    table.assign(group=sides, **changes).to_csv(own / "index.csv", index=False)
    levels = np.arange(len(table), dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    np.save(own / "images.npy", levels)
    np.save(own / "masks.npy", np.ones_like(levels))
    about = {"size": 28, "pixel_range": [0.0, 1.0], "nuisance": {"right": [0, 0, 1, 1]}}
    write_json(own / "source.json", about)
    return own / "index.csv"


def added(base, index):
    split, counts = base.with_name("more.csv"), base.with_name("more_counts.csv")
    draw_splits(SETTINGS, 3, split, counts, base=base, generated=index)
    return read_split(split), pd.read_csv(counts)


def test_the_key_of_a_task_and_the_source_of_its_images_have_one_name():
    assert tasks.GENERATED == generated.SOURCE


def test_training_gains_positives_and_nothing_else_changes(base, index):
    split, counts = added(base, index)
    before = read_split(base)
    pd.testing.assert_frame_equal(generated.without_generated(split), before)
    new = split[split["source"] == "generated"]
    assert set(new["split"]) == {"train"}
    assert len(new) == (before.query("split == 'train'")["label"] == 0).sum() > 0
    assert list(split) == COLUMNS
    own, old = counts, pd.read_csv(base.with_name("seed=3_counts.csv"))
    assert list(own) == list(old)
    assert set(own["task"]) == {"more"}
    assert set(own["seed"]) == {3}
    gained = (own["images"] - old["images"]).set_axis([*zip(own["split"], own["label"], strict=True)])
    assert gained[[("train", 1)]].sum() == len(new) == gained.sum()


def test_its_images_are_found_beside_those_of_the_sources(base, index, tmp_path):
    split, _ = added(base, index)
    folders = [tmp_path / "s", index.parent]
    write_json(tmp_path / "s" / "source.json", {"size": 28, "pixel_range": [0.0, 1.0]})
    (train, valid) = load(split, folders, {"kind": "source"}, ["train", "valid"])
    rows = np.flatnonzero(train.table["source"] == "generated")
    assert (train.levels[rows, 0, 0].numpy() == train.table["row"].to_numpy()[rows]).all()
    assert train.masks[rows].all()
    assert len(valid) == (split["split"] == "valid").sum()
    pixels = nuisance_pixels(train.table, folders)
    right = (train.table["source"] == "generated") & (train.table["nuisance"] == 1)
    assert (pixels[:, 0, 0] == right).all(), "the nuisance of a generated image is that of its background"


def test_two_seeds_share_no_generated_image(base, index):
    split, _ = added(base, index)
    before = read_split(base)
    pd.testing.assert_frame_equal(overlaps("t", {1: split, 2: split}, [1]), overlaps("t", {1: before, 2: before}, [1]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda split: {"patient": split.query("split == 'test'")["patient"].iloc[0]}, "in validation or a test set"),
        (lambda split: {"patient": split.query("split == 'valid'")["patient"].iloc[0]}, "in validation or a test set"),
        (lambda split: {"patient": "somebody"}, "who is not in training"),
        (lambda split: {"split": "test"}, "is no generated training image"),
        (lambda split: {"source": "s"}, "is no generated training image"),
    ],
)
def test_an_image_that_may_be_made_of_others_than_training_images_is_refused(base, tmp_path, change, words):
    index = made(base, tmp_path, **change(read_split(base)))
    with pytest.raises(StudyError, match=words) as caught:
        added(base, index)
    assert str(caught.value).startswith(f"{index}: inserted-")
