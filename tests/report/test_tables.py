"""The tables: means, spreads, published values, the paper's grouping and bold face."""

import numpy as np
import pandas as pd
import pytest
from red_herring import reference
from red_herring.data.splits import TESTS
from red_herring.report.collect import SHIFT_SCORES
from red_herring.report.published import published_tables
from red_herring.report.tables import BASELINE, printed_iou_means, published, runs_note, summarise
from red_herring.report.tabulate import table
from red_herring.runtime.files import StudyError
from red_herring.study import settings as study
from red_herring.study.names import MEASURES

PRINTED, RELEASED = pd.read_csv(reference.PUBLISHED_TABLES), pd.read_csv(reference.PUBLISHED_RUNS)
GROUPS = ["site A", "site B"]
METHODS = ["classification", "actdiff", "masked", "rrr"]
REFERENCE = {"published_tables": PRINTED, "published_runs": RELEASED}


def settings_of(task="spc", methods=METHODS, seeds=(0, 1), attributions=("gradient",)):
    """Of one task, or of several."""
    tasks = [task] if isinstance(task, str) else task
    return {
        "tasks": {task: {"groups": GROUPS} for task in tasks},
        "methods": list(methods),
        "seeds": list(seeds),
        "attributions": list(attributions),
    }


def study_of(runs, task="spc"):
    return REFERENCE | {"runs": runs.assign(task=task)}


def line(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def runs():
    rows = []
    for method, aucs, ious in [
        ("classification", [0.4, 0.6], [0.3, 0.3]),
        ("actdiff", [0.7, 0.9], [0.2, 0.2]),
        ("masked", [0.52, 0.52], [0.35, 0.36]),
        ("rrr", [0.1, 0.3], [0.31, 0.31]),
    ]:
        for seed, (auc, iou) in enumerate(zip(aucs, ious, strict=True)):
            shift = (auc + 0.05, auc / 2, auc, 0.5 if method == "rrr" else auc, 0.1, 100, 20, 40 + 2 * seed)
            rows.append((method, seed, auc, iou, iou + 0.1, iou + 0.1, 0.33, 0.5, 0.5, *shift))
    columns = [
        "method",
        "seed",
        "test_auc",
        "iou_gradient",
        "iop_gradient",
        "iot_gradient",
        "chance_iou_gradient",
        "chance_iop_gradient",
        "chance_iot_gradient",
        *SHIFT_SCORES,
        *(f"{name}_images" for name in TESTS),
    ]
    return pd.DataFrame(rows, columns=columns)


def test_a_table_by_hand():
    table = summarise(runs(), METHODS, published("spc", PRINTED, RELEASED)).set_index("method")
    assert table.index.tolist() == ["classification", "masked", "actdiff", "rrr"], "grouped as in the paper"
    assert table["group"].tolist() == ["Baseline", "Baseline", "Domain invariance", "Saliency based"]
    assert table.loc["actdiff", "auc_mean"] == pytest.approx(0.8)
    assert table.loc["actdiff", "auc_sd"] == pytest.approx(np.sqrt(0.02))
    # Bold: above Classification (AUC 0.5, IoU 0.3) and above chance (AUC 0.5, IoU 0.33).
    assert table["auc_bold"].to_dict() == {"classification": False, "masked": True, "actdiff": True, "rrr": False}
    assert table["iou_bold"].to_dict() == {"classification": False, "masked": True, "actdiff": False, "rrr": False}
    assert (table.loc["rrr", "published_auc_mean"], table.loc["rrr", "published_iou_sd"]) == (0.57, 0.02)


def test_where_the_paper_prints_no_table_the_released_runs_stand_in():
    found = published("synthetic", PRINTED, RELEASED)
    expected = {"classification": (0.00, 0.07), "masked": (0.99, 0.54), "actdiff": (1.00, 0.40)}
    expected |= {"adversarial": (0.92, 0.53), "gradmask": (0.76, 0.46), "rrr": (0.49, 0.08)}
    for method, (auc, iou) in expected.items():
        assert found.loc[method, "auc_mean"] == pytest.approx(auc, abs=0.005)
        assert found.loc[method, "iou_mean"] == pytest.approx(iou, abs=0.005)
    assert published("mine", PRINTED, RELEASED).empty


def test_markdown_and_latex_say_the_same():
    found = table("my_task", study_of(runs(), "my_task"), settings_of("my_task"))
    markdown, latex = found.to_markdown(), found.to_latex()
    assert (
        "| Domain invariance | ActDiff | 2 | **0.80 ± 0.14** | – | 0.20 ± 0.00 | 0.30 ± 0.00 | – | 0.33 / 0.50 |"
        in markdown
    )
    assert r"Domain invariance & ActDiff & 2 & \textbf{0.80 $\pm$ 0.14} & -- & 0.20 $\pm$ 0.00" in latex
    assert (
        "| Domain invariance | ActDiff | 0.80 ± 0.14 | 0.85 ± 0.14 | 0.40 ± 0.07 | 0.80 ± 0.14 | 0.80 ± 0.14 | 0.10 |"
        in markdown
    )
    assert (
        "| AUC, shifted (n = 100) | in distribution (n = 20) | balanced (n = 41) | within site A | within site B |"
        in markdown
    )
    assert r"Domain invariance & ActDiff & 0.80 $\pm$ 0.14 & 0.85 $\pm$ 0.14" in latex
    assert latex.count(r"\midrule") == 6
    assert r"my\_task" in latex
    widths = {line.count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert widths == {9, 10}


def test_the_published_values_stand_beside():
    text = table("spc", study_of(runs()), settings_of()).to_markdown()
    assert "| 2 | **0.80 ± 0.14** | 0.73 ± 0.03 | 0.20 ± 0.00 | 0.30 ± 0.00 | 0.77 ± 0.03 |" in text
    assert "missing" not in text


def test_one_seed_has_no_spread():
    found = table("mine", study_of(runs().query("seed == 0"), "mine"), settings_of("mine", seeds=[0]))
    assert (
        line(found.to_markdown(), "| Domain")
        == "| Domain invariance | ActDiff | 1 | **0.70** | – | 0.20 | 0.30 | – | 0.33 / 0.50 |"
    )
    assert "One seed: no interval." in found.to_markdown()
    assert "nan" not in found.to_markdown().replace("Domain", "") + found.to_latex().replace("Domain", "")


def test_missing_runs_have_their_row_and_are_named():
    some = runs().query("method == 'rrr' and seed == 0 or method == 'masked'")
    text = table("spc", study_of(some), settings_of()).to_markdown()
    assert line(text, "| Baseline | Classification | 0").startswith(
        "| Baseline | Classification | 0 | – | 0.70 ± 0.05 | – | – |"
    )
    assert "spc: 5 of 8 runs are missing (Classification 2, ActDiff 2, RRR 1)." in text
    assert "One seed: no interval for RRR on spc." in text
    assert "**0." not in text, "without Classification nothing is bold"
    assert "nan" not in text.replace("Domain", "")


def test_a_study_without_other_test_sets_has_no_table_of_them():
    without = runs().assign(**dict.fromkeys(SHIFT_SCORES, np.nan))
    assert len(table("spc", study_of(without), settings_of()).sections) == 1
    no_class = runs().assign(within_0_auc=np.nan)
    assert "| 0.85 ± 0.14 | 0.40 ± 0.07 | undefined |" in table("spc", study_of(no_class), settings_of()).to_markdown()


def test_without_classification_nothing_is_bold():
    summary = summarise(runs(), ["masked", "rrr"], published("spc", PRINTED, RELEASED))
    assert not summary["auc_bold"].any()


def test_runs_note():
    settings = settings_of(seeds=[1, 2, 3])
    assert runs_note({"spc": {"rrr": 3, "masked": 4}}, settings) == ""
    assert runs_note({"spc": {"rrr": 0, "masked": 3}}, settings) == "spc: 3 of 6 runs are missing (RRR 3)."


# The paper's tables, of the released runs

METHODS_OF_PAPER = [BASELINE, "masked", "actdiff", "adversarial", "gradmask", "rrr"]
RELEASED_STUDY = REFERENCE | published_tables(RELEASED, pd.read_csv(reference.PUBLISHED_HYPERPARAMETERS), {})
RELEASED_SETTINGS = study.published_settings()


def test_what_the_paper_printed_as_iou():
    nearest = {}
    for task in RELEASED_SETTINGS["tasks"]:
        distances = printed_iou_means(task, PRINTED, RELEASED)
        nearest[task] = min(distances, key=distances.get) if distances else None
    assert nearest == {"synthetic": None, "spc": "iop", "no_spc": "iop", "vpc": "iou", "no_vpc": "iot"}
    assert printed_iou_means("no_vpc", PRINTED, RELEASED)["iot"] < 0.01


def test_table_1():
    found = table("table_1", RELEASED_STUDY, RELEASED_SETTINGS)
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
    found = table("table_1", study_of(runs()), settings_of())
    chance = found.sections[0].rows[-1]
    assert chance == ["Chance", "", "", "0.50", "", "0.33", ""]
    masked = next(row for row in found.sections[1].rows if row[1] == "Masked")
    assert masked[2:] == ["**0.35 ± 0.01**", "0.45 ± 0.01", "0.45 ± 0.01"], "an IoP of 0.455 is below chance, 0.5"
    with pytest.raises(StudyError, match="table_2: is of vpc and no_vpc"):
        table("table_2", study_of(runs()), settings_of())
    with pytest.raises(StudyError, match="nothing: is no table"):
        table("nothing", study_of(runs()), settings_of())


# Localisation


def localisation(methods=("masked", "rrr"), attributions=("gradient", "random")):
    rows = [
        {
            "task": "spc",
            "method": method,
            "seed": seed,
            "attribution": attribution,
            "images": 50,
            "undefined": seed,
            "steps": 16 + seed if attribution == "gradient" else np.nan,
            "completeness_error": 0.009 - 0.001 * seed,
        }
        | {f"{measure}": 0.5 + seed / 10 for measure in MEASURES}
        | {f"chance_{measure}": 0.25 for measure in MEASURES}
        | {f"corrected_{measure}": (0.25 + seed / 10) / 0.75 for measure in MEASURES}
        for method in methods
        for seed in (0, 1)
        for attribution in attributions
    ]
    return pd.DataFrame(rows)


def test_localisation_by_hand():
    settings = settings_of(methods=["masked", "rrr", "actdiff"], attributions=["gradient", "random"])
    found = table("spc_localisation", {"localisation": localisation()}, settings)
    assert [section.title for section in found.sections] == ["spc: Gradient", "spc: Random"]
    rows = found.sections[0].rows
    assert rows[0] == ["As measured", "Masked", "2", "50", "1", *["0.55 ± 0.07"] * len(MEASURES)]
    assert rows[2] == ["As measured", "ActDiff", "0", "–", "–", *["–"] * len(MEASURES)]
    assert rows[3] == ["Chance", "", "", "", "", *["0.25"] * len(MEASURES)]
    assert rows[4][:6] == ["Chance-corrected", "Masked", "", "", "", "0.40 ± 0.09"]
    assert "2 of 6 runs are missing (ActDiff 2)" in found.to_markdown()
    row = found.frame.set_index(["method", "attribution"]).loc[("rrr", "random")]
    assert row[["n", "images", "undefined"]].tolist() == [2, 50, 1]
    assert row["corrected_ap_mean"] == pytest.approx(0.4)
    assert found.sections[0].note.endswith("completeness error: Masked 16 and 0.9%, RRR 16 and 0.9%.")
    assert found.sections[1].note == ""


def test_localisation_of_the_released_runs_has_what_was_released():
    found = table("spc_localisation", RELEASED_STUDY, RELEASED_SETTINGS)
    assert found.sections[0].headings[-3:] == ["IoU", "IoP", "IoT"]
    assert len(found.sections[0].rows) == 6, "no chance level is known"


def test_constant_maps_only_are_undefined():
    constant = localisation().assign(**dict.fromkeys(MEASURES, np.nan))
    constant.loc[constant["method"] == "rrr", "iou"] = 0.5
    found = table("spc_localisation", {"localisation": constant}, settings_of(methods=["masked", "rrr"]))
    assert found.sections[0].rows[0][5] == "undefined"


def test_a_score_that_some_seeds_lack_says_how_many_have_it():
    some = runs()
    some.loc[some["method"].eq("actdiff") & some["seed"].eq(1), "test_auc"] = np.nan
    text = table("spc", study_of(some), settings_of()).to_markdown()
    assert "ActDiff | 2 | **0.70** (n = 1) |" in text
