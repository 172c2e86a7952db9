"""Whether attributions rank runs alike."""

import pytest
from red_herring.study.settings import described_attributions
from support.tabulated import FEW, RELEASED, SETTINGS, STUDY, table


def test_released_agreement():
    found = table("agreement", RELEASED, SETTINGS)
    frame = found.frame.set_index(["task", "attribution_a", "attribution_b"])["value"]
    assert frame.loc[("vpc", "gradient", "integrated_gradients")] == pytest.approx(0.51, abs=0.01)
    assert frame.loc[("vpc", "integrated_gradients", "occlusion")] == pytest.approx(0.40, abs=0.01)
    assert len(frame) == 5 * 3
    by_hand = table("agreement", STUDY, FEW).frame
    assert by_hand["value"].tolist() == [-1]
    alone = table("agreement", STUDY, FEW | {"attributions": described_attributions(["gradient"])})
    assert {"n", "value", "low"} <= set(alone.frame.columns), "the figure asks for them"
    assert "One attribution: nothing to compare." in alone.to_markdown()
