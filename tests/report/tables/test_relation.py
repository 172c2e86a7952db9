"""The relation of test AUC and IoU over the released runs."""

import pytest
from support.tabulated import RELEASED, SETTINGS, rows, table


@pytest.mark.slow
def test_released_relations():
    found = table("relation", RELEASED, SETTINGS)
    frame = found.frame.set_index(["task", "attribution", "level", "coefficient"])
    assert frame.loc[("vpc", "gradient", "pooled", "spearman"), "value"] == pytest.approx(-0.38, abs=0.01)
    assert frame.loc[("synthetic", "occlusion", "pooled", "spearman"), "n"] == 65
    assert rows(found, 1)[("Gradient", "pooled")][2:6] == ["60", "0.36 [0.21, 0.52]", "0.346 *", "undecided"]
    primary = found.frame[found.frame["role"] == "primary"].set_index("task")
    assert len(primary) == 5, "one hypothesis for each task"
    assert primary["p"].round(3).to_dict() == {
        "synthetic": 0.115,
        "spc": 0.238,
        "no_spc": 0.001,
        "vpc": 0.165,
        "no_vpc": 0.018,
    }
    # Holm: the smallest of five times 5, the next times 4, and so on, never less than the one before.
    assert primary["p_holm"].to_dict() == pytest.approx(
        {"synthetic": 3 * 0.1153, "spc": 3 * 0.1153, "no_spc": 5 * 0.0014, "vpc": 3 * 0.1153, "no_vpc": 4 * 0.0181},
        abs=1e-3,
    )
    assert primary["verdict"].to_dict() == {
        "synthetic": "undecided", "spc": "undecided", "no_spc": "relation", "vpc": "undecided", "no_vpc": "undecided",
    }  # fmt: skip
