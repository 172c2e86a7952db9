"""What is told apart of all seeds, in words."""

import numpy as np
from support.signalled import scores, settings, told_apart
from support.tabulated import rows, table


def tabulated(**told):
    return table("told_apart", {"spurious_score": scores(), "told_apart": told_apart(**told)}, settings())


def test_each_explanation_of_all_seeds():
    found = tabulated(p=1 / 64, least_p=1 / 64)
    assert len(found.frame) == 2 * 2 * 7, "tasks, methods, explanations"
    assert "seed" not in found.frame
    assert list(rows(found)) == [
        (family, given, by, method)
        for family, given, by in [
            ("Attribution", "clean images", "Gradient"), ("Attribution", "planted images", "Gradient"),
            ("Attribution", "clean images", "Edges"), ("Attribution", "planted images", "Edges"),
            ("Concepts", "other concepts", "all layers"), ("Concepts", "the signal", "all layers"),
            ("Training points", "clean images", "influence"),
        ]
        for method in ("Classification", "ActDiff")
    ]  # fmt: skip
    row = rows(found)["Training points", "clean images", "influence", "ActDiff"]
    assert row[4:] == ["3", "64", "100", "**0.80 [0.60, 1.00]**", "0.016"]


def test_few_seeds_are_not_bold_and_two_are_undefined():
    row = rows(tabulated())["Concepts", "the signal", "all layers", "Classification"]
    assert row[7:] == ["0.80 [0.60, 1.00]", "0.250"]
    nothing = told_apart(p=np.nan, least_p=np.nan, seeds=0).assign(auc=np.nan, low=np.nan, high=np.nan)
    found = table("told_apart", {"spurious_score": scores(), "told_apart": nothing}, settings())
    assert rows(found)["Concepts", "the signal", "all layers", "Classification"][7:] == ["undefined", "undefined"]


def test_without_a_run_no_number_is_made_up():
    found = table("told_apart", {"spurious_score": scores().iloc[:0], "told_apart": told_apart().iloc[:0]}, settings())
    assert found.frame.empty
    assert "nan" not in found.to_markdown()
