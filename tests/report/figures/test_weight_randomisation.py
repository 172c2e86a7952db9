"""Similarity against block: the curves, the levels beside their end, and what is missing."""

import numpy as np
import pytest
from red_herring.report.figures import weight_randomisation
from red_herring.study.catalogue import attribution_card, attribution_names
from support.drawn import csv, legend, words
from support.randomised import ARM, BLOCKS, curves, settings_of

ENDS = {"gradient": 0.0, "integrated_gradients": 0.6, "random": 0.1}
STUDY = settings_of() | ARM | {"similarity": "ssim"}


def drawn(folder, study=STUDY, change=lambda table: table, **asked):
    asked = {"similarities": ["ssim", "hog"], "arms": [ARM, ARM | {"statistics": "reset"}]} | asked
    return weight_randomisation.draw(
        [csv(folder, "weight_randomisation.csv", change(curves(study, ENDS, **asked)))], study
    )


def test_a_curve_is_the_mean_over_seeds_with_its_spread(tmp_path):
    first, second = drawn(tmp_path).axes
    assert [axes.get_title() for axes in (first, second)] == ["Classification\nn = 2 seeds", "ActDiff\nn = 2 seeds"]
    curve = next(line for line in second.lines if len(line.get_xdata()) > 2)
    np.testing.assert_allclose(curve.get_ydata(), [1, *(1 - np.arange(1, 11) / 10 - 0.01)], atol=1e-12)
    band = second.collections[0].get_paths()[0].vertices
    assert np.ptp(band[band[:, 0] == 10, 1]) == pytest.approx(2 * 0.01 * np.sqrt(2))
    ticks = [label.get_text() for label in second.get_xticklabels()]
    assert ticks == ["trained", *(block.removeprefix("layer") for block in BLOCKS), "all\nrandom"]


def test_the_end_stands_beside_its_levels(tmp_path):
    """For each attribution the line of other images, the floor, and the end."""
    axes = drawn(tmp_path).axes[0]
    points = [line for line in axes.lines if len(line.get_xdata()) == 1]
    found = [(line.get_marker(), round(float(line.get_ydata()[0]), 9)) for line in points]
    assert found == [
        *[("_", 0.2), ("_", 0.1), ("o", -0.01)],
        *[("_", 0.2), ("_", 0.1), ("s", 0.59)],
        *[("_", 0.2), ("_", 0.1), ("^", 0.09)],
    ]
    places = [line.get_xdata()[0] for line in points]
    assert places == sorted(places)
    assert places[0] > len(BLOCKS)


def test_blocks_one_at_a_time_have_levels_and_no_end(tmp_path):
    study = STUDY | {"order": "independent"}
    axes = drawn(tmp_path, study, arms=[ARM | {"order": "independent"}]).axes[0]
    assert {line.get_marker() for line in axes.lines if len(line.get_xdata()) == 1} == {"_"}
    assert axes.get_xticklabels()[-1].get_text() == "levels"


def test_missing_runs_and_undefined_attributions_are_said(tmp_path):
    def lacking(table):
        table = table[(table["method"] != "classification") | (table["seed"] == 0)]
        return table.assign(value=table["value"].mask(table["attribution"] == "gradient"))

    study = settings_of(methods=("classification", "actdiff", "rrr")) | ARM | {"similarity": "ssim"}
    one, two, none = drawn(tmp_path, study, lambda table: lacking(table[table["method"] != "rrr"])).axes[:3]
    assert one.get_title() == "Classification\nn = 1 of 2 seeds\none seed, no band\nundefined: Gradient"
    assert two.get_title() == "ActDiff\nn = 2 seeds\nundefined: Gradient"
    assert (none.get_title(), words(none)) == ("RRR", ["no run"])


def test_no_two_attributions_look_alike():
    names = attribution_names()
    known = {name: {"title": name, "control": attribution_card(name).control} for name in names}
    looks = weight_randomisation.looks_of(known)
    assert len({tuple(look.values()) for look in looks.values()}) == len(names)
    assert {look["color"] for name, look in looks.items() if known[name]["control"]} == {"#777777"}


def test_the_legend_names_all_that_is_drawn(tmp_path):
    figure = drawn(tmp_path)
    assert legend(figure) == [
        *("Gradient", "Integrated gradients", "Random", "± 1 sd over seeds", "other images", "floor")
    ]
    assert figure.get_suptitle() == (
        "spc: random weights from the output down, running statistics kept, positive class explained"
    )


def test_the_heading_of_one_panel_is_not_cut_off(tmp_path):
    study = settings_of(methods=("classification",)) | ARM | {"similarity": "ssim"}
    figure = drawn(tmp_path, study)
    figure.draw_without_rendering()
    heading = figure._suptitle.get_window_extent()
    assert heading.x0 >= 0
    assert heading.x1 <= figure.bbox.x1
