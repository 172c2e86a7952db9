"""The page of a study in a real browser, without a network: what it shows, what a click opens, what it asks for."""

import base64
import io
from itertools import pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from red_herring.report.collect import maps_file
from red_herring.report.pages import explorer
from red_herring.study.names import MEASURES
from safetensors.numpy import load_file, save_file
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait
from support import explorer_study
from support.offline import asked_for, check_kept_to_itself, open_anew, settle
from support.randomised import BLOCKS

pytestmark = pytest.mark.slow

CANVASES = ("picture", "map", "overlay", "binary")
VIRIDIS = np.round(255 * np.array(matplotlib.colormaps["viridis"].colors)).astype(int)
CENTRES = """
const [height, width] = arguments[1], canvas = document.getElementById(arguments[0]);
const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const scale = canvas.width / width;
return Array.from({ length: height * width }, (_, pixel) => {
  const row = Math.floor((Math.floor(pixel / width) + 0.5) * scale), column = Math.floor((pixel % width + 0.5) * scale);
  return Array.from(data.slice(4 * (row * canvas.width + column), 4 * (row * canvas.width + column) + 3));
});
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of a small study with its page, explorer.html."""
    folder = tmp_path_factory.mktemp("study")
    settings = explorer_study.make(folder)
    (folder / "explorer.html").write_text(explorer.page(settings, explorer_study.tables(folder), folder / "maps"))
    return folder


@pytest.fixture
def page(browser, study):
    """The page, newly opened; nothing may be complained of, and nothing asked of the network, until the test ends."""
    open_anew(browser, study / "explorer.html")
    settle(browser)
    yield browser
    check_kept_to_itself(browser)


def choose(browser, **values):
    for name, value in values.items():
        Select(browser.find_element(By.ID, name)).select_by_value(str(value))
        settle(browser)


def chosen(browser):
    names = ("task", "method", "seed", "attribution", "image", "measure")
    return {name: browser.find_element(By.ID, name).get_property("value") for name in names}


def text(browser, identity):
    return browser.find_element(By.ID, identity).text


def centres(browser, canvas, shape):
    """The colour at the middle of each pixel as the page enlarges them, [height, width, 3]."""
    return np.array(browser.execute_script(CENTRES, canvas, list(shape))).reshape(*shape, 3)


def shown(browser):
    """All that depends on what is chosen: pictures, heading, numbers."""
    canvases = [browser.execute_script(f"return document.getElementById('{name}').toDataURL()") for name in CANVASES]
    return canvases, text(browser, "run-title"), text(browser, "numbers"), text(browser, "scores")


def rows(browser):
    """Measure -> the six cells of its row."""
    found = browser.find_elements(By.CSS_SELECTOR, "#scores tbody tr")
    return {
        row.get_attribute("data-measure"): [cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in found
    }


def points(browser):
    return browser.find_elements(By.CSS_SELECTOR, ".point")


def names_of(points):
    return [point.get_attribute("aria-label").removeprefix("Open ").split(":")[0] for point in points]


def in_words(value):
    return "undefined" if np.isnan(value) else f"{value:.3f}".replace("-", "−")


@pytest.mark.parametrize("attribution", ["gradient", "random"])
@pytest.mark.parametrize("image", [0, 2])
def test_the_canvases_show_the_stored_pixels(page, study, attribution, image):
    choose(page, attribution=attribution, image=f"s/{explorer_study.NAMES[image]}")
    layers = explorer_study.layers_of(study / "maps", ("a", "classification", 1)).astype(int)
    grey, mask, levels = layers[image, 0], layers[image, 1], layers[image, {"gradient": 2, "random": 4}[attribution]]
    shape = grey.shape
    np.testing.assert_array_equal(centres(page, "picture", shape), np.repeat(grey[:, :, None], 3, 2))
    np.testing.assert_array_equal(centres(page, "map", shape), VIRIDIS[levels])
    share = (0.9 * levels / 255)[:, :, None]
    np.testing.assert_allclose(
        centres(page, "overlay", shape), share * VIRIDIS[levels] + (1 - share) * grey[:, :, None], atol=0.501
    )
    binary = centres(page, "binary", shape)[:, :, 0] == 255
    assert binary.sum() == mask.sum() == 12
    assert levels[binary].min() >= levels[~binary].max()
    assert text(page, "binary-title").startswith(
        f"The 12 largest pixels\nAs many as the mask has; {(binary & (mask > 0)).sum()} "
    )


def test_the_outline_is_about_the_mask(page):
    # The mask is rows 3 to 6 and columns 4 to 6 of 12 x 10 pixels.
    places = {
        "left": (5, 4),
        "right": (5, 7),
        "top": (3, 5.5),
        "bottom": (7, 5.5),
        "inside": (4.5, 5),
        "beside": (1, 4),
    }
    colours = page.execute_script(
        """
        const canvas = document.getElementById("binary"), scale = canvas.width / 10;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return arguments[0].map(([row, column]) => {
          const start = 4 * (Math.round(row * scale) * canvas.width + Math.round(column * scale));
          return Array.from(data.slice(start, start + 3));
        });
        """,
        list(places.values()),
    )
    red = [name for name, colour in zip(places, colours, strict=True) if colour == [255, 48, 48]]
    assert red == ["left", "right", "top", "bottom"]


def test_the_numbers_are_those_of_the_tables(page, study):
    choose(page, method="actdiff", attribution="integrated_gradients", image="s/007")
    run = ("a", "actdiff", 1)
    image = pd.read_csv(maps_file(study / "maps", run, "_images.csv"), dtype={"image": str}).query(
        "image == '007' and attribution == 'integrated_gradients'"
    )
    means = pd.read_csv(study / "localisation.csv").query(
        "task == 'a' and method == 'actdiff' and seed == 1 and attribution == 'integrated_gradients'"
    )
    for measure, cells in rows(page).items():
        columns = [measure, f"chance_{measure}", f"corrected_{measure}"]
        expected = [in_words(table.iloc[0][column]) for table in (image, means) for column in columns]
        assert cells == expected
    assert set(rows(page)) == set(MEASURES)
    run = pd.read_csv(study / "runs.csv").query("task == 'a' and method == 'actdiff' and seed == 1").iloc[0]
    assert text(page, "numbers").split("\n") == [
        "Test AUC", f"{run.test_auc:.3f}", "valid AUC", f"{run.valid_auc:.3f}", "best epoch", str(run.best_epoch), "mask", "12 px",
    ]  # fmt: skip
    assert text(page, "integration") == (
        "Path integral: this image 32 steps, completeness error 0.0012; all images 32 steps on average, "
        "largest error 0.0012."
    )
    choose(page, attribution="random")
    assert text(page, "integration") == ""


def test_every_choice_changes_pictures_and_numbers(page):
    seen = [shown(page)]
    for choice in ({"task": "b"}, {"method": "actdiff"}, {"attribution": "random"}, {"image": "s/NA"}):
        choose(page, **choice)
        seen.append(shown(page))
    choose(page, method="classification")
    seen.append(shown(page))
    choose(page, seed=2)
    seen.append(shown(page))
    assert chosen(page) == {
        "task": "b", "method": "classification", "seed": "2", "attribution": "random", "image": "s/NA", "measure": "iou",
    }  # fmt: skip
    for before, after in pairwise(seen):
        assert before[0][1] != after[0][1], "the map"
        assert before[3] != after[3], "the scores"


def test_a_point_opens_its_run(page):
    wanted = next(point for point in points(page) if names_of([point]) == ["ActDiff, seed 1"])
    wanted.click()
    settle(page)
    assert (chosen(page)["method"], chosen(page)["seed"]) == ("actdiff", "1")
    assert text(page, "run-title").startswith("ActDiff, seed 1")
    ring = page.find_element(By.ID, "ring")
    assert [ring.get_attribute(name) for name in ("cx", "cy")] == [
        wanted.get_attribute(f"data-{axis}") for axis in "xy"
    ]


def test_the_scatter_follows_attribution_and_measure(page, study):
    table = pd.read_csv(study / "localisation.csv").query("task == 'a'")
    for attribution, measure in (("gradient", "iou"), ("random", "iou"), ("random", "mass")):
        choose(page, attribution=attribution, measure=measure)
        own = table[table["attribution"] == attribution].sort_values(measure)
        told = [point.get_attribute("aria-label").rsplit(" ", 1)[1] for point in points(page)]
        np.testing.assert_allclose([float(value) for value in told], own[measure], atol=0.00051)
        places = [float(point.get_attribute("data-x")) for point in points(page)]
        slope = np.diff(places) / np.diff(own[measure])
        np.testing.assert_allclose(slope, slope[0], rtol=0.02)
        heights = [float(point.get_attribute("data-y")) for point in points(page)]
        auc = own.merge(pd.read_csv(study / "runs.csv"), on=["task", "method", "seed"])["test_auc"]
        assert np.corrcoef(heights, auc)[0, 1] == pytest.approx(-1)
    assert len(page.find_elements(By.CSS_SELECTOR, ".chance")) == 2


def test_what_is_missing_is_said(page):
    assert text(page, "count") == "3 of 4 runs of a are shown."
    assert text(page, "lacking") == "Not shown: 1\nActDiff, seed 2 is missing: killed <i>late</i>"
    choose(page, method="actdiff", seed=2)
    assert text(page, "absent") == "Missing run: killed <i>late</i>"
    assert {cell for cells in rows(page).values() for cell in cells} == {"–"}
    choose(page, task="b")
    assert text(page, "absent") == "The maps of this run are not stored."
    assert rows(page)["iou"][3] != "–", "its mean scores are there"
    assert text(page, "count") == "3 of 4 runs of b are shown."
    assert text(page, "lacking").startswith("Not shown: 1\nClassification, seed 1: test AUC undefined, IoU 0.")


def test_undefined_is_a_word(page):
    choose(page, attribution="gradient", image=f"s/{explorer_study.NAMES[explorer_study.CONSTANT]}")
    assert rows(page)["iou"][:3] == ["undefined", "0.100", "undefined"]
    assert text(page, "binary-title") == "Binarised: undefined\nThe map is constant."
    assert text(page, "mean-of") == "Mean of 3 test images, 1 undefined"
    choose(page, task="b")
    assert text(page, "numbers").startswith("Test AUC\nundefined")
    assert "NaN" not in page.find_element(By.TAG_NAME, "body").text


def test_names_are_text(page):
    option = Select(page.find_element(By.ID, "image")).options[0]
    assert option.text == "1. s/</script><b id=injected>&amp;.png"
    assert text(page, "title") == page.title == "A study <of> two & more"
    assert page.find_elements(By.ID, "injected") == []


def test_a_link_opens_what_it_was_taken_from(page, study):
    choose(page, task="b", method="actdiff", attribution="random", image=f"s/{explorer_study.NAMES[0]}", measure="auc")
    before, link = (chosen(page), shown(page)), page.current_url
    assert link != (study / "explorer.html").as_uri()
    page.get("about:blank")
    page.get(link)
    settle(page)
    assert (chosen(page), shown(page)) == before

    page.execute_script("location.hash = '#task=nowhere&method=actdiff&seed=1&image=none'")
    WebDriverWait(page, 5).until(lambda _: "task=nowhere" not in page.current_url)
    settle(page)
    assert chosen(page)["task"] == "b", "what does not exist is not taken over"


def test_the_image_stays_with_a_change_of_run(page):
    choose(page, image="s/007")
    choose(page, method="actdiff")
    assert chosen(page)["image"] == "s/007"


def test_arrow_keys_go_through_the_images(page):
    body = page.find_element(By.TAG_NAME, "body")
    for key, image in ((Keys.ARROW_RIGHT, 1), (Keys.ARROW_RIGHT, 2), (Keys.ARROW_RIGHT, 0), (Keys.ARROW_LEFT, 2)):
        body.send_keys(key)
        settle(page)
        assert chosen(page)["image"] == f"s/{explorer_study.NAMES[image]}"
    page.find_element(By.ID, "next").click()
    settle(page)
    assert chosen(page)["image"] == f"s/{explorer_study.NAMES[0]}"


def test_points_are_reached_and_opened_by_keyboard(page):
    page.find_element(By.ID, "measure").send_keys(Keys.TAB)
    focused = page.switch_to.active_element
    assert names_of([focused]) == ["Classification, seed 1"]
    order = names_of(points(page))
    focused.send_keys(Keys.ARROW_RIGHT)
    then = page.switch_to.active_element
    assert names_of([then]) == [order[(order.index("Classification, seed 1") + 1) % len(order)]]
    assert text(page, "tip").startswith(names_of([then])[0])
    then.send_keys(Keys.ENTER)
    settle(page)
    assert text(page, "run-title").startswith(names_of([then])[0])
    assert page.switch_to.active_element == then, "the focus stays where it was"


def test_everything_to_be_used_has_a_name(page):
    for select in filter(WebElement.is_displayed, page.find_elements(By.TAG_NAME, "select")):
        assert page.find_elements(By.CSS_SELECTOR, f"label[for={select.get_attribute('id')}]")
        assert select.accessible_name
    for other in [
        *page.find_elements(By.TAG_NAME, "button"),
        *points(page),
        *page.find_elements(By.TAG_NAME, "canvas"),
    ]:
        assert other.accessible_name


@pytest.mark.parametrize("width", [1280, 700, 500])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_window_size(width, 900)
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")


def test_the_page_may_not_ask_the_network(page):
    refused = page.execute_async_script("""
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective), { once: true });
        fetch("http://127.0.0.1:9/").catch(() => {});
    """)
    assert refused == "connect-src"
    assert set(asked_for(page)) == {"file", "data"}
    page.get_log("browser")  # it is told there, too


@pytest.mark.parametrize("kind", ["file", "data"])
def test_it_works_inside_another_page(page, study, kind):
    """As Snakemake's report shows it: beside the report in a zip, or as a data URI in a single file."""
    content = (study / "explorer.html").read_bytes()
    source = "explorer.html" if kind == "file" else f"data:text/html;base64,{base64.b64encode(content).decode()}"
    (study / f"{kind}.html").write_text(f'<!doctype html><iframe src="{source}" width="1000" height="800"></iframe>')
    page.get((study / f"{kind}.html").as_uri())
    page.switch_to.frame(0)
    settle(page)
    choose(page, attribution="random")
    assert centres(page, "map", (12, 10))[1, 1].tolist() == VIRIDIS[255].tolist()
    points(page)[0].click()
    settle(page)
    assert text(page, "run-title").startswith(names_of(points(page))[0])
    page.switch_to.default_content()


def test_a_task_has_the_methods_that_run_on_it_and_lacks_no_run_of_others(browser, tmp_path):
    settings = explorer_study.make(tmp_path)
    settings["tasks"]["a"] = settings["tasks"]["a"] | {"methods": ["actdiff"]}
    tables = explorer_study.tables(tmp_path)
    own = {name: table[(table["task"] != "a") | (table["method"] == "actdiff")] for name, table in tables.items()}
    (tmp_path / "explorer.html").write_text(explorer.page(settings, own, tmp_path / "maps"))
    browser.get((tmp_path / "explorer.html").as_uri())
    settle(browser)
    choose(browser, task="b", method="classification")
    choose(browser, task="a")
    assert chosen(browser)["method"] == "actdiff"
    options = Select(browser.find_element(By.ID, "method")).options
    assert [option.get_attribute("value") for option in options] == ["actdiff"]
    assert "of 2 runs of a are shown" in text(browser, "count")
    choose(browser, task="b")
    assert len(Select(browser.find_element(By.ID, "method")).options) == 2


@pytest.fixture
def randomised(browser, tmp_path):
    """A page with maps by random weights, whose images are as large as they are kept; and its folder."""
    settings = explorer_study.make(tmp_path)
    explorer_study.randomise(tmp_path, settings)
    (tmp_path / "explorer.html").write_text(explorer.page(settings, explorer_study.tables(tmp_path), tmp_path / "maps"))
    browser.get("about:blank")
    browser.get((tmp_path / "explorer.html").as_uri())
    settle(browser)
    yield browser
    assert browser.get_log("browser") == []


def options(browser, name):
    return [option.get_attribute("value") for option in Select(browser.find_element(By.ID, name)).options]


def test_without_random_weights_there_is_no_choice_of_them(page):
    assert not page.find_element(By.ID, "weights").is_displayed()
    assert text(page, "mean-of") == "Mean of 3 test images, 1 undefined"


def test_maps_by_random_weights_are_those_that_are_stored(randomised, tmp_path):
    assert options(randomised, "weights") == ["trained", *BLOCKS]
    assert randomised.find_element(By.ID, "weights").accessible_name == "Weights"
    choose(randomised, attribution="integrated_gradients", weights="layer3.0")
    assert options(randomised, "image") == [f"s/{name}" for name in explorer_study.NAMES[:2]]
    choose(randomised, image="s/NA")
    stored = load_file(maps_file(tmp_path / "weight_randomisation", ("a", "classification", 1)))
    levels = stored["explorer/layer3.0/integrated_gradients"][1]
    np.testing.assert_array_equal(inner(centres(randomised, "map", (12, 10))), inner(VIRIDIS[levels]))
    assert text(randomised, "map-title").startswith("Integrated gradients, random down to layer3.0")
    assert text(randomised, "of-image") == "This image, trained weights"
    assert text(randomised, "alike").endswith("(of two different images). SSIM: 0.75 (0.20); HOG: 0.75 (0.20).")
    assert "weights=layer3.0" in randomised.execute_script("return location.hash")


def test_where_there_are_no_maps_by_random_weights_those_of_the_trained_network_are_shown(randomised):
    choose(randomised, weights="stem")
    choose(randomised, method="actdiff")
    assert chosen_weights(randomised) == ("stem", True), "it stays as it is where there are some"
    choose(randomised, attribution="random")
    assert chosen_weights(randomised) == ("trained", False), "a control of which there are none"
    choose(randomised, method="classification", attribution="gradient", weights="fc")
    choose(randomised, seed=2)
    assert chosen_weights(randomised) == ("trained", False), "they are of the first seed"
    assert len(options(randomised, "image")) == 3
    assert not randomised.find_element(By.ID, "alike").is_displayed()


def chosen_weights(browser):
    """The choice, and whether there is any."""
    choice = browser.find_element(By.ID, "weights")
    return choice.get_property("value"), choice.is_enabled()


def inner(colours):
    """Without the pixels that the outline of the mask may touch."""
    return np.concatenate([colours[:2].reshape(-1, 3), colours[8:].reshape(-1, 3)])


@pytest.fixture
def with_twins(browser, tmp_path):
    """A page with twins on task b and random weights on all, and its folder."""
    settings = explorer_study.make(tmp_path)
    explorer_study.randomise(tmp_path, settings)
    explorer_study.plant(tmp_path, settings)
    (tmp_path / "explorer.html").write_text(explorer.page(settings, explorer_study.tables(tmp_path), tmp_path / "maps"))
    browser.get("about:blank")
    browser.get((tmp_path / "explorer.html").as_uri() + "#task=b")
    settle(browser)
    yield browser
    assert browser.get_log("browser") == []


def red_places(browser, canvas):
    """Whether the left and the upper edge of each pixel of 12 x 10 are red at their middle, bool [2, 12, 10]."""
    png = browser.execute_script("return document.getElementById(arguments[0]).toDataURL()", canvas).split(",")[1]
    colours = np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))
    scale = colours.shape[1] // 10
    red = (colours == [255, 48, 48]).all(axis=2)
    return np.array([red[scale // 2 :: scale, ::scale], red[::scale, scale // 2 :: scale]])


def test_without_a_signal_there_is_no_choice_of_twins(page):
    assert not page.find_element(By.ID, "twins").is_displayed()
    assert text(page, "picture-title") == "Image and mask\nRed: the mask's outline, in all four."


@pytest.mark.parametrize("state", ["planted", "clean"])
def test_twins_are_side_by_side_with_the_outline_of_the_signal(with_twins, tmp_path, state):
    choose(with_twins, attribution="random", twins=state)
    choose(with_twins, image="s/002")
    stored = load_file(maps_file(tmp_path / "signal_detection", ("b", "classification", 1)))
    shape = (12, 10)
    grey = stored[f"example_{state}"][1].astype(int)
    np.testing.assert_array_equal(centres(with_twins, "picture", shape), np.repeat(grey[:, :, None], 3, 2))
    for canvas, model in (("map", "own"), ("overlay", "normal")):
        levels = stored[f"example/{state}/{model}/random"][1]
        np.testing.assert_array_equal(centres(with_twins, canvas, shape), VIRIDIS[levels])
    left, upper = np.zeros((2, 12, 10), bool)
    left[1:4, [1, 4]] = True
    upper[[1, 4], 1:4] = True
    for canvas in ("picture", "map", "overlay"):
        np.testing.assert_array_equal(red_places(with_twins, canvas), [left, upper])
        assert with_twins.find_element(By.ID, canvas).accessible_name
    assert not with_twins.find_element(By.ID, "binary").is_displayed()
    places = [with_twins.find_element(By.ID, canvas).rect for canvas in ("picture", "map", "overlay")]
    assert len({place["y"] for place in places}) == 1, "they are side by side"
    own, normal = (stored[f"example_probability/{state}/{model}"][1] for model in ("own", "normal"))
    assert text(with_twins, "map-title").startswith(f"Random, this run\nSays ill with probability {own:.2f}")
    assert text(with_twins, "overlay-title").startswith(
        f"Random, the normal model\nSays ill with probability {normal:.2f}"
    )
    assert "signal\n9 px" in text(with_twins, "numbers")
    where = {"planted": "the outline of the signal", "clean": "where the signal would be"}[state]
    assert text(with_twins, "picture-title").endswith(f"\nRed: {where}, 8 % of the image.")


def test_what_twins_say_of_all_images_is_that_of_the_table(with_twins):
    choose(with_twins, twins="planted")
    assert text(with_twins, "alike") == (
        "Mean of 5 images with the signal, area under precision and recall of the unsmoothed maps beyond the signal's "
        "area (0.020): this run 0.66 (K-SSD), the normal model 0.12 (FAM-GT), difference 0.54 [0.40, 0.68]."
    )
    choose(with_twins, twins="clean")
    assert text(with_twins, "alike") == (
        "Mean of 5 images without the signal, SSIM of the two maps: 0.18 (CCM); of two normal models of different "
        "seeds 0.19, of maps of different images 0.05."
    )


def test_twins_are_of_tasks_with_a_signal_and_of_trained_weights(with_twins):
    assert options(with_twins, "twins") == ["off", "planted", "clean"]
    choose(with_twins, weights="stem")
    choose(with_twins, twins="planted")
    assert chosen_weights(with_twins) == ("trained", False)
    assert options(with_twins, "image") == ["s/004", "s/002"]
    assert "twins=planted" in with_twins.execute_script("return location.hash")
    choose(with_twins, method="actdiff", seed=2)
    assert with_twins.find_element(By.ID, "twins").get_property("value") == "planted", "a run without maps of its own"
    assert with_twins.find_element(By.ID, "views").is_displayed()
    choose(with_twins, method="classification", seed=1, attribution="integrated_gradients")
    assert options(with_twins, "twins") == ["off"], "an attribution of which there are none"
    choose(with_twins, attribution="gradient", twins="clean")
    choose(with_twins, task="a")
    assert options(with_twins, "twins") == ["off"], "a task without a signal"
    assert with_twins.find_element(By.ID, "binary").is_displayed()
    assert text(with_twins, "picture-title").startswith("Image and mask")
    assert not with_twins.find_element(By.ID, "alike").is_displayed()
    assert chosen_weights(with_twins) == ("trained", True)


def test_a_constant_map_of_a_twin_is_said_to_be_one(browser, tmp_path):
    settings = explorer_study.make(tmp_path)
    explorer_study.plant(tmp_path, settings)
    path = maps_file(tmp_path / "signal_detection", ("b", "classification", 1))
    arrays = load_file(path)
    save_file(arrays | {"example/planted/normal/gradient": np.zeros((3, 12, 10), np.uint8)}, path)
    (tmp_path / "explorer.html").write_text(explorer.page(settings, explorer_study.tables(tmp_path), tmp_path / "maps"))
    browser.get((tmp_path / "explorer.html").as_uri() + "#task=b&twins=planted")
    settle(browser)
    assert text(browser, "overlay-title").endswith(".\nThe map is constant.")
    assert text(browser, "map-title").endswith("largest value of this map")
