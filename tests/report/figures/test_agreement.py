"""The agreement: a triangle with its numbers."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.figures import (
    agreement,
)
from red_herring.study.settings import described_attributions, described_methods
from support.drawn import csv, legend, words

NAN = np.nan


METHODS = ["classification", "actdiff", "masked", "rrr"]


STUDY = {
    "tasks": {"t": {}},
    "methods": described_methods(METHODS),
    "seeds": [1, 2],
    "attributions": described_attributions(["gradient", "grad_cam", "random"]),
}


def agreeing(a, b, value, n=8):
    return dict(zip(agreement.AGREEMENT, ("t", a, b, n, value), strict=True))


def test_agreement_is_a_triangle_with_its_numbers(tmp_path):
    rows = [
        agreeing("gradient", "grad_cam", 0.874),
        agreeing("gradient", "random", -0.04, n=6),
        agreeing("grad_cam", "random", NAN),
    ]
    figure = agreement.draw([csv(tmp_path, "agreement.csv", rows)], STUDY)
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array().filled(NAN), [[0.874, NAN], [-0.04, NAN]])
    assert words(axes) == [".87", "−.04"]
    assert axes.get_title() == "t\nn = 6–8 of 8 runs"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Grad-CAM", "Random"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Gradient", "Grad-CAM"]
    assert legend(figure) == ["undefined"]
    assert len(axes.patches) == 1


@pytest.mark.parametrize(("value", "text"), [(0.5, ".50"), (-0.999, "−1"), (1.0, "1"), (-0.001, ".00")])
def test_coefficients_are_short(value, text):
    assert agreement._number(value) == text


def test_one_attribution_agrees_with_none(tmp_path):
    path = csv(tmp_path, "agreement.csv", pd.DataFrame(columns=agreement.AGREEMENT))
    axes = agreement.draw([path], STUDY | {"attributions": described_attributions(["gradient"])}).axes[0]
    assert words(axes) == ["fewer than two attributions"]
