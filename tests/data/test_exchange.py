"""Where the nuisance is the label, the split is that of the base image by image, with the two in each other's place."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from red_herring.data.exchange import draw_as_posed, exchanged
from red_herring.data.splits import COLUMNS, count_cells, draw_task
from red_herring.stages.draw_splits import draw_splits
from red_herring.stages.plan_splits import plan_splits
from red_herring.study.stage_settings import Drawing, Planning

GROUPS = [{"source": "s", "group": group, "people": "s", "people_given": True} for group in ("left", "right")]
SPLIT, COUNTS = 0, 1


@pytest.fixture
def folders(tmp_path):
    """240 images of 150 patients, of whom some are of both groups, in cells of different sizes."""
    random = np.random.default_rng(0)
    index = pd.DataFrame({
        "image": [f"i{row}" for row in range(240)],
        "patient": [f"p{patient}" for patient in random.integers(0, 150, 240)],
        "group": random.choice(["left", "right"], 240, p=[0.6, 0.4]),
        "findings": random.choice(["one", "two"], 240, p=[0.45, 0.55]),
    })  # fmt: skip
    folder = tmp_path / "s"
    folder.mkdir()
    index.to_csv(folder / "index.csv", index=False)
    decoded = {"image": index["image"], "digest": index["image"], "reason": "", "format": "PNG"}
    pd.DataFrame(decoded).to_csv(folder / "decoded.csv", index=False)
    return {"s": folder}


def drawn(folders, ratio, seed, selection="shifted", patients="disjoint", sizes=None):
    """The base task and the exchanged one, each with its counts."""
    base = Drawing("t", ["one"], ["two"], ratio, sizes, patients, selection, GROUPS, exchanged=False)
    found = [draw_as_posed(each, folders, [seed], True) for each in (base, replace(base, exchanged=True))]
    ((of_base,), (own,)) = found
    ((plain,),) = [draw_task(base, folders, [seed], True)]
    for posed, as_drawn in zip(of_base, plain, strict=True):
        pd.testing.assert_frame_equal(posed, as_drawn)
    return of_base, own


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "how",
    [
        {"ratio": 0.5},
        {"ratio": 0.9},
        {"ratio": 1.0, "selection": "balanced"},
        {"ratio": 0.7, "selection": "in_distribution", "patients": "as_published"},
        {"ratio": 0.83, "sizes": {"train": 62, "valid": 30, "test": 22}},
    ],
)
def test_the_same_images_are_in_the_same_splits_with_label_and_nuisance_exchanged(folders, how, seed):
    of_base, own = drawn(folders, seed=seed, **how)
    keys = ["split", "source", "image"]
    assert list(own[SPLIT]) == COLUMNS
    assert len(own[SPLIT]) == len(of_base[SPLIT]) > 100
    both = of_base[SPLIT].merge(own[SPLIT], on=keys, suffixes=("", "_own"), validate="one_to_one")
    assert len(both) == len(own[SPLIT])
    assert (both["label_own"] == both["nuisance"]).all()
    assert (both["nuisance_own"] == both["label"]).all()
    assert (both[["row", "patient"]].to_numpy() == both[["row_own", "patient_own"]].to_numpy()).all()
    assert 0 < (both["label"] != both["nuisance"]).sum() < len(both)


@pytest.mark.parametrize(("ratio", "selection"), [(0.5, "shifted"), (0.83, "shifted"), (0.83, "balanced")])
def test_it_is_ordered_and_counted_as_one_that_was_drawn_so(folders, ratio, selection):
    _, (split, counts) = drawn(folders, ratio, 3, selection)
    order = ["split", "label", "nuisance", "source", "row"]
    pd.testing.assert_frame_equal(split, split.sort_values(order, ignore_index=True))
    pd.testing.assert_frame_equal(counts[list(count_cells(split))], count_cells(split))
    assert list(counts)[:2] == ["task", "seed"]


@pytest.mark.parametrize("ratio", [0.5, 0.75, 0.95, 1.0])
def test_from_either_side_the_ratio_is_the_same(folders, ratio):
    """Both classes have as many images, and both groups as well; as many of them go together."""
    of_base, own = (
        (tables[COUNTS].set_index(["split", "label", "nuisance"]).sort_index()["images"])
        for tables in drawn(folders, ratio, 0)
    )
    for split in ("train", "valid", "test"):
        for label in (0, 1):
            assert own[split, label, label] == of_base[split, label, label]
            assert own[split, label, :].sum() == of_base[split, label, :].sum()


def test_twice_exchanged_is_as_it_was(folders):
    (split, counts), _ = drawn(folders, 0.8, 0)
    pd.testing.assert_frame_equal(exchanged(exchanged(split)), split)
    pd.testing.assert_frame_equal(exchanged(exchanged(counts)), counts)


def test_the_stages_draw_and_plan_what_was_asked(folders, tmp_path):
    own = Drawing("t", ["one"], ["two"], 0.8, None, "disjoint", "shifted", GROUPS, exchanged=True)
    index, files = (
        folders["s"] / "index.csv",
        {name: tmp_path / f"{name}.csv" for name in ("split", "counts", "planned")},
    )
    draw_splits(own, 5, files["split"], files["counts"], [index])
    _, (split, counts) = drawn(folders, 0.8, 5)
    assert files["split"].read_text() == split.to_csv(index=False)
    assert files["counts"].read_text() == counts.to_csv(index=False)
    planning = Planning(**vars(own), seeds=[5], drawn_seeds=[5, 6])
    plan_splits(planning, [index], files["planned"], tmp_path / "overlaps.csv")
    assert files["planned"].read_text() == files["counts"].read_text()
