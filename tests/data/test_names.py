"""Names as people write them."""

import pytest
from red_herring.data.names import alike, names_nobody, tidy, tidy_path


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("sick ", "sick"), ("\u00a0No\u00a0 Finding\t", "No Finding"), ("\ufeffpath", "path"), ("Cafe\u0301", "Caf\u00e9"),
        ("", ""), ("007", "007"), ("1.10", "1.10"),
    ],
)  # fmt: skip
def test_a_tidy_name_has_no_stray_blanks_and_one_form(written, name):
    assert tidy(written) == name
    assert tidy(tidy(written)) == name


def test_blanks_within_a_path_belong_to_it():
    assert tidy_path(" a  b/1.png ") == "a  b/1.png"


@pytest.mark.parametrize(
    "patient", ["", "nan", "NA", "N/A", "<NA>", "None", "unknown", "ANONYMOUS", "Anonymous^^", "?", "-"]
)
def test_what_stands_for_a_missing_patient_names_nobody(patient):
    assert names_nobody(patient)


@pytest.mark.parametrize("patient", ["0", "1", "p1", "Nan Goldin", "NA-17", "ANON0001", "患者"])
def test_names_of_patients_are_names(patient):
    assert not names_nobody(patient)


def test_names_that_differ_in_case_or_in_the_writing_of_a_number_are_alike():
    assert alike(["sick", "well", "Sick", "SICK"]) == [["sick", "Sick", "SICK"]]
    assert alike(["7", "007", "7.0", "70"]) == [["7", "007", "7.0"]]
    assert alike(["1.1", "1.10", "p1", "p10", "p1"]) == []
    assert alike(["839860488694292331637988235681460987", "839860488694292331637988235681460988"]) == []
