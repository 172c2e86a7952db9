"""Agreement of seeds against similarities of single maps, on the images that are new to the other run."""

import numpy as np
import pytest
from red_herring.analyses import seed_agreement
from red_herring.runtime.files import StudyError
from support.paired_runs import SETTINGS, gradients, run_of, spearman

TESTED = ["test"] * 8
SEEN = ["test"] * 5 + ["train", "valid", "test_balanced"]
"""Of the other run: it trained on the sixth image and chose its epoch by the seventh."""


def a_run(weights=1, other=2, seen=SEEN):
    return run_of(weights, TESTED, other=run_of(other, seen, seed=4))


@pytest.fixture(scope="module")
def analysed():
    return seed_agreement.analyse(a_run(), SETTINGS)


def test_images_that_the_other_run_has_seen_are_left_out(analysed):
    assert set(analysed.per_image["image"]) == {"i0", "i1", "i2", "i3", "i4", "i7"}
    assert (analysed.table["images"] == 6).all()
    assert (analysed.table["other_seed"] == 4).all()


def test_the_value_is_the_mean_over_images_and_the_line_that_over_pairs_of_them(analysed):
    run = a_run()
    data = run.unseen_by(run.other)
    own, other = gradients(run, data), gradients(run.other, data)
    values = [spearman(one, two) for one, two in zip(own, other, strict=True)]
    line = [spearman(own[i], own[j]) for i in range(6) for j in range(i)]
    row = analysed.table.query("attribution == 'gradient' and similarity == 'spearman'").iloc[0]
    assert row["value"] == pytest.approx(np.mean(values), abs=1e-6)
    assert row["cross_image"] == pytest.approx(np.mean(line), abs=1e-6)
    assert row["difference"] == pytest.approx(np.mean(values) - np.mean(line), abs=1e-6)
    assert row["value_low"] < row["value"] < row["value_high"]
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    images = analysed.per_image.query("attribution == 'gradient'").set_index("image")
    of_images = dict(zip(data.table["image"], values, strict=True))
    for image, value in of_images.items():
        assert images.loc[image, "spearman"] == pytest.approx(value, abs=1e-6)


def test_controls_are_not_asked(analysed):
    assert analysed.table["attribution"].unique().tolist() == ["gradient", "guided_backprop"]
    with pytest.raises(StudyError, match="attributions: has controls alone"):
        seed_agreement.analyse(a_run(), SETTINGS | {"saliency": {"attributions": ["edges"], "steps": 16}})


def test_a_network_agrees_with_itself():
    table = seed_agreement.analyse(a_run(other=1), SETTINGS).table
    np.testing.assert_allclose(table["value"], 1, atol=1e-5)
    assert (table["difference_low"] > 0).all()


def test_at_most_as_many_images_as_are_asked_for():
    assert (seed_agreement.analyse(a_run(), SETTINGS | {"images": 4}).table["images"] == 4).all()


def test_two_new_images_are_refused():
    run = a_run(seen=["test"] * 2 + ["train"] * 6)
    with pytest.raises(
        StudyError,
        match=r"^t, seed 3: 2 of its 8 shifted test images are new to t, seed 4, whose maps it is compared with, "
        "expected 3 or more; give the task more images, or leave the analysis out of study.analyses$",
    ):
        seed_agreement.analyse(run, SETTINGS)
