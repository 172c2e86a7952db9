"""What the page of a study holds; how it behaves is tried in tests/browser."""

import base64
import html
import io
import json
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.report import style
from red_herring.report.collect import maps_file
from red_herring.report.pages import explorer
from red_herring.runtime.files import StudyError
from red_herring.runtime.typed_json import dumped
from red_herring.study.catalogue import attribution_names
from red_herring.study.names import MEASURES
from red_herring.study.settings import described_attributions, showing
from safetensors.numpy import load_file, save_file
from support import explorer_study
from support import randomised as randomised_support
from support.randomised import ARM, BLOCKS

WITH_MAPS = ("a", "classification", 1)


@pytest.fixture
def study(tmp_path):
    return explorer_study.make(tmp_path)


def read(folder, settings, **changes):
    return settings, explorer_study.tables(folder) | changes, folder / "maps"


def held(folder, settings, **changes):
    """The data as a browser finds them in the page."""
    text = explorer.page(*read(folder, settings, **changes))
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def images_of(tmp_path):
    return maps_file(tmp_path / "maps", WITH_MAPS, "_images.csv")


def run_of(data, run):
    (found,) = [one for one in data["runs"] if (one["task"], one["method"], one["seed"]) == run]
    return found


def test_numbers_are_those_of_the_tables(tmp_path, study):
    data = held(tmp_path, study)
    run = run_of(data, WITH_MAPS)
    row = pd.read_csv(tmp_path / "runs.csv").iloc[0]
    assert [run[name] for name in ("test_auc", "valid_auc")] == pytest.approx([row.test_auc, row.valid_auc], rel=1e-5)
    assert run["best_epoch"] == row.best_epoch
    scores = pd.read_csv(images_of(tmp_path), keep_default_na=False, na_values={"steps": [""]})
    assert [image["image"] for image in run["examples"]["images"]] == explorer_study.NAMES
    for name in ("integrated_gradients", "random"):
        table = scores[scores["attribution"] == name].set_index("image")
        for image in run["examples"]["images"]:
            row = image["image"]
            for measure in MEASURES:
                expected = [float(table.loc[row, prefix + measure]) for prefix in ("", "chance_", "corrected_")]
                assert image["scores"][name][measure] == pytest.approx(expected, rel=1e-5)
        assert run["means"][name]["iou"][0] == pytest.approx(table["iou"].astype(float).mean(), rel=1e-5)
    steps = run["examples"]["images"][0]["scores"]["integrated_gradients"]
    assert (steps["steps"], steps["completeness_error"]) == (32, 0.00123)
    assert "steps" not in run["examples"]["images"][0]["scores"]["random"]


def test_undefined_is_null_and_never_given_is_a_dash(tmp_path, study):
    data = held(tmp_path, study)
    gradient = run_of(data, WITH_MAPS)["examples"]["images"][explorer_study.CONSTANT]["scores"]["gradient"]
    assert gradient["iou"] == [None, 0.1, None]
    assert run_of(data, explorer_study.WITHOUT_AUC)["test_auc"] is None
    assert run_of(data, WITH_MAPS)["means"]["gradient"]["undefined"] == 1

    released = pd.read_csv(tmp_path / "localisation.csv").assign(ap=np.nan).drop(columns="chance_ap")
    runs = pd.read_csv(tmp_path / "runs.csv").assign(valid_auc=np.nan)
    run = run_of(held(tmp_path, study, localisation=released, runs=runs), WITH_MAPS)
    assert run["means"]["gradient"]["ap"][:2] == [explorer.NEVER] * 2
    assert run["valid_auc"] == explorer.NEVER


def test_a_run_without_maps_or_missing_is_named(tmp_path, study):
    data = held(tmp_path, study)
    assert run_of(data, explorer_study.WITHOUT_MAPS)["examples"] is None
    assert data["missing"] == [{"task": "a", "method": "actdiff", "seed": 2, "why": "killed <i>late</i>"}]
    assert len(data["runs"]) == 7


def test_runs_of_other_tasks_are_left_out_and_seeds_beyond_the_plan_kept(tmp_path, study):
    narrowed = study | {"tasks": {"b": study["tasks"]["b"]}, "seeds": [2]}
    data = held(tmp_path, narrowed)
    assert {run["task"] for run in data["runs"]} == {"b"}
    assert (data["planned"], data["seeds"]) == ([2], [2, 1])


def test_a_study_of_which_only_names_are_known(tmp_path, study):
    data = held(tmp_path, study | {"tasks": {"a": {"groups": ["A", "B"]}}})
    methods = ["classification", "actdiff"]
    assert data["tasks"] == [{"name": "a", "about": "", "finding": "the positive class", "methods": methods}]


def test_a_study_without_any_run(tmp_path, study):
    empty = {name: pd.read_csv(tmp_path / f"{name}.csv").head(0) for name in ("runs", "localisation", "missing")}
    data = held(tmp_path, study, **empty)
    assert (data["runs"], data["missing"], data["seeds"]) == ([], [], [1, 2])


def test_methods_look_as_in_the_figures(tmp_path, study):
    assert held(tmp_path, study)["methods"] == [
        {"name": name, "title": title, "colour": style.COLOURS[name], "marker": marker}
        for name, title, marker in (("classification", "Classification", "o"), ("actdiff", "ActDiff", "^"))
    ]


def test_the_png_holds_every_layer_exactly(tmp_path, study):
    sheet = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(run_of(held(tmp_path, study), WITH_MAPS)["examples"]["png"])))
    )
    layers = explorer_study.layers_of(tmp_path / "maps", WITH_MAPS)
    examples, number, height, width = layers.shape
    for example in range(examples):
        for layer in range(number):
            rows, columns = slice(example * height, (example + 1) * height), slice(layer * width, (layer + 1) * width)
            np.testing.assert_array_equal(sheet[rows, columns], layers[example, layer])


def test_the_page_is_the_same_every_time_and_nothing_in_it_is_markup(tmp_path, study):
    text = explorer.page(*read(tmp_path, study))
    assert text == explorer.page(*read(tmp_path, study))
    assert "<title>A study &lt;of&gt; two &amp; more</title>" in text
    assert text.count("</script") == 2
    assert "<b id=injected" not in text
    assert "{{" not in text
    addresses = set(re.findall(r"""https?://[^"'\s]+""", text))
    assert addresses == {"http://www.w3.org/2000/svg"}, "a name, which is not fetched"


@pytest.mark.parametrize("text", ["{{ data }}", "{{ title }}", "\\u003c <!-- <script> \u2028 \\"])
def test_any_text_comes_through(tmp_path, study, text):
    study = study | {"title": text}
    missing = pd.DataFrame([{"task": "a", "method": "actdiff", "seed": 2, "why": text}])
    data = held(tmp_path, study, missing=missing)
    assert (data["title"], data["missing"][0]["why"]) == (text, text)
    page = explorer.page(*read(tmp_path, study, missing=missing))
    assert html.unescape(re.search("<title>(.*?)</title>", page)[1]) == text


def test_the_demo_takes_less_than_5_mb(tmp_path):
    # Noise is the worst that there is to compress.
    methods = ["classification", "masked", "actdiff", "adversarial", "gradmask", "rrr"]
    study = explorer_study.make(
        tmp_path, ["t"], methods, [1, 2, 3], attribution_names(), (28, 28), [f"crosses-{n:05}" for n in range(8)]
    )
    assert len(explorer.page(*read(tmp_path, study))) < 5e6


def test_examples_of_other_attributions_are_refused(tmp_path, study):
    with pytest.raises(
        StudyError, match=r"seed=1.safetensors: has no example/edges, expected one for each attribution"
    ):
        explorer.page(*read(tmp_path, study | {"attributions": described_attributions(["gradient", "edges"])}))


def test_scores_of_other_images_are_refused(tmp_path, study):
    path = images_of(tmp_path)
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[table["attribution"] == "random", "image"] = "other"
    table.to_csv(path, index=False)
    with pytest.raises(StudyError, match=r"seed=1_images.csv: has other images for random"):
        explorer.page(*read(tmp_path, study))
    path.unlink()
    with pytest.raises(StudyError, match=r"seed=1_images.csv: there is no such file"):
        explorer.page(*read(tmp_path, study))


def test_the_stage_writes_the_page(stage, tmp_path):
    study = explorer_study.make(tmp_path)
    arguments = (
        "--settings", dumped(showing(study)), "--files", "runs.csv", "localisation.csv", "missing.csv", "--maps", "maps", "--html", "out/explorer.html", "--log", "out/explorer.log",
    )  # fmt: skip
    done = stage("render_explorer", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/explorer.html").read_text() == explorer.page(*read(tmp_path, study))

    maps = maps_file(tmp_path / "maps", WITH_MAPS)
    save_file(load_file(maps) | {"example/random": np.zeros((3, 5, 12), np.uint8)}, maps)
    done = stage("render_explorer", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: maps/a/classification/seed=1.safetensors: its examples differ in size")


def randomised(folder, settings, **changes):
    explorer_study.randomise(folder, settings)
    return held(folder, settings, **changes)


def test_maps_by_random_weights_are_of_the_first_seed_that_has_them_and_of_a_few_images(tmp_path, study):
    maps_file(tmp_path / "maps", ("b", "classification", 1)).unlink()
    data = randomised(tmp_path, study)
    having = [(run["task"], run["method"], run["seed"]) for run in data["runs"] if run["randomised"]]
    assert having == [
        *(("a", method, 1) for method in ("classification", "actdiff")),
        ("b", "classification", 2),
        ("b", "actdiff", 1),
    ]
    sheet = run_of(data, WITH_MAPS)["randomised"]
    assert (sheet["blocks"], sheet["attributions"]) == ([*BLOCKS], ["gradient", "integrated_gradients"])
    assert sheet["images"] == 2
    tiles = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet["png"])))).reshape(2, 12, 2 + 2 * 10, 10)
    own, stored = (load_file(maps_file(tmp_path / name, WITH_MAPS)) for name in ("maps", "weight_randomisation"))
    np.testing.assert_array_equal(tiles[:, :, 0], own["example_image"][:2])
    np.testing.assert_array_equal(tiles[:, :, 1], own["example_mask"][:2])
    for place, (block, name) in enumerate(product(BLOCKS, ["gradient", "integrated_gradients"]), start=2):
        np.testing.assert_array_equal(tiles[:, :, place], stored[f"explorer/{block}/{name}"][:2])


def test_how_like_they_are_is_of_the_cascade_by_the_first_arm(tmp_path, study):
    table = randomised_support.curves(
        study, {"gradient": 0.0}, similarities=["ssim"],
        arms=[ARM, ARM | {"statistics": "reset"}, ARM | {"order": "independent"}, ARM | {"target": "argmax"}],
    )  # fmt: skip
    first = (table[list(ARM)] == pd.Series(ARM)).all(axis=1)
    table["value"] = table["value"].where(first, 9).mask(table["block"] == "stem")
    line, values = run_of(randomised(tmp_path, study, weight_randomisation=table), WITH_MAPS)["randomised"]["alike"][
        "gradient"
    ]["ssim"]
    assert line == 0.2
    assert values == [*(pytest.approx(1 - blocks / 10) for blocks in range(1, 10)), None]


def test_a_study_without_a_cascade_has_none(tmp_path, study):
    none = {run["randomised"] for run in held(tmp_path, study)["runs"]}
    table = randomised_support.curves(study, {"gradient": 0.0}, arms=[ARM | {"order": "independent"}])
    assert (
        {run["randomised"] for run in randomised(tmp_path, study, weight_randomisation=table)["runs"]} == none == {None}
    )


def test_maps_by_random_weights_of_other_images_are_refused(tmp_path, study):
    explorer_study.randomise(tmp_path, study, examples=2)
    with pytest.raises(StudyError, match=r"weight_randomisation/a/.*: its examples are not those of localisation"):
        held(tmp_path, study)


def test_ten_blocks_of_ten_attributions_of_large_images_take_a_quarter_of_a_megabyte(tmp_path):
    names = attribution_names()[:10]
    study = explorer_study.make(tmp_path, ["t"], ["rrr"], [1], names, (224, 224), ["a", "b", "c"])
    before = len(explorer.page(*read(tmp_path, study)))
    table = randomised_support.curves(study, dict.fromkeys(names, 0.1), similarities=["ssim", "hog"])
    randomised_support.write_maps(tmp_path / "weight_randomisation", ("t", "rrr", 1), names, (224, 224))
    assert before < len(explorer.page(*read(tmp_path, study, weight_randomisation=table))) < before + 0.25e6
