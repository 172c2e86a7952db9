"""What an analysis is given of a run."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import localisation
from red_herring.analyses.base import Run
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import ResNet18, initialised
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.summary import drawn
from red_herring.study.names import PREFIXES
from safetensors.torch import save_file
from support.given import Given

SPLITS = [("train", 0), ("test", 1), ("test", 2), ("test_balanced", 2), ("test_balanced", 3)]
SALIENCY = {
    "attributions": ["gradient", "edges"], "smoothing_sigma": 0.0, "steps": "adaptive", "example_images": 1,
    "mean_map_images": 9,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Four images of 16 pixels a side, noise to train on and three filled with their number; those of rows 1 and 3 are
    positive, row 1 has a mask.
    """
    rows = [
        {
            "split": split,
            "source": "s",
            "image": f"i{row}",
            "row": row,
            "patient": f"p{row}",
            "label": row % 2,
            "nuisance": 0,
        }
        for split, row in SPLITS
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "split.csv", index=False)
    folder = tmp_path / "s"
    folder.mkdir()
    levels = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((16, 16), np.uint8)
    levels[0] = np.random.default_rng(0).integers(0, 256, (16, 16))
    masks = np.zeros((4, 16, 16), bool)
    masks[1, 4:8, 4:8] = True
    np.save(folder / "images.npy", levels)
    np.save(folder / "masks.npy", masks)
    (folder / "source.json").write_text(json.dumps({"size": 16, "pixel_range": [0, 1]}))
    torch.manual_seed(0)
    save_file(ResNet18(2).state_dict(), tmp_path / "model.safetensors")
    return Run(
        "t", "m", 1, tmp_path / "model.safetensors", tmp_path / "split.csv", [folder / "images.npy"], {"kind": "source"}, 4,
        Hardware(torch.device("cpu"), "float32"),
    )  # fmt: skip


def test_an_image_of_several_splits_comes_once_as_of_the_first(run):
    pool = run.data("test", "test_balanced")
    assert pool.table["image"].tolist() == ["i1", "i2", "i3"]
    assert pool.table["split"].tolist() == ["test", "test", "test_balanced"]
    assert pool.levels[:, 0, 0].tolist() == [1, 2, 3]
    assert pool.has_mask().tolist() == [True, False, False]
    assert run.test.table["image"].tolist() == ["i1", "i2"]


def test_the_model_is_that_of_the_file_folded_and_frozen(run):
    assert not run.model.training
    assert not any(parameter.requires_grad for parameter in run.model.parameters())
    images = run.test.batch(slice(None)).images
    torch.manual_seed(0)
    whole = ResNet18(2).eval()
    torch.testing.assert_close(run.model(images), whole(images), rtol=1e-4, atol=1e-5)


def test_the_network_as_it_was_trained_has_its_batch_norms(run):
    torch.manual_seed(0)
    expected = ResNet18(2).state_dict()
    found = run.trained
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert found.state_dict().keys() == expected.keys()
    assert all((value == expected[name]).all() for name, value in found.state_dict().items())
    assert found.bn1.running_var.shape == (2,), "that of the model is folded into its convolution"
    assert not hasattr(run.model.bn1, "running_var")
    assert run.trained is found


@pytest.fixture
def noise():
    """48 training images of 16 pixels a side."""
    levels = np.random.default_rng(0).integers(60, 180, (48, 16, 16), dtype=np.uint8)
    rows = [{"split": "train", "source": "s", "image": f"i{row}", "label": 0, "nuisance": 0} for row in range(48)]
    return Dataset(levels, np.zeros((16, 16), bool), pd.DataFrame(rows), (0.0, 1.0))


def test_the_untrained_network_is_normalised_by_all_training_images_if_they_are_one_batch(noise):
    """It gives what it gives in training, but for the estimate of the variance."""
    run = Given(ResNet18(2), noise, seed=3, batch_size=48)
    images = noise.batch(slice(None)).images
    in_training = initialised(2, 3).train().features(images)
    torch.testing.assert_close(run.untrained.features(images), in_training, rtol=0.02, atol=0.02)


def test_the_untrained_network_is_normalised_by_the_mean_statistics_of_batches(noise):
    run = Given(ResNet18(2), noise, seed=3, batch_size=12)
    few, order = [initialised(2, 3).train() for _ in range(4)], drawn(noise, 512, 3)
    for network, rows in zip(few, order.reshape(4, 12), strict=True):
        network.bn1.momentum = 1
        network.features(noise.batch(torch.from_numpy(rows)).images)
    mean = torch.stack([network.bn1.running_mean for network in few]).mean(dim=0)
    variance = torch.stack([network.bn1.running_var for network in few]).mean(dim=0)
    expected = -mean / (variance + 1e-5).sqrt()  # the bias of the folded convolution
    torch.testing.assert_close(run.untrained.conv1.bias, expected, rtol=1e-4, atol=1e-5)


def test_images_of_patients_whom_others_have_seen_are_left_out():
    """A test image of another run has not been seen; another image of a patient who trained there has."""

    def given(*images, **others):
        rows = [dict(zip(("split", "patient", "image"), image, strict=True)) for image in images]
        table = pd.DataFrame(rows).assign(source="s", label=0, nuisance=0)
        levels = np.arange(len(rows), dtype=np.uint8)[:, None, None] * np.ones((2, 2), np.uint8)
        return Given(torch.nn.Identity(), Dataset(levels, np.ones((2, 2), bool), table, (0.0, 1.0)), **others)

    other = given(("valid", "p/2", "c"), ("test", "p/3", "d"), ("train", "p/5", "f"))
    base = given(("train", "p/1", "a"), ("test", "p/4", "e"), ("valid", "p/6", "g"), other=other)
    own = [("train", "p/7", "z"), ("test", "p/1", "b"), ("test", "q/1", "a"), ("test", "p/2", "c")]
    run = given(*own, ("test", "p/3", "d"), ("test", "p/4", "e"), base=base)
    found = run.unseen_by(run.base, run.base.other)
    assert found.table["patient"].tolist() == ["q/1", "p/3", "p/4"]
    assert found.levels[:, 0, 0].tolist() == [2, 4, 5]
    assert run.unseen_by(run.base.other).table["patient"].tolist() == ["p/1", "q/1", "p/3", "p/4"]


def test_of_a_run_on_disk_the_splits_are_read(run, tmp_path):
    (seen,) = run.test.table.query("image == 'i2'")["patient"]
    pd.DataFrame([{"split": "valid", "source": "s", "patient": seen, "image": "i9"}]).to_csv(
        tmp_path / "others.csv", index=False
    )
    other = Run("u", "m", 1, run.weights, tmp_path / "others.csv", [], {}, 4, run.hardware)
    assert run.unseen_by(other).table["image"].tolist() == ["i1"]


def test_localisation_is_of_the_positive_test_images_that_have_a_mask(run):
    found = localisation.analyse(run, {"saliency": SALIENCY})
    assert found.table["attribution"].tolist() == ["gradient", "edges"]
    assert found.table["images"].tolist() == [1, 1]
    assert found.table["undefined"].tolist() == [0, 1], "the edges of a plain image are constant"
    assert found.per_image["image"].tolist() == ["i1", "i1"]
    assert found.arrays["mean/gradient"].shape == (16, 16)
    assert found.arrays["example/edges"].shape == (1, 16, 16)
    columns = {*localisation.BY, *localisation.COLUMNS}
    beside = {f"{prefix}{name}" for name in localisation.COLUMNS for prefix in PREFIXES}
    assert columns <= set(found.table) <= columns | beside


def test_a_task_without_any_mask_says_so(run, tmp_path):
    np.save(tmp_path / "s" / "masks.npy", np.zeros((4, 16, 16), bool))
    with pytest.raises(StudyError, match=r"^t: no positive test image has a mask, so there is nothing to localise"):
        localisation.analyse(run, {"saliency": SALIENCY})
