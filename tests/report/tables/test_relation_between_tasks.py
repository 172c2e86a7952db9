"""The relation of test AUC and IoU of released tasks compared."""

import pytest
from support.tabulated import FEW, RELEASED, SETTINGS, STUDY, table


@pytest.mark.slow
def test_released_tasks_compared():
    found = table("relation_between_tasks", RELEASED, SETTINGS)
    assert len(found.frame) == 3 * 2 * 10
    pair = found.frame.query(
        "attribution == 'gradient' and coefficient == 'spearman' and task_a == 'spc' and task_b == 'vpc'"
    )
    assert pair["difference"].item() == pytest.approx(0.264 - 0.037, abs=0.002)
    assert pair["low"].item() < 0 < pair["high"].item()
    assert pair["p_holm"].item() >= pair["p"].item() > 0.05
    alone = table("relation_between_tasks", STUDY, FEW)
    assert alone.frame.empty
    assert "p_holm" in alone.frame
    assert "One task: nothing to compare." in alone.to_markdown()
