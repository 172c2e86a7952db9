"""What the files of analyses declare, and that their answers are what they declare."""

import types

import pandas as pd
import pytest
from red_herring.analyses import weight_randomisation
from red_herring.analyses.base import check_declared
from red_herring.report import reading
from red_herring.runtime import provenance
from red_herring.runtime.files import StudyError
from red_herring.saliency.mapped import INPUT, PRODUCTS
from red_herring.study import catalogue, settings

CARD = 'TITLE = "T"\nCITATION = ""\nCOLUMNS = {"x": "a number"}\n'


@pytest.fixture
def declare(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "ANALYSES", tmp_path / "analyses")
    catalogue.analysis_card.cache_clear()

    def card(text, name="mine"):
        (tmp_path / "analyses").mkdir()
        (tmp_path / "analyses" / f"{name}.py").write_text(text)
        return catalogue.analysis_card(name)

    yield card
    catalogue.analysis_card.cache_clear()


COMPARING = (
    *("label_randomisation", "mprt", "seed_agreement", "signal_detection", "task_contrast"),
    "weight_randomisation",
)


@pytest.mark.parametrize("analysis", COMPARING)
@pytest.mark.parametrize("asked", catalogue.attribution_names())
def test_the_code_of_all_attributions_that_an_analysis_makes_maps_by_counts(analysis, asked):
    """Whichever one the study has: of products the factors are made in place of them."""
    config = {"saliency": {"attributions": [asked]}}
    control = catalogue.attribution_card(asked).control
    made = {
        "weight_randomisation": set(weight_randomisation.attributions_of([asked])),
        "mprt": {"random"} if control else {"random", asked},
        "signal_detection": {asked},
        "task_contrast": {asked, "edges"},
    }.get(analysis, set() if control else {asked})
    if analysis not in ("mprt", "task_contrast"):
        made |= {factor for name in made for factor in PRODUCTS.get(name, ()) if factor != INPUT}
    counted = {f"red_herring.saliency.attributions.{name}" for name in settings.attributions_of(config, analysis)}
    counted |= {module for of in counted for module in provenance._parsed(of).imports}
    assert {f"red_herring.saliency.attributions.{name}" for name in made} <= counted


def test_what_is_not_declared_is_empty(declare):
    card = declare(CARD)
    assert (card.needs, card.of_tasks, card.settings, card.by) == ((), {}, {}, {})
    assert card.columns == {"x": "a number"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            CARD + 'NEEDS = ["test"]\n',
            "analyses/mine.py: NEEDS has 'test', expected some of saliency, similarities, base_run, other_seed, masker",
        ),
        (
            CARD + 'MAPS_BY = ["edge"]\n',
            "analyses/mine.py: MAPS_BY has 'edge', expected files of saliency/attributions",
        ),
        (
            CARD + 'OF_TASKS = ["labels"]\n',
            "analyses/mine.py: OF_TASKS is .*, expected keys of a task with their values",
        ),
        (CARD + 'SETTINGS = {"draws": {"type": "integer"}}\n', "analyses/mine.py: SETTINGS.draws has no `default`"),
        (CARD + "SETTINGS = {**{}}\nBY = {}\n", "analyses/mine.py: declare SETTINGS as a literal at the top"),
        ('TITLE = "T"\n', "analyses/mine.py: declare CITATION, COLUMNS as a literal at the top"),
        (CARD.replace('"x"', '"n"'), "analyses/mine.py: the column 'n' is in every table; call its own otherwise"),
    ],
)
def test_a_slip_is_named(declare, text, sentence):
    with pytest.raises(StudyError, match=sentence):
        declare(text)


@pytest.mark.parametrize("name", ["runs", "missing", "train", "data"])
def test_no_analysis_is_called_like_a_table_a_folder_or_a_rule(declare, name):
    with pytest.raises(StudyError, match=f"analyses/{name}.py: is called like a table, folder or rule of the study"):
        declare(CARD, name)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"x": [1]}, "declares the column 'y', which its table lacks"),
        ({"layer": ["a"], "x": ["b"], "y": [1]}, "the column 'x' of its table holds text; declare it under BY"),
    ],
)
def test_a_table_that_is_not_as_declared_is_refused(table, sentence):
    with pytest.raises(StudyError, match=f"^analyses/mine.py: {sentence}"):
        check_declared("mine", pd.DataFrame(table), ["layer"] if "layer" in table else [], ["x", "y"])


def test_numbers_and_words_under_by_are_as_declared():
    table = pd.DataFrame({"layer": ["a", "b"], "x": [1, 2], "y": [None, 0.5], "z": [None, None]})
    check_declared("mine", table, ["layer"], ["x", "y"])


def test_the_table_of_an_analysis_is_read_by_its_card(tmp_path, monkeypatch):
    """`layer` is text, and `score`, a word elsewhere, is a number here."""
    monkeypatch.setattr(reading, "analysis_names", lambda: ["mine"])
    monkeypatch.setattr(reading, "analysis_card", lambda name: types.SimpleNamespace(by={"layer": ""}))
    (tmp_path / "mine.csv").write_text("task,layer,score\n007,conv1,0.5\n")
    assert reading.read_table(tmp_path / "mine.csv").iloc[0].tolist() == ["007", "conv1", 0.5]
