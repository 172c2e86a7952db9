"""What the pages of the reader study hold, and what they must not; how they behave is tried in tests/browser."""

import base64
import io
import json
import re
from collections import Counter
from itertools import product

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.report.collect import answer_file
from red_herring.report.pages import _questions, reader
from red_herring.runtime.files import StudyError
from safetensors.numpy import load_file, save_file
from support import reader_study
from support.reader_study import SETTINGS, data_of

KINDS = ("none", "attribution", "concepts", "training_points")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of a study, its tables, the pages and their key."""
    folder = tmp_path_factory.mktemp("study")
    tables = reader_study.make(folder)
    texts, key, _ = reader.pages(SETTINGS, tables, folder)
    return folder, tables, texts, key


def asked(study, page):
    """The questions of a page with what the key says of each."""
    _, _, texts, key = study
    of_key = key[key["page"] == page].set_index("question")
    return [(question, of_key.loc[question["id"]]) for question in data_of(texts[page])["questions"]]


def arrays_of(study, analysis, row):
    return load_file(answer_file(study[0], analysis, (row.task, row.method, row.seed), ".safetensors"))


def layers_of(part, count=4):
    """uint8 [images, layers, height, width]."""
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(part["png"]))))
    height, width = part["shown"]
    return sheet.reshape(count, height, -1, width).swapaxes(1, 2)


def test_twins_are_asked_about_alike_once_in_each_family_for_every_task_and_method(study):
    key = study[3]
    assert set(key["page"]) == {"blinded", "unblinded"}
    blinded, unblinded = (
        key[key["page"] == page].drop(columns=["page", "digest"]) for page in ("blinded", "unblinded")
    )
    pd.testing.assert_frame_equal(blinded.reset_index(drop=True), unblinded.reset_index(drop=True))
    pairs = blinded.groupby(["family", "explainer", "task", "method", "seed"])["model"].agg(sorted)
    assert set(map(tuple, pairs)) == {("normal", "own")}
    cells = pairs.reset_index().groupby(["family", "task", "method"]).size()
    assert set(cells.index) == set(product(KINDS, reader_study.TASKS, reader_study.METHODS))
    assert set(cells) == {1}
    assert key.groupby("page")["question"].nunique().tolist() == [48, 48]


def test_no_normal_model_stands_for_two_tasks_and_explanations_take_turns(study):
    own = study[3].query("page == 'blinded' and model == 'normal'")
    assert not own.duplicated(["family", "method", "seed"]).any()
    explainers = {family: Counter(rows["explainer"]) for family, rows in own.groupby("family")}
    assert explainers == {
        "none": {"": 6}, "attribution": {"gradient": 3, "integrated_gradients": 3}, "concepts": {"layer2": 3, "layer3": 3},
        "training_points": {"influence": 3, "cosine": 3},
    }, "controls know no model"  # fmt: skip


def test_of_many_pairs_each_family_and_task_has_as_many_as_the_others(study, monkeypatch):
    monkeypatch.setattr(_questions, "MOST", 12)
    questions, possible = _questions.questions(study[1], {"zero", "random"}, 0)
    assert (len(questions), possible) == (24, 24)
    assert Counter((question.family, question.task) for question in questions) == dict.fromkeys(
        product(KINDS, reader_study.TASKS), 2
    )


@pytest.mark.parametrize("without", ["concepts", "influence"])
def test_families_are_those_that_the_study_has(study, without):
    folder, tables, _, _ = study
    _, key, _ = reader.pages(SETTINGS, {name: table for name, table in tables.items() if name != without}, folder)
    lacking = {"concepts": "concepts", "influence": "training_points"}[without]
    assert set(key["family"]) == set(KINDS) - {lacking}


@pytest.mark.parametrize("page", ["blinded", "unblinded"])
def test_images_and_explanations_are_those_of_the_key(study, page):
    for question, row in asked(study, page):
        maps = arrays_of(study, "signal_detection", row)
        expected = [maps["example_clean"]]
        if row.family == "attribution":
            expected.append(maps[f"example/clean/{row.model}/{row.explainer}"])
        if row.family == "training_points":
            expected += list(
                arrays_of(study, "influence", row)[f"example_clean/{row.explainer}/{row.model}"].swapaxes(0, 1)
            )
        np.testing.assert_array_equal(layers_of(question), np.stack(expected, axis=1)[:4])
        assert question["kind"] == row.family
        assert json.loads(row.images) == [["zq_source", name] for name in reader_study.IMAGES[:4]]


def test_answers_are_the_likelier_class_with_its_probability(study):
    for question, row in asked(study, "blinded"):
        for said, value in zip(
            question["answers"], arrays_of(study, "signal_detection", row)[f"example_probability/clean/{row.model}"], strict=False
        ):  # fmt: skip
            name, percent = said.split(", ")
            assert name == ("one <cross>" if value > 0.5 else "two crosses")
            if not percent.startswith("over"):
                assert int(percent.removesuffix(" %")) == pytest.approx(100 * max(value, 1 - value), abs=0.56)


@pytest.mark.parametrize(("value", "said"), [(0.5, "no, 50 %"), (0.996, "yes, over 99 %"), (1.0, "yes, over 99 %"), (0.0, "no, over 99 %"), (0.51, "yes, 51 %")])  # fmt: skip
def test_a_model_is_never_certain(value, said):
    assert reader._answer(value, {"finding": "yes", "control": "no"}) == said


def test_who_is_not_told_has_no_score_of_the_signal(study):
    words = reader.IN_IMAGES
    tables = study[1]["concepts"].set_index(["task", "method", "seed", "layer", "concept"])
    for page in ("blinded", "unblinded"):
        for question, row in asked(study, page):
            signal = reader_study.TASKS[row.task]
            names = [*reader_study.CONCEPTS[signal], "random_patches"] if row.family == "concepts" else []
            shown = [name for name in names if page == "unblinded" or name != signal]
            bars = {bar["text"]: (bar["score"], bar["sd"]) for bar in question["bars"]}
            assert list(bars) == sorted(words[name] for name in shown), "in an order that says nothing"
            for name in shown:
                numbers = tables.loc[(row.task, row.method, row.seed, row.explainer, name)]
                prefix = "normal_" if row.model == "normal" else ""
                values = [numbers[f"{prefix}score"], numbers[f"{prefix}score_sd"]]
                expected = (None, None) if np.isnan(values).any() else pytest.approx(values, abs=6e-4)
                assert bars[words[name]] == expected


def test_who_is_told_sees_which_signal_and_an_image_that_has_it(study):
    assert all(question["aside"] is None for question, _ in asked(study, "blinded"))
    for question, row in asked(study, "unblinded"):
        signal = reader.IN_IMAGES[reader_study.TASKS[row.task]]
        assert question["aside"]["text"].startswith(f"Training images of “one <cross>” may have had {signal}.")
        planted = arrays_of(study, "signal_detection", row)["example_planted"][:1, None]
        np.testing.assert_array_equal(layers_of(question["aside"], 1), planted)


FORBIDDEN = ("signal_detection", "example", "normal", "spurious", "blinded", "twin", *map(str, reader_study.SEEDS))
"""In the source of either page. All names of tasks, images and the like in the study have a "zq" in them."""


def test_the_source_does_not_give_the_answer_away(study):
    """No name of a task, method, seed, image, file or explanation, and the twins have the same fields."""
    for page, text in study[2].items():
        plain = re.sub(r'"png":"[^"]*"', "", text)  # where any letters may come together
        assert not re.findall(r"zq|https?://", plain)
        for name in (
            *FORBIDDEN,
            *reader_study.LAYERS,
            'gradient"',
            "integrated",
            "cosine",
            "influence",
            "classification",
        ):
            assert name not in plain, name
        assert not re.search(r'"(own|random|zero)"', plain)
        fields = {row.model: sorted(question) for question, row in asked(study, page)}
        assert fields["own"] == fields["normal"]


def test_who_is_not_told_does_not_read_that_there_may_be_anything(study):
    plain = re.sub(r'"png":"[^"]*"', "", study[2]["blinded"]).lower()
    assert not re.findall(r"signal\b|artefact|shortcut|\btag|carried|look for|may have|told", plain)
    assert "look for" in study[2]["unblinded"]


def test_neither_the_order_nor_the_size_of_what_is_stored_tells_the_twins_apart(study):
    blinded = study[3].query("page == 'blinded'")
    own = (blinded["model"] == "own").to_numpy()
    assert 12 < own[:24].sum() + (~own[24:]).sum() < 36
    changes = np.diff(own.astype(int)) != 0
    assert 12 < changes.sum() < 36, "neither in blocks nor in turn"


def test_images_in_a_png_have_nothing_written_beside_them(study):
    for question, _ in asked(study, "blinded"):
        assert Image.open(io.BytesIO(base64.b64decode(question["png"]))).info == {}


def test_the_pages_are_the_same_every_time_and_have_digests_of_their_own(study):
    folder, tables, texts, key = study
    again, _, _ = reader.pages(SETTINGS, tables, folder)
    assert again == texts
    digests = {page: data_of(text)["digest"] for page, text in texts.items()}
    assert digests == dict(zip(key["page"], key["digest"], strict=True))
    assert len(set(digests.values())) == 2


def test_another_answer_or_word_is_another_digest(study, monkeypatch):
    folder, tables, texts, _ = study
    before = {page: data_of(text)["digest"] for page, text in texts.items()}
    monkeypatch.setattr(reader, "SCALE", [*reader.SCALE[:-1], "Surely"])
    after = {page: data_of(text)["digest"] for page, text in reader.pages(SETTINGS, tables, folder)[0].items()}
    assert not set(before.values()) & set(after.values())


def test_the_key_comes_through_its_file(study, tmp_path):
    key = study[3]
    key.to_csv(tmp_path / "key.csv", index=False)
    pd.testing.assert_frame_equal(reader.read_key(tmp_path / "key.csv"), key)


def test_large_images_are_reduced(monkeypatch, study):
    folder, tables, _, _ = study
    monkeypatch.setattr("red_herring.report.pages._explained.LARGEST", 6)
    texts, key, _ = reader.pages(SETTINGS, tables, folder)
    question = data_of(texts["blinded"])["questions"][0]
    assert question["shown"] == [6, 5]
    row = key.iloc[0]
    clean = arrays_of(study, "signal_detection", row)["example_clean"][:4].astype(float)
    means = clean.reshape(4, 6, 2, 5, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(layers_of(question)[:, 0], means, atol=0.51)


@pytest.mark.parametrize(
    ("analysis", "change", "sentence"),
    [
        ("signal_detection", {"example_clean": None}, r"seed=\d+\.safetensors: example_clean cannot be read .*; make the answers of signal_detection again"),
        ("signal_detection", {"example_probability/clean/own": None, "example_probability/clean/normal": None}, "example_probability/clean/(own|normal) cannot be read"),
        ("influence", {f"example_clean/{form}/{model}": np.zeros((5, 5, 3, 3), np.uint8) for form in reader_study.FORMS for model in ("own", "normal")}, "differ in number or size"),
        ("influence", {f"example_clean/{form}/{model}": np.zeros((2, 5, 12, 10), np.uint8) for form in reader_study.FORMS for model in ("own", "normal")}, "differ in number or size"),
    ],
)  # fmt: skip
def test_answers_that_do_not_fit_are_named(tmp_path, analysis, change, sentence):
    tables = reader_study.make(tmp_path)
    for file in (tmp_path / analysis).glob("*/*/*.safetensors"):
        arrays = load_file(file) | change
        save_file({name: array for name, array in arrays.items() if array is not None}, file)
    with pytest.raises(StudyError, match=sentence):
        reader.pages(SETTINGS, tables, tmp_path)


def test_training_points_of_other_images_are_refused(tmp_path):
    tables = reader_study.make(tmp_path)
    for file in (tmp_path / "influence").glob("*/*/*.safetensors"):
        arrays = load_file(file)
        save_file(arrays | {"explained_rows": arrays["explained_rows"][::-1].copy()}, file)
    with pytest.raises(StudyError, match="signal_detection and influence have other images, expected the same; give"):
        reader.pages(SETTINGS, tables, tmp_path)


def test_tasks_without_a_signal_are_no_questions(study):
    folder, tables, _, _ = study
    tasks = {name: task for name, task in SETTINGS["tasks"].items() if name == "with_blur_zq"}
    _, key, possible = reader.pages(SETTINGS | {"tasks": tasks}, tables, folder)
    assert (set(key["task"]), possible) == ({"with_blur_zq"}, 8)
    with pytest.raises(StudyError, match="reader: no task of the study has a signal in training; give one"):
        reader.pages(SETTINGS | {"tasks": {}}, tables, folder)
