"""What a cell of labels says."""

import logging

import pandas as pd
import pytest
from red_herring.data.sources._labels import find_names
from red_herring.runtime.files import StudyError


def named(cells, mapped=None):
    return find_names(pd.Series(cells), mapped or {}, "table.csv").tolist()


def test_each_name_of_a_cell_is_mapped_by_itself():
    mapped = {"PNEUMONIA": "Pneumonia", "N": "No Finding"}
    assert named(["PNEUMONIA|Effusion", " PNEUMONIA | x |", "N"], mapped) == [
        "Pneumonia|Effusion",
        "Pneumonia|x",
        "No Finding",
    ]


def test_a_whole_cell_or_two_names_for_one_finding_may_be_mapped():
    assert named(["a|b", "a|c", "d"], {"a|b": "both", "a": "one", "c": "one", "d": "x|y"}) == ["both", "one", "x|y"]


def test_labels_are_found_whatever_their_blanks_and_unicode_form():
    assert named(["sick ", "No\u00a0Finding", "Cafe\u0301"], {"Caf\u00e9 ": "C"}) == ["sick", "No Finding", "C"]


@pytest.mark.parametrize(
    ("cells", "mapped", "words"),
    [
        (
            ["True", "False"],
            {"true": "Pneumonia", "false": "No Finding"},
            "has the key 'true', but the label is 'True'",
        ),
        (["YES", "NO"], {"true": "Pneumonia", "false": "No Finding"}, "has the key 'true', but the label is 'YES'"),
        (["1.0", "0.0"], {"1": "Pneumonia", "0.0": "No Finding"}, "has the key '1', but the label is '1.0'"),
        (["01", "x"], {"1": "Pneumonia", "x": "No Finding"}, "has the key '1', but the label is '01'"),
        (["sick", "Well"], {"sick": "A", "well": "B"}, "has the key 'well', but the label is 'Well'"),
        (["sick", "Well"], {"sick": "A", "Sick": "A", "well": "B"}, "has the key 'well', but the label is 'Well'"),
        (["sick", "well"], {"ill": "A", "fine": "B"}, "none of its keys, ill, fine, is a label; there are sick, well"),
    ],
)
def test_a_map_that_misses_the_labels_is_refused(cells, mapped, words):
    with pytest.raises(StudyError) as caught:
        named(cells, mapped)
    assert f"table.csv: findings: {words}" in str(caught.value)


def test_a_map_may_name_labels_of_other_tables(caplog):
    assert named(["sick", "well"], {"sick": "A", "rare": "B", "Sick": "A"}) == ["A", "well"]
    assert "no label is rare, Sick" in caplog.text


@pytest.mark.parametrize("sign", [";", ", ", "/", " + ", "&"])
def test_labels_joined_by_another_sign_are_refused(sign):
    cells = ["Pneumonia", "Effusion", f"Pneumonia{sign}Effusion"]
    with pytest.raises(StudyError, match=r"1 cells have the label .* join several labels by `\|`"):
        named(cells)
    assert named(cells, {cells[2]: "both"})[2] == "both"


def test_a_label_that_may_be_several_is_told(caplog):
    assert named(["Nodule", "Nodule; calcified", "Mass (left, right)"])[1] == "Nodule; calcified"
    assert [record.args[2] for record in caplog.records] == ["Nodule; calcified"]


def test_no_finding_beside_a_finding_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        named(["No Finding", "No Finding|Mass", "Mass"])
    assert "1 images have No Finding and another finding, such as No Finding|Mass" in caplog.text
