"""The methods that a task is shown with."""

from red_herring.report import scores
from red_herring.study.settings import described_methods

STUDY = {
    "tasks": {
        "all": {},
        "some": {"methods": ["masked", "classification"], "left_out": {"rrr": "it needs more"}},
        "one": {"methods": ["rrr"], "left_out": {}},
    },
    "methods": described_methods(["classification", "masked", "rrr", "actdiff"]),
}


def only(*tasks):
    return STUDY | {"tasks": {task: STUDY["tasks"][task] for task in tasks}}


def test_a_task_has_all_methods_unless_it_says_which():
    assert scores.methods_of(STUDY, "all") == STUDY["methods"]
    assert scores.methods_of(STUDY, "some") == described_methods(["masked", "classification"])


def test_several_tasks_have_the_methods_of_any_in_display_order():
    assert list(scores.methods_shown(only("one", "some"))) == ["classification", "masked", "rrr"]
    assert scores.methods_shown(STUDY) == STUDY["methods"]


def test_what_is_left_out_is_said_of_the_tasks_that_are_shown():
    assert scores.left_out_note(STUDY) == "RRR is left out of some: it needs more."
    assert scores.left_out_note(only("all", "one")) == ""
