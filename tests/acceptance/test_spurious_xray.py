"""What `make spurious_xray` must show: a tag is planted on pneumonia of real X-rays and learnt. Run by `make studies`."""

import pandas as pd
import pytest
from conftest import ROOT

RESULTS = ROOT / "results" / "spurious_xray"


def of(analysis):
    return pd.read_csv(RESULTS / f"{analysis}.csv")


def test_every_run_with_the_tag_is_asked_every_question():
    for analysis in ("spurious_score", "signal_detection", "concepts", "influence"):
        assert of(analysis).groupby(["task", "method"])["seed"].nunique().to_dict() == {
            ("pneumonia_tag", "classification"): 2,
            ("pneumonia_tag", "masked"): 2,
        }


def test_normal_models_are_turned_by_a_tag_less_than_those_that_were_trained_with_it():
    """Of so few images and so thin a network there is no gate to ask for."""
    scores = of("spurious_score").query("method == 'classification' and trained == 1")
    assert (scores["score"] > scores["normal_score"]).all()


def test_the_tag_has_its_area_and_edges_know_no_model():
    detection = of("signal_detection")
    assert detection["area"].unique() == pytest.approx([6**2 / 64**2])
    assert (detection.query("attribution == 'edges'")["difference_ap"] == 0).all()


def test_carriers_are_half_of_the_training_images_and_all_of_the_positives():
    influence = of("influence")
    assert (influence["base_rate"] == 0.5).all()
    assert (influence["base_rate_aligned"] == 1).all()
