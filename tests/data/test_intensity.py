"""What lets the decoded files alone tell groups apart: measured by hand, and not found where there is nothing."""

import numpy as np
import pandas as pd
import pytest
from red_herring.data.intensity import FEWEST, auc, measures_of, warnings_between_sources, warnings_of
from red_herring.report.reading import read_table
from sklearn.metrics import roc_auc_score


def decoded(groups, **columns):
    """A table of images of these groups in which nothing differs but `columns`."""
    n = len(groups)
    same = {"format": "PNG, 8-bit", "highest": 255, "white": 255, "mean": 90, "low": 10, "high": 200, "levels": 99}
    index = pd.DataFrame({"image": [f"{row}.png" for row in range(n)], "group": groups})
    return index, pd.DataFrame(same | columns | {"image": index["image"], "reason": ""}, index=range(n))


TWO = ["A"] * FEWEST + ["B"] * FEWEST


def test_measures_are_those_of_the_pixels():
    pixels = np.random.default_rng(0).integers(3, 200, 5000)
    found = measures_of(np.bincount(pixels, minlength=256))
    assert found["mean"] == pytest.approx(pixels.mean(), abs=0.005)
    assert found["dark"] == pytest.approx((pixels < 26).mean(), abs=1e-4)
    assert [found["low"], found["high"]] == np.quantile(pixels, [0.05, 0.95], method="inverted_cdf").tolist()
    assert (found["top"], found["levels"]) == (pixels.max(), len(np.unique(pixels)))


def test_the_auc_is_that_of_everybody():
    values, labels = np.random.default_rng(0).integers(0, 9, 60), np.arange(60) % 3 == 0
    assert auc(pd.Series(values[labels]), pd.Series(values[~labels])) == pytest.approx(roc_auc_score(labels, values))


def test_like_groups_are_not_warned_of():
    random = np.random.default_rng(0)
    for _ in range(50):
        assert (
            warnings_of(*decoded(TWO, mean=random.normal(size=2 * FEWEST), levels=random.normal(size=2 * FEWEST))) == []
        )


@pytest.mark.parametrize(
    ("measure", "words"),
    [
        ("mean", "mean level"),
        ("low", "5th percentile"),
        ("high", "95th percentile"),
        ("levels", "number of different levels"),
    ],
)
def test_any_measure_may_tell_groups_apart(measure, words):
    (warning,) = warnings_of(*decoded(TWO, **{measure: np.repeat([70, 4], FEWEST)}))
    assert f"tells group A from B: the {words} of an image has an AUC of 1.00 (mean 70.0 against 4.0)" in warning


def test_what_is_set_aside_and_small_groups_are_not_compared():
    index, table = decoded(TWO, mean=np.repeat([70, 4], FEWEST))
    assert warnings_of(index, table.assign(reason=["broken", *[""] * (2 * FEWEST - 1)])) == []


def test_a_kind_of_file_of_one_group_only_is_named_once():
    (warning,) = warnings_of(*decoded(TWO, format=np.repeat(["DICOM, window", "DICOM, 8-bit"], FEWEST)))
    assert "the kind of file alone tells group A from B: DICOM, " in warning


def test_bits_that_differ_between_groups_of_one_format_are_named():
    found = warnings_of(*decoded(TWO, format="PNG, 16-bit", white=4095, highest=np.repeat([1000, 4000], FEWEST)))
    assert any(
        warning.startswith("PNG, 16-bit: no image of group A uses more than 10 bits and one of group B uses 12")
        for warning in found
    )


def test_one_file_that_sets_the_scale_of_all_others_is_named():
    found = warnings_of(*decoded(["A"] * 20, format="PNG, 16-bit", white=65535, highest=[4095] * 19 + [65535]))
    assert found == [
        "PNG, 16-bit: most images use at most 12 bits, but 19.png and 0 others use 16, by which all are scaled, so most are "
        "dark"
    ]


def test_the_groups_of_a_task_may_be_two_sources(tmp_path):
    """Of each source a few rows are drawn, in any order; the darkest and the brightest image of both are not."""
    for name, level in (("one", 70), ("two", 4)):
        _, table = decoded(["A"] * 30, mean=[99, *np.full(28, level), 1])
        (tmp_path / name).mkdir()
        table.assign(dark=0, top=9, inside=None, digest="00").to_csv(tmp_path / name / "decoded.csv", index=False)
    rows = np.random.default_rng(0).permutation(np.arange(1, 29))
    split = pd.concat(
        [pd.DataFrame({"source": name, "row": rows, "image": rows.astype(str)}) for name in ("two", "one")]
    )
    folders = {name: tmp_path / name for name in ("one", "two")}
    (warning,) = warnings_between_sources(pd.concat([split, split.head(3)]), folders)
    assert "intensity alone tells group one from two: the mean level of an image has an AUC of 1.00" in warning
    assert "(mean 70.0 against 4.0)" in warning
    assert warnings_between_sources(split[split["source"] == "one"], folders) == []


def test_numbers_and_names_of_a_table_are_read_back_as_they_were(tmp_path):
    _, table = decoded(["A", "B"])
    table = table.assign(image=["NA", "007"], inside=[None, 0.5], reason=["", "null"], digest="12")
    table.to_csv(tmp_path / "decoded.csv", index=False)
    again = read_table(tmp_path / "decoded.csv")
    for column in ("image", "format", "reason", "digest"):
        assert again[column].tolist() == table[column].tolist()
    assert again["inside"].isna().tolist() == [True, False]
    assert again["mean"].tolist() == [90, 90]
