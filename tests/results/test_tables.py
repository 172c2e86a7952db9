"""The tables: means, spreads, published values, the paper's grouping and bold face."""

import numpy as np
import pandas as pd
import pytest
from red_herring import study
from red_herring.data.splits import TESTS
from red_herring.results.runs import SHIFT_SCORES
from red_herring.results.tables import published, summarise, to_latex, to_markdown

PRINTED, RELEASED = pd.read_csv(study.PUBLISHED_TABLES), pd.read_csv(study.PUBLISHED_RUNS)
GROUPS = ["site A", "site B"]
METHODS = ["classification", "actdiff", "masked", "rrr"]


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
            rows.append((method, seed, auc, iou, iou + 0.1, iou + 0.1, 0.33, 0.5, *shift))
    columns = [
        "method",
        "seed",
        "test_auc",
        "iou_gradient",
        "iop_gradient",
        "iot_gradient",
        "chance_iou",
        "chance_iop",
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
    table = summarise(runs(), METHODS, published("spc", PRINTED, RELEASED))
    markdown, latex = to_markdown("my_task", table, GROUPS), to_latex("my_task", table, GROUPS)
    assert (
        "| Domain invariance | ActDiff | 2 | **0.80 ± 0.14** | 0.73 ± 0.03 | 0.20 ± 0.00 | 0.30 ± 0.00 | 0.77 ± 0.03 | 0.33 / 0.50 |"
        in markdown
    )
    assert r"Domain invariance & ActDiff & 2 & $\mathbf{0.80 \pm 0.14}$ & $0.73 \pm 0.03$" in latex
    assert (
        "| Domain invariance | ActDiff | 0.80 ± 0.14 | 0.85 ± 0.14 | 0.40 ± 0.07 | 0.80 ± 0.14 | 0.80 ± 0.14 | 0.10 |"
        in markdown
    )
    assert (
        "| AUC, shifted (n = 100) | in distribution (n = 20) | balanced (n = 41) | within site A | within site B |"
        in markdown
    )
    assert r"Domain invariance & ActDiff & $0.80 \pm 0.14$ & $0.85 \pm 0.14$" in latex
    assert latex.count(r"\midrule") == 6
    assert r"my\_task" in latex
    assert "2 seeds" in markdown
    widths = {line.count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert widths == {9, 10}


def test_one_seed_has_no_spread_and_an_own_task_no_published_value():
    table = summarise(runs().query("seed == 0"), METHODS, published("mine", PRINTED, RELEASED))
    line = next(line for line in to_markdown("mine", table, GROUPS).splitlines() if "ActDiff" in line)
    assert line == "| Domain invariance | ActDiff | 1 | **0.70** | – | 0.20 | 0.30 | – | 0.33 / 0.50 |"
    assert "nan" not in to_markdown("mine", table, GROUPS) + to_latex("mine", table, GROUPS)


def test_without_classification_nothing_is_bold():
    table = summarise(runs(), ["masked", "rrr"], published("spc", PRINTED, RELEASED))
    assert not table["auc_bold"].any()
