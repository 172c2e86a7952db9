"""docs/differences.md says of the code here what the code does."""

import inspect
import re

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import method_card
from red_herring.study.configuration import check
from scipy import ndimage

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
TEXT = (ROOT / "docs/differences.md").read_text()


def table():
    """What -> paper, released, here, what to make of it."""
    lines = [line.strip("| \n").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")]
    rows = [cells for cells in lines if cells[0] != "what"]
    assert len({cells[0] for cells in rows}) == len(rows) > 20
    return pd.DataFrame(rows, columns=["what", "paper", "released", "here", "so"]).set_index("what")


def test_each_difference_is_followed_an_option_or_named():
    rows = table()
    assert rows["so"].str.match(r"(followed|option|named)\b").all()
    assert rows["so"][rows["so"].str.contains("option")].str.contains("`").all()
    assert "docs/differences.md" in (ROOT / "README.md").read_text()


def test_every_option_is_one():
    given = [re.findall(r"option: `(.+?)`", so) for so in table()["so"]]
    found = [yaml.safe_load(option) for own in given for option in own]
    assert len(found) == 13
    for option in found:
        of_a_task = set(option) <= {"patients", "selection", "mask"}
        check(merged(CONFIG, {"tasks": {"synthetic": option}} if of_a_task else option))
    with pytest.raises(StudyError):
        check(merged(CONFIG, {"tasks": {"spc": {"patients": "released"}}}))


def merged(one, other):
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return one | {key: merged(one.get(key), value) for key, value in other.items()}


def test_numbers_of_here_are_those_of_the_code():
    here = table()["here"]
    tuning, training = CONFIG["tuning"], CONFIG["training"]
    initial, more = tuning["initial_points"], tuning["iterations"]
    assert here["trials of a search"] == f"{initial + more}: {initial} at random, {more} more"
    assert initial + 16 == 21  # what the option gives
    assert (
        here["first epoch that can be the best"]
        == f"the {training['burn_in'] + 1}th (`burn_in: {training['burn_in']}`)"
    )
    assert tuning["burn_in"] == training["burn_in"]
    assert (tuning["patience"], tuning["epochs"], training["epochs"], training["batch_size"]) == (20, 100, 100, 16)
    low, high = CONFIG["tasks"]["synthetic"]["mask"]["blur_sigma"]
    assert here["dilation of their masks, sigma"] == f"searched in {low:g} to {high:g}"
    assert len(CONFIG["study"]["seeds"]) == 10
    assert CONFIG["saliency"]["smoothing_sigma"] == 1
    defaults = {name: p.default for name, p in inspect.signature(ndimage.gaussian_filter).parameters.items()}
    assert f"ends at {defaults['truncate']:g} sigma" in here["smoothing, sigma 1"]
    assert (defaults["mode"], "mirrored" in here["smoothing, sigma 1"]) == ("reflect", True)
    assert CONFIG["saliency"]["steps"] == "adaptive"
    assert tuning["objective"] == "selected"


def test_the_default_of_every_method_is_the_papers():
    """The first of each option is the default."""
    first = {name: {o: v[0] for o, v in method_card(name).options.items()} for name in CONFIG["study"]["methods"]}
    assert {options.pop("sampling") for options in first.values()} == {"shuffled"}
    assert {name: options for name, options in first.items() if options} == {
        "masked": {"background": "shuffle"}, "gradmask": {"norm": "l2"}, "adversarial": {"schedule": "batch"},
    }  # fmt: skip
