"""Who passes the gate, by hand."""

import numpy as np
import pytest
from support.signalled import scores, settings
from support.tabulated import table


def test_scores_over_seeds_and_runs_that_pass():
    found = table("spurious_score", {"spurious_score": scores()}, settings())
    own = found.frame[found.frame["trained"] == 1].set_index(["task", "method"])
    row = own.loc[("tag", "classification")]
    assert row[["signal", "aligned", "n", "images"]].tolist() == ["tag", "positives", 3, 60]
    assert row["score"] == pytest.approx(0.8)
    assert row["high"] == 1.0, "no share is above 1"
    assert row["passed"] == 1, "0.90 is above by its whole interval, 0.80 is not, nor 0.70"
    assert row["normal_passed"] == 2
    assert row[["auc", "normal_auc", "auc_planted", "normal_auc_planted"]].tolist() == pytest.approx(
        [0.9, 1, 0.2, 0.95]
    )
    assert own.loc[("blur", "actdiff"), ["low", "passed"]].tolist() == pytest.approx(
        [0.05 - 0.045 / 3**0.5, 0], abs=0.01
    )
    tag = found.sections[0]
    assert tag.title == "tag: tag on 100% of the positives"
    assert tag.rows[0][:5] == ["**Tag**", "positives", "Classification", "3", "60"]
    assert tag.rows[0][6] == "1 of 3"
    assert [row[:3] for row in tag.rows[1:3]] == [
        ["**Tag**", "positives", "ActDiff"],
        ["Tag", "negatives", "Classification"],
    ]
    assert [section.title for section in found.sections][1] == "blur: blur on 50% of the negatives"


def test_a_run_without_a_score_is_none_of_those_that_pass():
    lacking = scores()
    gone = (lacking["seed"] == 3) & (lacking["task"] == "tag")
    lacking.loc[gone, ["images", "score", "score_low", "score_high"]] = [0, np.nan, np.nan, np.nan]
    found = table("spurious_score", {"spurious_score": lacking}, settings())
    first = found.frame.iloc[0]
    assert first[["n", "score", "passed", "normal_n"]].tolist() == pytest.approx([2, 0.75, 0, 3])
    everyone = scores().assign(score=np.nan, score_low=np.nan, score_high=np.nan)
    none = table("spurious_score", {"spurious_score": everyone}, settings())
    assert none.sections[0].rows[0][5:7] == ["undefined", "0 of 0"]


def test_without_an_answer_no_number_is_made_up():
    found = table("spurious_score", {"spurious_score": scores().iloc[:0]}, settings())
    assert found.frame.empty
    assert "nan" not in found.to_markdown()
    assert "tag: 6 of 6 runs are missing (Classification 3, ActDiff 3)." in found.note
