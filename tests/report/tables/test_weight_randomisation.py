"""The verdicts on attributions: over seeds, of one run, and what is undefined."""

import numpy as np
import pytest
from scipy import stats
from support.randomised import ARM, BLOCKS, curves, settings_of
from support.tabulated import rows, table

STUDY = settings_of(seeds=(0, 1, 2))
ENDS = {"gradient": 0.0, "random": 0.18, "integrated_gradients": 0.6}
RESET = ARM | {"statistics": "reset"}


def made(study=STUDY, change=lambda table: table, **asked):
    return table("weight_randomisation", {"weight_randomisation": change(curves(study, ENDS, **asked))}, study)


def test_a_verdict_is_by_students_t_over_the_runs_ends():
    frame = made().frame.set_index(["attribution", "method"])
    row = frame.loc[("gradient", "actdiff")]
    differences = np.array([-0.2, -0.22, -0.24])
    reach = stats.t.ppf(0.975, 2) * differences.std(ddof=1) / np.sqrt(3)
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([-0.22, -0.22 - reach, -0.22 + reach])
    assert (row["block"], row["blocks"], row["n"], row["interval_over"]) == ("stem", 10, 3, "seeds")
    assert row["value"] == pytest.approx(-0.02)
    assert row[["cross_image", "floor", "edges", "entropy", "zeros"]].tolist() == pytest.approx(
        [0.2, 0.1, 0.05, 0.5, 0.1]
    )
    assert (row["images"], row["draws"], row["undefined"]) == (20, 5, 3), "undefined pairs are those of all runs"
    verdicts = {name: frame.loc[(name, "actdiff"), "verdict"] for name in ENDS}
    assert verdicts == {"gradient": "pass", "random": "undecided", "integrated_gradients": "fail"}


def test_it_is_counted_how_many_runs_say_so_by_themselves():
    """Ends 0.18, 0.16 and 0.14 against 0.2, each with 0.05 to both sides: the last one passes."""
    frame = made().frame.set_index(["attribution", "method"])
    assert frame.loc[("random", "actdiff"), ["passed", "failed", "undecided"]].tolist() == [1, 0, 2]
    assert frame.loc[("integrated_gradients", "actdiff"), ["passed", "failed", "undecided"]].tolist() == [0, 3, 0]
    assert rows(made(), 1)[("Random", "ActDiff")][-4] == "1, 0"
    glance = made().sections[0].rows
    assert [cells[-1] for cells in glance] == ["pass", "**fail**", "undecided (1, 0)"]
    (alone,) = {cells[-1] for cells in made(settings_of(seeds=(4,))).sections[0].rows if cells[0] == "Random"}
    assert alone == "undecided"


def test_one_run_has_its_own_interval():
    found = made(settings_of(seeds=(4,)))
    row = found.frame.set_index(["attribution", "method"]).loc[("random", "classification")]
    assert row[["low", "high"]].tolist() == pytest.approx([-0.07, 0.03])
    assert (row["n"], row["interval_over"], row["verdict"]) == (1, "images", "undecided")
    assert "One seed: its interval is over images and draws." in found.note
    assert "no interval" not in found.note


def test_runs_without_a_difference_do_not_count():
    def constant(table):
        lost = (table["attribution"] == "gradient") & (table["method"] == "actdiff") & (table["seed"] > 0)
        lost |= (table["attribution"] == "random") & (table["method"] == "actdiff")
        numbers = [name for name in table if name.startswith(("value", "difference"))]
        return table.assign(**{name: table[name].mask(lost) for name in numbers})

    frame = made(change=constant).frame.set_index(["attribution", "method"])
    one, none = frame.loc[("gradient", "actdiff")], frame.loc[("random", "actdiff")]
    assert (one["n"], one["interval_over"], one["verdict"]) == (1, "images", "pass")
    assert (none["n"], none["verdict"], none["undecided"]) == (0, "undefined", 0)
    assert np.isnan(none[["value", "difference", "low", "high"]].astype(float)).all()
    assert none["undefined"] == 3
    cells = rows(made(change=constant), 1)[("Random", "ActDiff")]
    assert (cells[2], cells[3], cells[7], cells[8]) == ("0", "undefined", "undefined", "undefined")


def test_every_arm_and_similarity_has_its_verdicts_one_in_a_row():
    found = made(similarities=["ssim", "hog"], arms=[ARM, RESET])
    keys = ["task", "statistics", "target", "similarity", "attribution", "method"]
    assert not found.frame.duplicated(keys).any()
    assert len(found.frame) == 2 * 2 * 3 * 2
    titles = [section.title for section in found.sections]
    kept = "spc, running statistics kept, positive class explained"
    assert titles[:3] == [f"{kept}: verdicts", f"{kept}: SSIM", f"{kept}: HOG"]
    assert titles[3:] == [title.replace("kept", "reset") for title in titles[:3]]
    glance = rows(found)
    assert glance[("Gradient", "SSIM")][2:] == ["pass", "pass"]
    assert glance[("Integrated gradients", "HOG")][2:] == ["**fail**", "**fail**"]


def test_blocks_one_at_a_time_have_no_end():
    independent = ARM | {"order": "independent"}
    both, alone = made(arms=[ARM, independent]), made(arms=[independent])
    assert both.frame.equals(made().frame)
    assert alone.frame.empty
    assert list(alone.frame) == list(both.frame)
    assert "No cascade was asked for" in alone.to_markdown()


def test_a_cascade_ends_where_most_blocks_are_random_whatever_they_are_called():
    renamed = made(change=lambda table: table.assign(block=table["block"].replace(BLOCKS[-1], "all")))
    assert set(renamed.frame["block"]) == {"all"}


def test_attributions_beside_the_studys_have_their_titles_and_come_last():
    study = settings_of(attributions=("integrated_gradients",), seeds=(0, 1, 2))
    found = made(study)
    assert list(dict.fromkeys(row[0] for row in found.sections[0].rows)) == [
        "Integrated gradients",
        "Gradient",
        "Random",
    ]


def test_missing_runs_are_said():
    found = made(change=lambda table: table[(table["method"] != "actdiff") | (table["seed"] != 1)])
    assert "spc: 1 of 6 runs are missing (ActDiff 1)." in found.note
    none = made(change=lambda table: table[table["method"] != "actdiff"])
    assert rows(none)[("Gradient", "SSIM")][2:] == ["pass", "–"]


def test_without_an_answer_it_is_not_said_that_no_cascade_was_asked_for():
    found = made(change=lambda table: table.iloc[:0])
    assert found.frame.empty
    assert "No cascade" not in found.to_markdown()
    assert "spc: 6 of 6 runs are missing (Classification 3, ActDiff 3)." in found.note
