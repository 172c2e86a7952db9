"""Learned masks in rows, over draws first and then over seeds, and what has collapsed."""

import numpy as np
import pytest
from red_herring.report.masks import REFERENCES, over_draws, title
from red_herring.report.tables import learned_masks
from support.masked import collapse, learned
from support.tabulated import rows, settings_of, table


def tabulated(found, seeds=(0, 1)):
    settings = settings_of(methods=["classification", "actdiff"], seeds=seeds)
    return table("learned_masks", {"learned_masks": found}, settings)


def cells(found, section, *names):
    one = found.sections[section]
    return dict(zip(one.headings[one.names :], rows(found, section)[names][one.names :], strict=True))


def test_a_section_for_each_method_and_one_of_the_nuisance():
    found = tabulated(learned())
    assert [section.title for section in found.sections] == [
        "spc, Classification", "spc, ActDiff", "spc: what masks keep", "spc: the nuisance",
        "spc: the answer without the nuisance",
    ]  # fmt: skip
    first = [row[0] for row in found.sections[0].rows]
    assert first[:3] == ["Masker, classifier frozen", "Masker, few, examples 1", "Masker, few, examples 10"]
    assert first[3:] == list(REFERENCES.values())


def test_draws_are_averaged_before_seeds():
    found = tabulated(learned())
    few = cells(found, 0, "Masker, few, examples 1")
    assert few["IoU"] == "0.38 ± 0.07", "0.33 and 0.43: two draws of each seed are no sample of four"
    assert (few["n"], few["Collapsed"]) == ("2", "0 of 4")
    assert cells(found, 0, "Masker, classifier frozen")["LE"] == "0.15 ± 0.07"
    row = found.frame.query("method == 'actdiff' and arm == 'few_examples=10' and score == 'iou'").iloc[0]
    assert (row["n"], row["fits"], row["mean"]) == (2, 4, pytest.approx(0.47))


def test_a_collapsed_masker_is_counted_and_has_no_score():
    whole = learned()
    fixed = (whole["arm"] == "fixed") & (whole["method"] == "classification")
    found = tabulated(collapse(whole, fixed & (whole["seed"] == 1)))
    one = cells(found, 0, "Masker, classifier frozen")
    assert (one["n"], one["Collapsed"], one["IoU"]) == ("1", "1 of 2", "0.40")
    assert one["Mean mask"] == "0.45 ± 0.07", "of both"
    none = cells(tabulated(collapse(whole, fixed)), 0, "Masker, classifier frozen")
    assert (none["n"], none["Collapsed"], none["IoU"]) == ("0", "2 of 2", "–")
    kept = cells(tabulated(collapse(whole, fixed)), 2, "Classification", "Masker, classifier frozen")
    assert kept["Kept in training, negatives"] == "1.00 ± 0.00"


def test_a_seed_of_which_a_draw_has_collapsed_has_the_others():
    whole = learned()
    found = over_draws(collapse(whole, whole["arm"] == "few_examples=1_draw=2"), ["iou"])
    few = found[found["setting"] == "few_examples=1"]
    assert few["collapsed"].tolist() == [1] * 4
    np.testing.assert_allclose(few["iou"], [0.32, 0.42] * 2)


def test_references_have_no_masker_to_collapse():
    one = cells(tabulated(learned()), 1, "The image itself")
    assert (one["Collapsed"], one["IoU"]) == ("–", "0.10 ± 0.00")
    kept = cells(tabulated(learned()), 2, "ActDiff", "The image itself")
    assert kept["Kept in training, negatives"] == "–"


def test_the_nuisance_is_beside_the_change_of_the_logit():
    found = tabulated(learned())
    assert cells(found, 3, "ActDiff", "Masker, classifier frozen")["IoU"] == "0.45 ± 0.07"
    one = cells(found, 4, "ActDiff")
    assert (one["n"], one["Change"], one["SD of the logit"]) == ("2", "3.50 ± 0.71", "2.00 ± 0.00")
    assert "Change: " in found.sections[4].note


def test_where_the_nuisance_is_not_known_there_is_no_section_of_it():
    whole = learned()
    whole[[column for column in whole if "nuisance" in column or column == "logit_sd"]] = np.nan
    titles = [section.title for section in tabulated(whole).sections]
    assert titles == ["spc, Classification", "spc, ActDiff", "spc: what masks keep"]


def test_a_method_without_a_run_is_named():
    found = tabulated(learned(methods=["classification"]))
    assert found.sections[1].rows == []
    assert "2 of 4 runs are missing (ActDiff 2)" in found.note
    assert "ActDiff" not in [row[0] for section in found.sections[2:] for row in section.rows]


def test_without_any_run_it_is_empty():
    found = tabulated(learned().iloc[:0])
    assert list(found.frame) == learned_masks.FRAME
    assert found.frame.empty


def test_arms_are_called_by_words():
    assert title("few_blurred_examples=5") == "Masker, few blurred, examples 5"
    assert title("weak_out_lambda_out=2.5") == "Masker, weak out, lambda out 2.5"
    assert title("joint") == "Masker, trained jointly"
