"""What an analysis is given of a run."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import localisation
from red_herring.analyses.base import Run
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from safetensors.torch import save_file

SPLITS = [("train", 0), ("test", 1), ("test", 2), ("test_balanced", 2), ("test_balanced", 3)]
SALIENCY = {
    "attributions": ["gradient", "edges"], "smoothing_sigma": 0.0, "steps": "adaptive", "example_images": 1,
    "mean_map_images": 9,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Four images of 16 pixels a side, filled with their number; those of rows 1 and 3 are positive, row 1 has a mask."""
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
    masks = np.zeros((4, 16, 16), bool)
    masks[1, 4:8, 4:8] = True
    np.save(folder / "images.npy", levels)
    np.save(folder / "masks.npy", masks)
    (folder / "source.json").write_text(json.dumps({"size": 16, "pixel_range": [0, 1]}))
    torch.manual_seed(0)
    save_file(ResNet18(2).state_dict(), tmp_path / "model.safetensors")
    return Run(
        "t", 1, tmp_path / "model.safetensors", tmp_path / "split.csv", [folder / "images.npy"], {"kind": "source"}, 4,
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


def test_localisation_is_of_the_positive_test_images_that_have_a_mask(run):
    found = localisation.analyse(run, {"saliency": SALIENCY})
    assert found.table["attribution"].tolist() == ["gradient", "edges"]
    assert found.table["images"].tolist() == [1, 1]
    assert found.table["undefined"].tolist() == [0, 1], "the edges of a plain image are constant"
    assert found.per_image["image"].tolist() == ["i1", "i1"]
    assert found.arrays["mean/gradient"].shape == (16, 16)
    assert found.arrays["example/edges"].shape == (1, 16, 16)
    columns = {*localisation.BY, *localisation.COLUMNS}
    corrected = {f"{prefix}_{name}" for name in localisation.COLUMNS for prefix in ("chance", "corrected")}
    assert columns <= set(found.table) <= columns | corrected


def test_a_task_without_any_mask_says_so(run, tmp_path):
    np.save(tmp_path / "s" / "masks.npy", np.zeros((4, 16, 16), bool))
    with pytest.raises(StudyError, match=r"^t: no positive test image has a mask, so there is nothing to localise"):
        localisation.analyse(run, {"saliency": SALIENCY})
