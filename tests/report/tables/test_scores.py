"""Means, spreads, published values, the grouping and bold face of the paper."""

import numpy as np
import pytest
from red_herring.report.tables._scores import published, summarise
from red_herring.study.settings import described_methods
from support.tabulated import (
    METHODS,
    PRINTED,
    RELEASED_RUNS,
    runs_by_hand,
)


def test_a_table_by_hand():
    table = summarise(runs_by_hand(), described_methods(METHODS), published("spc", PRINTED, RELEASED_RUNS)).set_index(
        "method"
    )
    assert table.index.tolist() == ["classification", "masked", "actdiff", "rrr"], "grouped as in the paper"
    assert table["group"].tolist() == ["Baseline", "Baseline", "Domain invariance", "Saliency based"]
    assert table.loc["actdiff", "auc_mean"] == pytest.approx(0.8)
    assert table.loc["actdiff", "auc_sd"] == pytest.approx(np.sqrt(0.02))
    # Bold: above Classification (AUC 0.5, IoU 0.3) and above chance (AUC 0.5, IoU 0.33).
    assert table["auc_bold"].to_dict() == {"classification": False, "masked": True, "actdiff": True, "rrr": False}
    assert table["iou_bold"].to_dict() == {"classification": False, "masked": True, "actdiff": False, "rrr": False}
    assert (table.loc["rrr", "published_auc_mean"], table.loc["rrr", "published_iou_sd"]) == (0.57, 0.02)


def test_where_the_paper_prints_no_table_the_released_runs_stand_in():
    found = published("synthetic", PRINTED, RELEASED_RUNS)
    expected = {"classification": (0.00, 0.07), "masked": (0.99, 0.54), "actdiff": (1.00, 0.40)}
    expected |= {"adversarial": (0.92, 0.53), "gradmask": (0.76, 0.46), "rrr": (0.49, 0.08)}
    for method, (auc, iou) in expected.items():
        assert found.loc[method, "auc_mean"] == pytest.approx(auc, abs=0.005)
        assert found.loc[method, "iou_mean"] == pytest.approx(iou, abs=0.005)
    assert published("mine", PRINTED, RELEASED_RUNS).empty


def test_without_classification_nothing_is_bold():
    summary = summarise(runs_by_hand(), described_methods(["masked", "rrr"]), published("spc", PRINTED, RELEASED_RUNS))
    assert not summary["auc_bold"].any()
