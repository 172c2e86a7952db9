"""Chance levels of the released runs."""

import numpy as np
import pytest
from red_herring.data.masks import ellipse
from red_herring.saliency.localisation import binarise, overlap
from red_herring.stages.collect_published import of_ellipse
from red_herring.study.names import OVERLAPS
from scipy import ndimage


@pytest.mark.slow
def test_random_maps_of_the_released_runs_are_smoothed_as_theirs():
    n, mask = 60, ellipse(224, 0.4)
    noise = np.random.default_rng(7).random((n, 224, 224))
    masks = np.repeat(mask[None], n, axis=0)
    smoothed = np.stack([ndimage.gaussian_filter(map_, 1.0, mode="constant", truncate=3.5) for map_ in noise])
    levels = of_ellipse()
    for attribution, maps in (("gradient", smoothed), ("integrated_gradients", smoothed), ("occlusion", noise)):
        found = overlap(binarise(maps, masks), masks)
        for name in OVERLAPS:
            # Of n maps here and of 167 behind the chance level.
            error = found[name].std() * np.sqrt(1 / n + 1 / 167)
            assert levels[attribution][name] == pytest.approx(found[name].mean(), abs=4 * error), (attribution, name)
    assert levels["gradient"]["iop"] > levels["occlusion"]["iop"] + 0.01, "0 beyond the border darkens it"
