"""Telling models apart by what the analyses left of each run."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.told_apart import COLUMNS, told_apart
from red_herring.runtime.files import StudyError
from red_herring.statistics.two_sample import Twins, tell_apart
from safetensors.numpy import save_file

SEEDS = (3, 1, 2)
IMAGES = 9
RUNS = pd.DataFrame(
    [(family, "tag", "rrr", seed) for family in ("signal_detection", "concepts") for seed in SEEDS],
    columns=["family", "task", "method", "seed"],
)


def explanations(seed, shift):
    return np.random.default_rng([seed, int(shift > 0)]).normal(size=(IMAGES, 5)).astype(np.float16) + np.float16(shift)


@pytest.fixture
def folder(tmp_path):
    """The file of images of each seed has two rows for each image, and others than those that are explained; the first
    image of all seeds is the same.
    """
    for seed in SEEDS:
        file = tmp_path / f"signal_detection/tag/rrr/seed={seed}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        names = ["000", *(f"{seed}{number:02}" for number in range(1, 12))]
        images = pd.DataFrame({"source": "s", "image": names})
        pd.concat([images.assign(attribution=name) for name in ("gradient", "edges")]).to_csv(
            file.with_name(f"seed={seed}_images.csv"), index=False
        )
        arrays = {"explained_rows": np.arange(IMAGES), "example_truth": np.zeros((1, 2, 2), np.uint8)}
        for given in ("clean", "planted"):
            arrays[f"explained/{given}/own/gradient"] = explanations(seed, given == "planted")
            arrays[f"explained/{given}/normal/gradient"] = explanations(seed, 0)
        save_file(arrays, file)
        concepts = tmp_path / f"concepts/tag/rrr/seed={seed}.safetensors"
        concepts.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {f"explained/known/{who}/tcav": explanations(seed, who == "own") for who in ("own", "normal")}, concepts
        )
    return tmp_path


def test_a_row_for_each_run_and_one_for_all_seeds(folder):
    table = told_apart(folder, RUNS)
    assert list(table) == COLUMNS
    assert table["seed"].to_list() == [*SEEDS, pd.NA] * 3
    kinds = table[["family", "given", "explanation"]].drop_duplicates().to_numpy().tolist()
    assert kinds == [
        ["signal_detection", "clean", "gradient"], ["signal_detection", "planted", "gradient"],
        ["concepts", "known", "tcav"],
    ]  # fmt: skip
    names = {seed: np.array(["s/000", *(f"s/{seed}{number:02}" for number in range(1, IMAGES))]) for seed in SEEDS}
    expected = tell_apart([Twins(explanations(seed, 1), explanations(seed, 0), names[seed]) for seed in SEEDS])
    planted = table[table["given"] == "planted"]
    np.testing.assert_allclose(planted["auc"], [*expected.aucs, expected.interval.value])
    whole = planted.iloc[-1]
    assert whole[["low", "high", "p", "least_p"]].tolist() == [*expected.interval[1:], expected.p, 0.25]
    assert whole[["seeds", "images", "trained"]].tolist() == [3, 9, 16], "the image that all seeds share is left out"
    assert planted[["low", "high", "p"]].iloc[:3].isna().all(axis=None)
    assert table.loc[table["family"] == "concepts", "trained"].tolist() == [18] * 4, (
        "what is of no image is shared by none"
    )


def test_a_file_of_images_has_the_words_of_its_analysis(folder):
    """Such as the form of influence, a column of text that is in no other table."""
    runs = RUNS[RUNS["family"] == "signal_detection"]
    expected = told_apart(folder, runs)
    (folder / "signal_detection").rename(folder / "influence")
    for file in folder.glob("influence/*/*/*_images.csv"):
        file.write_text(file.read_text().replace("attribution", "form").replace("gradient", "tracin"))
    found = told_apart(folder, runs.assign(family="influence"))
    np.testing.assert_array_equal(found["auc"], expected["auc"])
    assert found["auc"].notna().all()


def test_two_seeds_are_there_but_say_nothing(folder):
    table = told_apart(folder, RUNS[RUNS["seed"] > 1])
    assert table["auc"].isna().all()
    assert table.loc[table["seed"].isna(), "seeds"].tolist() == [0] * 3


def test_no_run_gives_no_row(folder):
    table = told_apart(folder, RUNS.iloc[:0])
    assert table.empty
    assert list(table) == COLUMNS


def test_lost_arrays_are_named(folder):
    (folder / "concepts/tag/rrr/seed=1.safetensors").unlink()
    with pytest.raises(
        StudyError, match=r"concepts/tag/rrr/seed=1.safetensors: there is no such file.*run concepts ag"
    ):
        told_apart(folder, RUNS)
