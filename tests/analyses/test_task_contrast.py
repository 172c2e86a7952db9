"""TaskContrast of networks whose maps are known."""

import numpy as np
import pytest
import torch
from red_herring.analyses import task_contrast
from red_herring.runtime.files import StudyError
from scipy import ndimage, stats
from support.given import Given
from support.paired_runs import SIZE, pool
from torch import nn

SETTINGS = {"saliency": {"attributions": ["gradient", "gradient_x_input", "random"], "steps": 16}}


class Weighted(nn.Module):
    """y1 is a weighted sum of the pixels, so its gradient is the weights."""

    def __init__(self, weights):
        super().__init__()
        self.weights = torch.tensor(weights, dtype=torch.float32)

    def forward(self, x):
        score = (x.squeeze(1) * self.weights).sum(dim=(1, 2))
        return torch.stack([0 * score, score], dim=1)


def weights(inside, outside):
    """Of the upper half of the mask and of a row outside it, of as many pixels."""
    values = np.zeros((SIZE, SIZE))
    values[4:6, 4:12], values[1, :] = inside, outside
    return values


def a_run(base=(3.0, -1.0), own=(1.0, 1.0), untrained=(1.0, 4.0), splits=("test",) * 6):
    of_base = Given(Weighted(weights(*base)), pool(list(splits)), task="base")
    of_base.__dict__["untrained"] = Weighted(weights(*untrained))
    return Given(Weighted(weights(*own)), pool(list(splits)), base=of_base)


def test_the_mass_is_that_of_absolute_values_inside():
    row = task_contrast.analyse(a_run(), SETTINGS).table.set_index("attribution").loc["gradient"]
    assert row[["images", "undefined", "untrained_undefined"]].tolist() == [6, 0, 0]
    assert row["area"] == 32 / SIZE**2
    assert row[["base_mass", "own_mass", "untrained_mass"]].tolist() == pytest.approx([3 / 4, 1 / 2, 1 / 5])
    assert row["contrast"] == pytest.approx(1 / 4)
    assert np.isnan(row["contrast_low"]), "the same for all images"


def test_the_interval_is_over_images():
    analysed = task_contrast.analyse(a_run(), SETTINGS)
    row = analysed.table.set_index("attribution").loc["gradient_x_input"]
    levels, inside = pool(["test"] * 6).levels.numpy().astype(float), weights(1, 0) > 0
    masses = []
    for network in ((3.0, -1.0), (1.0, 1.0)):
        maps = np.abs(levels * weights(*network))
        masses.append(maps[:, inside].sum(axis=1) / maps.sum(axis=(1, 2)))
    values = masses[0] - masses[1]
    images = analysed.per_image.query("attribution == 'gradient_x_input'")
    np.testing.assert_allclose(images["contrast"], values, rtol=1e-5)
    low, high = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    assert row[["contrast", "contrast_low", "contrast_high"]].tolist() == pytest.approx(
        [values.mean(), low, high], rel=1e-5
    )


def test_controls_have_no_contrast_and_edges_are_always_there():
    table = task_contrast.analyse(a_run(), SETTINGS).table.set_index("attribution")
    assert table.index.tolist() == ["gradient", "gradient_x_input", "random", "edges"]
    assert (table.loc[["random", "edges"], "contrast"] == 0).all()
    image = pool(["test"] * 6).levels.numpy().astype(float)
    edges = np.stack([np.hypot(ndimage.sobel(each, axis=0), ndimage.sobel(each, axis=1)) for each in image])
    mass = (edges[:, 4:8, 4:12].sum(axis=(1, 2)) / edges.sum(axis=(1, 2))).mean()
    assert table.loc["edges", ["base_mass", "own_mass", "untrained_mass"]].tolist() == pytest.approx(
        [mass] * 3, rel=1e-5
    )


def test_a_map_of_zeros_has_no_mass_and_is_counted():
    row = task_contrast.analyse(a_run(own=(0.0, 0.0)), SETTINGS).table.set_index("attribution").loc["gradient"]
    assert (row["images"], row["undefined"], row["untrained_undefined"]) == (6, 6, 0)
    assert row[["contrast", "base_mass", "own_mass"]].isna().all()
    assert row["untrained_mass"] == pytest.approx(1 / 5)


def test_images_without_a_mask_are_left_out():
    run = a_run()
    run.base.pool.masks = run.base.pool.masks.clone()
    run.base.pool.masks[2:] = False
    assert (task_contrast.analyse(run, SETTINGS).table["images"] == 2).all()
    run.base.__dict__.pop("test")
    run.base.pool.masks[:] = False
    with pytest.raises(StudyError, match="base: none of its test images has a mask, so no map can be inside of one"):
        task_contrast.analyse(run, SETTINGS)
