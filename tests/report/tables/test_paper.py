"""The paper's tables, of the released runs and of others."""

import pandas as pd
from red_herring.report.tables.paper import printed_iou_means
from support.tabulated import (
    PRINTED,
    RELEASED,
    RELEASED_RUNS,
    SETTINGS,
    localised,
    of_tasks,
    runs_by_hand,
    settings_of,
    study_of,
    table,
)


def test_what_the_paper_printed_as_iou():
    nearest = {}
    for task in SETTINGS["tasks"]:
        distances = printed_iou_means(task, PRINTED, RELEASED_RUNS)
        nearest[task] = min(distances, key=distances.get) if distances else None
    assert nearest == {"synthetic": None, "spc": "iop", "no_spc": "iop", "vpc": "iou", "no_vpc": "iot"}
    assert printed_iou_means("no_vpc", PRINTED, RELEASED_RUNS)["iot"] < 0.01


def test_table_1():
    found = table("paper", RELEASED, of_tasks(SETTINGS, "spc", "no_spc") | {"heading": "Table 1"})
    text = found.to_markdown()
    assert [section.title for section in found.sections] == [
        "Table 1: test AUC and IoU of the input gradient",
        "Table 1: Gradient",
        "Table 1: Integrated gradients",
        "Table 1: Occlusion",
    ]
    assert (
        "|  | Masked | 10 | **0.76 ± 0.03** | 0.77 ± 0.09 | 0.38 ± 0.04 | 0.60 ± 0.03 | 10 | 0.90 ± 0.02 | 0.90 ± 0.01 |"
        in text
    )
    assert "no_spc: the IoU printed in the paper agrees best with the IoP" in text
    assert "No chance level of spc and no_spc is known" in text
    assert len(found.frame) == 12
    assert set(found.frame["task"]) == {"spc", "no_spc"}


def test_a_table_of_the_paper_with_half_of_its_tasks_and_chance():
    found = table("paper", study_of(runs_by_hand()), settings_of() | {"heading": "Table 1"})
    chance = found.sections[0].rows[-1]
    assert chance == ["Chance", "", "", "0.50", "", "0.33", ""]
    masked = next(row for row in found.sections[1].rows if row[1] == "Masked")
    assert masked[2:] == ["**0.35 ± 0.01**", "0.45 ± 0.01", "0.45 ± 0.01"], "an IoP of 0.455 is below chance, 0.5"


def test_a_method_that_runs_on_one_of_two_tasks_has_a_dash_on_the_other():
    runs = runs_by_hand()
    settings = settings_of("a") | {"heading": "Two"}
    few = ["rrr", "masked"]
    settings["tasks"] = {"a": {"methods": few}, "b": {"methods": ["classification", "rrr"]}}
    both = pd.concat(
        [runs.assign(task="a").query("method in @few"), runs.assign(task="b").query("method == 'rrr'")],
        ignore_index=True,
    )
    study = study_of(runs) | {"runs": both, "localisation": localised(both)}
    found = table("paper", study, settings)
    cells = {row[1]: row[2:] for row in found.sections[0].rows}
    assert list(cells) == ["Classification", "Masked", "RRR", ""], "and ActDiff, which runs on none, has no row"
    assert cells["Masked"][5:] == ["–"] * 5
    assert cells["Classification"][:6] == [*["–"] * 5, "0"], "missing on b, where it should run"
    assert cells["RRR"][:2] == cells["RRR"][5:7] == ["2", "0.20 ± 0.14"]
    assert found.frame.groupby("task")["method"].agg(set).to_dict() == {"a": set(few), "b": {"classification", "rrr"}}
    assert "missing" in found.note
    assert "b: 2 of 4 runs are missing (Classification 2)." in found.note
