"""What is known of the released runs. Run by `make acceptance`, after `make published`."""

import pandas as pd
import pytest
from conftest import ROOT

TABLES = ROOT / "results" / "published" / "tables"


def test_the_relation_of_auc_and_iou_is_the_known_one():
    relation = pd.read_csv(TABLES / "relation.csv").set_index(["attribution", "level", "coefficient", "task"])["value"]
    pooled = relation["gradient", "pooled", "spearman"]
    known = {"synthetic": 0.65, "spc": 0.36, "no_spc": 0.81, "vpc": -0.38, "no_vpc": 0.76}
    assert pooled.to_dict() == pytest.approx(known, abs=0.01)


def test_no_improvement_on_spc_survives_the_correction_and_one_loss_does():
    comparisons = pd.read_csv(TABLES / "comparisons.csv").query("task == 'spc' and score == 'test_auc'")
    found = comparisons.dropna(subset="p").set_index("method")
    assert len(found) == 5
    surviving = found[found["p_holm"] < 0.05]
    assert surviving.index.tolist() == ["rrr"]
    assert surviving.loc["rrr", "difference"] < 0
    assert surviving.loc["rrr", "p_holm"] == pytest.approx(0.010, abs=0.0005)


def test_on_new_data_the_loss_of_rrr_is_none_and_the_large_effects_stay():
    comparisons = pd.read_csv(TABLES / "comparisons.csv").query("score == 'test_auc'").set_index(["task", "method"])
    p = comparisons["p_new_holm"]
    assert (p["spc"].drop("classification") > 0.05).all()
    assert p["spc", "rrr"] == pytest.approx(0.33, abs=0.02)
    assert 0.05 < p["no_spc", "gradmask"] < 0.1
    assert p["vpc"][["masked", "actdiff", "adversarial", "gradmask"]].max() < 0.001
    assert p["no_vpc"][["masked", "actdiff", "adversarial"]].max() < 0.001
    assert comparisons["overlap"].dropna().between(0.05, 0.25).all(), "of the test images, as splits are drawn"


def test_every_table_is_there_in_every_form_and_none_holds_a_nan():
    names = {file.stem for file in TABLES.glob("*.csv")}
    assert {"table_synthetic", "table_1", "table_2", "spc_localisation", "agreement", "hyperparameters"} <= names
    for name in names:
        for suffix in (".md", ".tex", ".html"):
            text = (TABLES / f"{name}{suffix}").read_text()
            assert "nan" not in text.lower().replace(">", " ").replace("<", " ").split(), name
    figures = {file.name for file in (TABLES.parent / "figures").glob("*")}
    assert {"figure_8.pdf", "figure_8.png", "figure_8_iot.pdf", "relation.pdf", "comparisons.png"} <= figures
