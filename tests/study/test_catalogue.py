"""What methods and sources declare."""

import importlib
import inspect

import pytest
from red_herring.runtime.files import StudyError
from red_herring.study import catalogue


def test_the_papers_methods_with_the_papers_search_ranges():
    assert {"classification", "masked", "actdiff", "adversarial", "gradmask", "rrr"} <= set(catalogue.method_names())
    assert catalogue.method_card("classification").hyperparameters == {"lr": ["log-uniform", 1e-5, 1e-2]}
    for method in ("actdiff", "gradmask", "rrr", "adversarial"):
        assert catalogue.method_card(method).hyperparameters["lambda"] == ["log-uniform", 1e-4, 10.0]
    adversarial = catalogue.method_card("adversarial").hyperparameters
    assert adversarial["discriminator_steps"] == ["integer", 2, 10]
    assert adversarial["discriminator_lr"] == ["log-uniform", 1e-4, 1e-2]


@pytest.mark.parametrize("name", catalogue.method_names())
def test_what_is_read_is_what_the_module_holds(name):
    module, card = importlib.import_module(f"red_herring.methods.{name}"), catalogue.method_card(name)
    assert (card.title, card.approach, list(card.uses)) == (module.TITLE, module.APPROACH, module.USES)
    assert card.options == catalogue.SAMPLING | getattr(module, "OPTIONS", {})


def test_every_method_has_the_option_sampling_and_its_own_default():
    for name in catalogue.method_names():
        own = {"shuffled"} if name == "reweighting" else {"shuffled", "groups"}
        assert set(catalogue.method_card(name).options["sampling"]) == own
    assert catalogue.method_card("rrr").chosen({}) == {"sampling": "shuffled"}
    assert catalogue.method_card("groupdro").chosen({}) == {"sampling": "groups"}
    assert catalogue.method_card("gradmask").chosen({"sampling": "groups"}) == {"sampling": "groups", "norm": "l2"}


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ('USES = ["mask"]', r"USES is \['mask'\], expected a list with some of \('masks', 'groups'\), or none"),
        ('USES = "masks"', r"USES is 'masks', expected a list"),
        ("USES = True", r"USES is True, expected a list"),
        ('USES = []\nOPTIONS = {"sampling": ["often"]}', r"OPTIONS has sampling \['often'\], which every method has"),
        ('USES = []\nOPTIONS = {"sampling": []}', r"OPTIONS has sampling \[\], which every method has"),
    ],
)
def test_what_a_method_may_not_declare_is_named(tmp_path, monkeypatch, declared, words):
    monkeypatch.setattr(catalogue, "METHODS", tmp_path)
    text = 'TITLE = "Mine"\nAPPROACH = "Baseline"\nCITATION = ""\nHYPERPARAMETERS = {}\n'
    (tmp_path / "mine.py").write_text(text + declared)
    with pytest.raises(StudyError, match=rf"^methods/mine\.py: {words}"):
        catalogue.method_card.__wrapped__("mine")


@pytest.mark.parametrize("kind", catalogue.source_kinds())
def test_sources_hold_what_they_declare(kind):
    module, card = importlib.import_module(f"red_herring.data.sources.{kind}"), catalogue.source_card(kind)
    assert (card.settings, list(card.required)) == (module.SETTINGS, module.REQUIRED)
    assert set(card.required) <= set(card.settings)
    assert keys_of(module.Source) == set(card.settings) - {"people"}, "whose patients they are, drawing reads"


def keys_of(source) -> set[str]:
    """The arguments of a class, and of the one above it where it passes others on."""
    parameters = inspect.signature(source.__init__).parameters
    passed_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    own = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD} - {"self"}
    return own | (keys_of(source.__mro__[1]) if passed_on else set())


def test_an_incomplete_file_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "METHODS", tmp_path)
    (tmp_path / "mine.py").write_text('TITLE = "Mine"\nAPPROACH = "Baseline"\nCITATION = ""\nUSES = []\n')
    with pytest.raises(StudyError, match=r"mine\.py: declare HYPERPARAMETERS"):
        catalogue.method_card.__wrapped__("mine")
    with pytest.raises(StudyError, match="no such file; expected one of"):
        catalogue.method_card.__wrapped__("theirs")
