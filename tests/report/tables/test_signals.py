"""Which explanations say yes, by hand: the rules of the caption at and around what they ask for."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.signalled import SIGNALS, settings, tables, told_apart
from support.tabulated import rows, table


def tabulated(**changed):
    return table("signals", tables() | changed, settings())


def verdicts(frame, **by):
    own = frame[np.logical_and.reduce([frame[column] == value for column, value in by.items()])]
    return own.set_index("explanation")["verdict"].to_dict()


def test_known_is_yes_where_the_difference_to_the_normal_model_lies_above_0():
    frame = tabulated().frame
    known = frame[frame["question"] == "known"].set_index(["task", "method", "family", "explanation"])
    row = known.loc[("tag", "classification", "signal_detection", "gradient")]
    values = [0.651, 0.752, 0.853]
    reach = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert row[["n", "value", "low", "high"]].tolist() == pytest.approx([3, 0.752, 0.752 - reach, 0.752 + reach])
    assert row[["signal", "share", "of", "verdict"]].tolist() == ["tag", 1.0, "positives", "yes"]
    other = known.loc[("tag", "actdiff", "signal_detection", "gradient")]
    assert other["verdict"] == "undecided", "its seeds agree better than each of them is known"
    assert other["low"] == pytest.approx(0.002 - 0.01 / np.sqrt(3), abs=1e-3)
    assert known.loc[("tag", "classification", "influence", "influence"), "verdict"] == "no"
    concept = known.loc[("tag", "classification", "concepts", "layer3")]
    assert concept[["value", "verdict"]].tolist() == [1.0, "yes"], "all seeds alike"
    assert np.isnan(concept["low"])
    assert known.loc[("blur", "actdiff", "concepts", "layer3"), "verdict"] == "undecided", "all alike at 0"


def test_known_is_no_yes_where_the_map_shows_the_signal_less_than_chance():
    """However much less the normal model's map shows it, as with a blur of nearly all of the image."""
    detection = tables()["signal_detection"]
    for kssd, verdict in ((-0.05, "undecided"), (0.01, "undecided"), (0.05, "yes")):
        values = {"kssd_ap": kssd, "kssd_ap_low": kssd - 0.01, "kssd_ap_high": kssd + 0.01, "chance_ap": 0.01}
        frame = tabulated(signal_detection=detection.assign(**values)).frame
        own = frame[(frame["task"] == "tag") & (frame["method"] == "classification") & (frame["question"] == "known")]
        assert own.set_index("explanation")["verdict"]["gradient"] == verdict


def test_a_false_alarm_is_asked_of_the_normal_model():
    frame = tabulated().frame
    alarm = frame[frame["question"] == "false_alarm"]
    assert verdicts(alarm, task="tag", method="actdiff") == {
        "gradient": "undecided", "integrated_gradients": "undecided", "layer2": "yes", "layer3": "undecided",
        "influence": "yes",
    }  # fmt: skip
    gradient = alarm[(alarm["explanation"] == "gradient") & (alarm["task"] == "tag")].iloc[0]
    assert gradient["value"] == pytest.approx(0.002), "above that of a map in random order"
    share = alarm[alarm["explanation"] == "layer2"].iloc[0]
    assert share[["value", "low", "high"]].tolist() == pytest.approx([1.0, *wilson_by_hand(3, 3)])
    assert verdicts(alarm, task="blur", method="actdiff", family="concepts") == dict.fromkeys(
        ["layer2", "layer3"], "undefined"
    )
    assert alarm.loc[(alarm["task"] == "blur") & (alarm["family"] == "concepts"), "n"].tolist() == [0] * 4


def wilson_by_hand(k, n):
    low, high = stats.binomtest(k, n).proportion_ci(method="wilson")
    return low, high


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({"p": 0.25, "least_p": 0.25}, "too few seeds"),
        ({"p": 1 / 32, "least_p": 1 / 32, "seeds": 6}, "yes"),
        ({"p": 2 / 32, "least_p": 1 / 32, "seeds": 6}, "undecided"),
        ({"p": np.nan, "least_p": np.nan, "seeds": 0}, "undefined"),
    ],
)
def test_unknown_goes_by_p_alone(told, verdict):
    found = tabulated(told_apart=told_apart(**told))
    unknown = found.frame[found.frame["question"] == "unknown"]
    assert verdicts(unknown, task="tag", method="classification") == dict.fromkeys(
        ["gradient", "tcav", "influence"], verdict
    )
    said = rows(found)["tag", "Classification", "Attribution"][6]
    assert said == {"yes": "1 of 1", "too few seeds": "too few seeds"}.get(verdict, "0 of 1")


def test_the_summary_counts_explanations_and_runs_that_pass():
    found = tabulated()
    assert found.frame["task"].unique().tolist() == ["tag", "blur"]
    by_name = rows(found)
    assert by_name["tag", "Classification", "Attribution"][3:] == [
        "1 of 3",
        "2 of 3",
        "2 of 2",
        "too few seeds",
        "0 of 2",
    ]
    assert by_name["tag", "Classification", "Concepts"][5:] == ["2 of 2", "too few seeds", "1 of 2"]
    assert by_name["tag", "Classification", "Training points"][5:] == ["0 of 1", "too few seeds", "1 of 1"]
    assert by_name["blur", "ActDiff", "Attribution"][3] == "0 of 3"
    assert found.sections[1].title == "tag: tag on 100% of the positives"
    detail = rows(found, 1)
    assert detail["Concepts", "all layers", "Classification"][4:] == ["–", "0.80 [0.60, 1.00]", "0.250", "–"]
    assert detail["Training points", "influence", "Classification"][7] == "**0.65 [0.64, 0.66]**"
    assert "edges" not in set(found.frame["explanation"]), "it knows no model"
    assert "random" not in set(found.frame["explanation"])


def test_a_study_with_one_family_has_that_alone():
    own = {name: of for name, of in tables().items() if name in ("spurious_score", "concepts")}
    own["told_apart"] = told_apart().query("family == 'concepts'")
    assert table("signals", own, settings()).frame["family"].unique().tolist() == ["concepts"]


def test_one_seed_has_the_intervals_of_its_run():
    one = {name: of[(of["seed"] == 1).fillna(False)] for name, of in tables().items()}
    frame = table("signals", one, settings() | {"seeds": [1]}).frame
    known = frame[(frame["question"] == "known") & (frame["task"] == "tag") & (frame["method"] == "classification")]
    by_name = known.set_index("explanation")
    assert by_name.loc["gradient", ["low", "high", "verdict"]].tolist() == pytest.approx([0.641, 0.661, "yes"])
    assert by_name.loc["layer3", "verdict"] == "undecided", "one run of it has no interval"


def test_without_a_run_no_number_is_made_up():
    found = table("signals", {name: of.iloc[:0] for name, of in tables().items()}, settings())
    assert found.frame.empty
    assert "nan" not in found.to_markdown()
    assert "tag: 6 of 6 runs are missing" in found.note
    assert pd.Index(SIGNALS).tolist() == [section.title.split(":")[0] for section in found.sections[1:]]
