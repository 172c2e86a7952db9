"""The mixed models of the released runs, and of too few."""

from support.tabulated import FEW, RELEASED, SETTINGS, STUDY, rows, table


def test_released_mixed_models():
    found = table("mixed_model", RELEASED, SETTINGS)
    assert len(found.frame) == 5 * 3 * 2
    assert rows(found, 1)[("Gradient",)] == [
        "Gradient", "60", "6", "0.53 [0.06, 0.99]", "0.027", "0.28 [-0.28, 0.84]", "0.323", "0.069", "no warning",
    ]  # fmt: skip
    small = table("mixed_model", STUDY, FEW)
    assert rows(small)[("Gradient",)][3:] == [*["undefined"] * 5, small.frame["warning"][0]]
    assert "Not fitted: fewer than 3 methods, or what does not vary." in small.to_markdown()
