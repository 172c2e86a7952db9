"""Twins of a run: what is read of its arrays, and which arrays are refused."""

import numpy as np
import pytest
from red_herring.report.collect import maps_file
from red_herring.report.twins import read
from red_herring.runtime.files import StudyError
from safetensors.numpy import save_file
from support import twins

NAMES = ("gradient", "random")
RUN = ("tag", "actdiff", 1)


@pytest.fixture
def made(tmp_path):
    """The file of a run and its arrays."""
    arrays = twins.write(tmp_path, RUN, NAMES)
    return maps_file(tmp_path, RUN), arrays


def test_maps_are_by_state_model_and_attribution_and_names_those_of_the_rows(made):
    path, arrays = made
    found = read(path, NAMES)
    assert found.names["image"].tolist() == ["004", "002", "000"]
    np.testing.assert_array_equal(found.truth, arrays["example_truth"])
    np.testing.assert_array_equal(found.images["planted"], arrays["example_planted"])
    assert len(found.maps) == 2 * 2 * len(NAMES)
    for (state, model, name), maps in found.maps.items():
        np.testing.assert_array_equal(maps, arrays[f"example/{state}/{model}/{name}"])
    for (state, model), said in found.probability.items():
        np.testing.assert_array_equal(said, arrays[f"example_probability/{state}/{model}"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"example/clean/normal/gradient": None},
            r"seed=1\.safetensors: has no example/clean/normal/gradient, expected",
        ),
        ({"example_truth": None}, r"seed=1\.safetensors: has no example_truth"),
        ({"example_clean": np.zeros((3, 4, 4), np.uint8)}, r"seed=1\.safetensors: its examples differ in size"),
        ({"example/planted/own/random": np.zeros((3, 12, 10), np.float32)}, r"its examples differ in size"),
        ({"explained_rows": np.array([90, 91, 92])}, r"seed=1_images\.csv: has not the images of the arrays"),
        ({"explained_rows": np.array([1, 0])}, r"seed=1_images\.csv: has not the images of the arrays"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(made, changes, words):
    path, arrays = made
    changed = {name: own for name, own in (arrays | changes).items() if own is not None}
    save_file(changed, path)
    with pytest.raises(StudyError, match=words):
        read(path, NAMES)


@pytest.mark.parametrize("rest", [".safetensors", "_images.csv"])
def test_lost_files_are_named(made, rest):
    lost = made[0].with_name(f"{made[0].stem}{rest}")
    lost.unlink()
    with pytest.raises(StudyError, match=f"seed=1{rest}: there is no such file, but signal_detection.csv has its run"):
        read(made[0], NAMES)
