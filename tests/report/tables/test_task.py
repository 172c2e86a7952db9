"""The table of a task: its scores, and those on the other test sets."""

import numpy as np
from red_herring.report.collect import SHIFT_SCORES
from support.tabulated import (
    line,
    runs_by_hand,
    settings_of,
    study_of,
    table,
)


def test_markdown_and_latex_say_the_same():
    found = table("task", study_of(runs_by_hand(), "my_task"), settings_of("my_task"))
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
    text = table("task", study_of(runs_by_hand()), settings_of()).to_markdown()
    assert "| 2 | **0.80 ± 0.14** | 0.73 ± 0.03 | 0.20 ± 0.00 | 0.30 ± 0.00 | 0.77 ± 0.03 |" in text
    assert "missing" not in text


def test_one_seed_has_no_spread():
    found = table("task", study_of(runs_by_hand().query("seed == 0"), "mine"), settings_of("mine", seeds=[0]))
    assert (
        line(found.to_markdown(), "| Domain")
        == "| Domain invariance | ActDiff | 1 | **0.70** | – | 0.20 | 0.30 | – | 0.33 / 0.50 |"
    )
    assert "One seed: no interval." in found.to_markdown()
    assert "nan" not in found.to_markdown().replace("Domain", "") + found.to_latex().replace("Domain", "")


def test_missing_runs_have_their_row_and_are_named():
    some = runs_by_hand().query("method == 'rrr' and seed == 0 or method == 'masked'")
    text = table("task", study_of(some), settings_of()).to_markdown()
    assert line(text, "| Baseline | Classification | 0").startswith(
        "| Baseline | Classification | 0 | – | 0.70 ± 0.05 | – | – |"
    )
    assert "spc: 5 of 8 runs are missing (Classification 2, ActDiff 2, RRR 1)." in text
    assert "One seed: no interval for RRR on spc." in text
    assert "**0." not in text, "without Classification nothing is bold"
    assert "nan" not in text.replace("Domain", "")


def test_a_study_without_other_test_sets_has_no_table_of_them():
    without = runs_by_hand().assign(**dict.fromkeys(SHIFT_SCORES, np.nan))
    assert len(table("task", study_of(without), settings_of()).sections) == 1
    no_class = runs_by_hand().assign(within_0_auc=np.nan)
    assert "| 0.85 ± 0.14 | 0.40 ± 0.07 | undefined |" in table("task", study_of(no_class), settings_of()).to_markdown()


def test_a_score_that_some_seeds_lack_says_how_many_have_it():
    some = runs_by_hand()
    some.loc[some["method"].eq("actdiff") & some["seed"].eq(1), "test_auc"] = np.nan
    text = table("task", study_of(some), settings_of()).to_markdown()
    assert "ActDiff | 2 | **0.70** (n = 1) |" in text
