"""What all statistics have in common."""

import numpy as np
import pytest
from red_herring.statistics.common import wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(0, 64, 0, 0.057), (58, 64, 0.810, 0.956), (64, 64, 0.943, 1)]
)
def test_the_interval_of_a_share_is_wilsons(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-4)


def test_of_no_trial_there_is_none():
    assert np.isnan(wilson(0, 0)).all()
