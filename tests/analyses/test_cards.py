"""What the files of analyses declare, and that their answers are what they declare."""

import pytest
from red_herring.runtime.files import StudyError
from red_herring.study import catalogue

CARD = 'TITLE = "T"\nCITATION = ""\nCOLUMNS = {"x": "a number"}\n'


@pytest.fixture
def declare(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "ANALYSES", tmp_path / "analyses")
    catalogue.analysis_card.cache_clear()

    def card(text):
        (tmp_path / "analyses").mkdir()
        (tmp_path / "analyses" / "mine.py").write_text(text)
        return catalogue.analysis_card("mine")

    yield card
    catalogue.analysis_card.cache_clear()


def test_what_is_not_declared_is_empty(declare):
    card = declare(CARD)
    assert (card.needs, card.settings, card.by, card.columns) == ((), {}, {}, {"x": "a number"})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (CARD + 'NEEDS = ["masker"]\n', "analyses/mine.py: NEEDS has 'masker', expected some of saliency"),
        (CARD + 'SETTINGS = {"draws": {"type": "integer"}}\n', "analyses/mine.py: SETTINGS.draws has no `default`"),
        ('TITLE = "T"\n', "analyses/mine.py: declare CITATION, COLUMNS as a literal at the top"),
    ],
)
def test_a_slip_is_named(declare, text, sentence):
    with pytest.raises(StudyError, match=sentence):
        declare(text)
