"""The measures of tensors are those of arrays."""

import numpy as np
import pandas as pd
import torch
from red_herring.generation.detection_metrics import detection_measures
from red_herring.statistics import boxes


def test_tensors_are_measured_as_arrays_are():
    found = [(torch.tensor([[0.0, 0, 10, 5]]), torch.tensor([0.5])), (torch.zeros(0, 4), torch.zeros(0))]
    truths = [torch.tensor([[0, 0, 10, 10]]), torch.tensor([[1.0, 1, 2, 2]])]
    arrays = [(np.array([[0.0, 0, 10, 5]]), np.array([0.5])), (np.zeros((0, 4)), np.zeros(0))]
    expected = boxes.detection_measures(arrays, [np.array([[0, 0, 10, 10]]), np.array([[1, 1, 2, 2]])], ["a", "b"])
    pd.testing.assert_frame_equal(detection_measures(found, truths, ["a", "b"]), expected)
    assert expected["value"].iloc[0] == 0.5, "an overlap of exactly one half has found it"
