"""Maskers: which studies have some, what their arms are called and hold, and what is refused."""

import pytest
from red_herring.analyses._masks import REFERENCES
from red_herring.networks.masker import FIXED, JOINT
from red_herring.runtime.files import StudyError
from red_herring.study import configuration, maskers
from red_herring.study.defaults import laid

MASKED = {"saliency": {"attributions": ["gradient", "learned_mask"]}}


def typed(*changes):
    config = {}
    for change in changes:
        config |= change
    return configuration.typed(laid(config))


def test_only_a_study_that_asks_for_masks_has_maskers():
    assert not maskers.has_maskers(typed())
    config = typed(MASKED)
    assert maskers.needs_masker(config, "localisation")
    assert not maskers.needs_masker(config, "reliance"), "which makes no maps"


def test_an_arm_says_what_differs_and_a_family_has_a_member_for_each_combination():
    arms = {"in_only": {"objectives": "in"}, "few": {"each": {"examples": [1, 50], "draw": [1, 2]}, "steps": 10}}
    config = typed({"masker": {"arms": arms}})
    assert maskers.arms(config) == {
        "few_examples=1_draw=1": {"steps": 10, "examples": 1, "draw": 1},
        "few_examples=1_draw=2": {"steps": 10, "examples": 1, "draw": 2},
        "few_examples=50_draw=1": {"steps": 10, "examples": 50, "draw": 1},
        "few_examples=50_draw=2": {"steps": 10, "examples": 50, "draw": 2},
        "in_only": {"objectives": "in"},
    }
    settings = maskers.fitting_settings(config, "synthetic", "actdiff")
    assert settings.masker["objectives"] == "both", "the arm `fixed` is the section as it stands"
    assert settings.masker["lr"] == 3e-3
    assert maskers.fitting_settings(config, "synthetic", "joint_masking").arms == {}, "it has its own masker"


def test_a_sweep_may_pass_what_the_section_says():
    assert len(maskers.arms(typed({"masker": {"arms": {"sweep": {"each": {"lambda_out": [0.5, 1.5, 5.0]}}}}}))) == 3


def test_no_arm_is_called_like_a_mask_that_is_always_there():
    assert set(maskers.TAKEN) == {FIXED, JOINT, *REFERENCES}


def test_a_search_has_the_laws_of_its_hyperparameters():
    config = typed({"masker": {"search": {"lr": [1e-3, 1e-2], "steps": [50, 200]}}})
    settings = maskers.searching_settings(config, "synthetic", "rrr")
    assert settings.space == {"lr": ["log-uniform", 1e-3, 1e-2], "steps": ["integer", 50, 200]}
    assert settings.seed == 1234
    assert settings.arms == {}
    assert maskers.is_searched(config, "rrr")
    assert not maskers.is_searched(config, "joint_masking"), "whose masker is trained with the classifier"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"arms": {"fixed": {"objectives": "in"}}}, ["masker.arms.fixed", "call it otherwise"]),
        ({"arms": {"gradient": {"objectives": "in"}}}, ["masker.arms.gradient", "call it otherwise"]),
        ({"arms": {"again": {"draw": 2}}}, ["masker.arms.again", "draw of all examples"]),
        ({"draw": 2}, ["masker.draw", "draw of all examples"]),
        ({"search": {"lr": [1e-3, 1e-2]}, "objectives": "out"}, ["masker.search", "`out`"]),
        ({"arms": {"same": {"objectives": "both"}}}, ["same", "differs", "in nothing"]),
        ({"arms": {"twice": {"draw": 2, "each": {"draw": [1, 2]}}}}, ["masker.arms.twice.draw", "each.draw"]),
        ({"arms": {"few": {"each": {"examples": [0]}}}}, ["masker.arms.few.each.examples.0", "at least 1"]),
        ({"arms": {"other": {"fill": "mean"}}}, ["masker.arms.other", "'fill'", "infill"]),
        ({"search": {"lr": [1e-2, 1e-3]}}, ["masker.search.lr", "low < high"]),
        ({"search": {"steps": [0, 10]}}, ["masker.search.steps", "whole numbers"]),
        ({"search": {"draw": [1, 2]}}, ["masker.search", "'draw'"]),
    ],
)
def test_a_wrong_section_gets_a_sentence(section, words):
    with pytest.raises(StudyError) as caught:
        typed({"masker": section})
    for word in words:
        assert word in str(caught.value)
