"""The pages of the reader study in a real browser, without a network: what is shown, answered, kept and saved."""

import base64
import csv
import io
import time

import matplotlib
import numpy as np
import pytest
from PIL import Image
from red_herring.report.pages import _questions, reader
from red_herring.report.reader_answers import COLUMNS, read_answers
from red_herring.report.reader_results import results
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from support import reader_study
from support.offline import check_kept_to_itself, open_anew, settle

pytestmark = pytest.mark.slow

VIRIDIS = np.round(255 * np.array(matplotlib.colormaps["viridis"].colors)).astype(int)
COUNT = 24
"""Questions of a page, six of each family."""

COLOURS = """
const { width, height } = arguments[0], copy = Object.assign(document.createElement("canvas"), { width, height });
const context = copy.getContext("2d", { willReadFrequently: true });
context.drawImage(arguments[0], 0, 0);
return Array.from(context.getImageData(0, 0, width, height).data);
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with both pages, of fewer questions than usual; the key to them."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_questions, "MOST", COUNT // 2)
        texts, key, _ = reader.pages(reader_study.SETTINGS, reader_study.make(folder), folder)
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return folder, key


@pytest.fixture
def open_page(browser, study):
    """open_page(name) opens a page anew; until the test ends nothing may be complained of or asked of the network."""

    def opened(name, forget=True):
        open_anew(browser, study[0] / f"{name}.html")
        if forget:
            browser.execute_script("localStorage.clear()")
        settle(browser)
        return browser

    yield opened
    check_kept_to_itself(browser)


def begin(browser, number=7):
    at(browser, "reader").send_keys(str(number), Keys.ENTER)
    settle(browser)


def at(browser, identity):
    return browser.find_element(By.ID, identity)


def press(browser, identity):
    at(browser, identity).click()
    settle(browser)


def shown(browser):
    """The question that is asked, as the page holds it."""
    return browser.execute_script("return state.order[state.position]")


def tick(browser, name, value):
    browser.find_element(By.CSS_SELECTOR, f"input[name={name}][value='{value}']").click()


def ticked(browser):
    inputs = browser.find_elements(By.CSS_SELECTOR, "input:checked")
    return [one.get_attribute("value") for one in inputs]


def saved(browser, folder):
    """The file that the page saves to the folder."""
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})
    press(browser, "save")
    WebDriverWait(browser, 10, 0.02).until(lambda _: [*folder.glob("*.csv")] and not [*folder.glob("*.crdownload")])
    (file,) = folder.glob("*.csv")
    return file


def answer_all(browser, recommend):
    """Answer each question by the function of its id, without the mouse's slowness; by the events that a person makes."""
    browser.execute_script(
        """
        for (let left = state.order.length; left; left -= 1) {
          const value = arguments[0][state.order[state.position].id];
          document.querySelector(`input[name=recommend][value="${value}"]`).click();
          document.getElementById("next").click();
        }
        """,
        recommend,
    )
    settle(browser)


def questions_of(key, page):
    return key[key["page"] == page].set_index("question")


def test_every_question_is_asked_once_in_an_order_of_each_readers_own(open_page, study):
    orders = {}
    for number in (7, 7, 8):
        page = open_page("blinded")
        begin(page, number)
        assert at(page, "heading").text == f"Question 1 of {COUNT}"
        order = page.execute_script("return state.order.map((question) => question.id)")
        assert orders.setdefault(number, order) == order
    assert orders[7] != orders[8] != sorted(orders[8])
    assert sorted(orders[7]) == sorted(orders[8]) == sorted(set(study[1]["question"]))


def layers_of(part, count):
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(part["png"]))))
    height, width = part["shown"]
    return sheet.reshape(count, height, -1, width).swapaxes(1, 2).astype(int)


def pixels(browser, canvas, shape):
    return np.array(browser.execute_script(COLOURS, canvas)).reshape(*shape, 4)[..., :3]


def test_what_is_drawn_are_the_pixels_of_the_question(open_page):
    page, seen = open_page("unblinded"), set()
    begin(page)
    for _ in range(COUNT):
        question = shown(page)
        if question["kind"] not in seen:
            seen.add(question["kind"])
            look_at(page, question)
        if len(seen) == 4:
            break
        press(page, "next")
    assert seen == {"none", "attribution", "concepts", "training_points"}


def look_at(page, question):
    assert at(page, "about").text == question["about"]
    assert at(page, "help").text == question["help"]
    layers = layers_of(question, 4)
    figures = page.find_elements(By.CSS_SELECTOR, "#images figure")
    assert [figure.find_element(By.TAG_NAME, "figcaption").text for figure in figures] == question["answers"]
    for number, figure in enumerate(figures):
        canvases = figure.find_elements(By.TAG_NAME, "canvas")
        image, *others = layers[number]
        grey = [np.repeat(layer[:, :, None], 3, 2) for layer in layers[number]]
        expected = [grey[0]]
        if question["kind"] == "attribution":
            share = (0.9 * others[0] / 255)[:, :, None]
            expected += [VIRIDIS[others[0]], share * VIRIDIS[others[0]] + (1 - share) * image[:, :, None]]
        if question["kind"] == "training_points":
            expected += grey[1:]
        assert len(canvases) == len(expected)
        for canvas, colours in zip(canvases, expected, strict=True):
            np.testing.assert_allclose(pixels(page, canvas, image.shape), colours, atol=0.501)
            assert canvas.accessible_name
    aside = at(page, "aside-image")
    np.testing.assert_array_equal(
        pixels(page, aside, (12, 10))[..., 0], layers_of(question["aside"], 1)[0, 0], "the image that carries it"
    )
    assert at(page, "aside-text").text == question["aside"]["text"]
    look_at_bars(page, question["bars"])


def look_at_bars(page, bars):
    found = page.find_elements(By.CSS_SELECTOR, "#bars .bar")
    assert len(found) == len(bars)
    for bar, element in zip(bars, found, strict=True):
        name, number = (one.text for one in element.find_elements(By.TAG_NAME, "span"))
        assert name == bar["text"]
        scale = element.find_element(By.CSS_SELECTOR, ".scale")
        part = scale.find_element(By.TAG_NAME, "div").size["width"] / scale.size["width"]
        if bar["score"] is None:
            assert (number, part) == ("cannot be measured", 0)
        else:
            assert number == f"{100 * bar['score']:.0f} % ± {100 * bar['sd']:.0f} %"
            assert part == pytest.approx(bar["score"], abs=0.01)


def test_who_is_not_told_sees_nothing_to_look_for(open_page):
    page = open_page("blinded")
    begin(page)
    assert not at(page, "aside").is_displayed()
    text = page.find_element(By.TAG_NAME, "body").text + at(page, "introduction").get_property("textContent")
    assert "look for" not in text
    page = open_page("unblinded")
    assert "Each question says what to look for" in at(page, "introduction").text
    begin(page)
    assert at(page, "aside").is_displayed()


def test_a_saved_file_is_what_was_answered_and_is_taken(open_page, study, tmp_path):
    page, (_, key) = open_page("blinded"), study
    begin(page, 12)
    tick(page, "recommend", 2)
    tick(page, "reasons", "unclear")
    tick(page, "reasons", "answers_wrong")
    at(page, "why").send_keys('I say "no", é\nand 漢字; =1+1 ')
    first = shown(page)["id"]
    press(page, "next")
    tick(page, "recommend", 5)
    second = shown(page)["id"]
    press(page, "finish")
    assert at(page, "count").text == f"{COUNT - 2} of {COUNT} questions have no recommendation yet:"
    file = saved(page, tmp_path)
    digest = questions_of(key, "blinded")["digest"].iloc[0]
    assert file.name == f"answers_{digest}_12.csv"
    assert file.name in at(page, "saved").text
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == COLUMNS
    assert [row["position"] for row in rows] == [str(number) for number in range(1, COUNT + 1)]
    assert rows[0] | {"check": ""} == {
        "page": digest, "reader": "12", "position": "1", "question": first, "recommend": "2",
        "reasons": "answers_wrong unclear", "why": 'I say "no", é and 漢字; =1+1', "check": "",
    }  # fmt: skip
    found = read_answers([file], key).set_index("question")
    assert found["recommend"].dropna().to_dict() == {first: 2, second: 5}
    assert found.loc[first, ["unclear", "answers_wrong", "answers_right"]].tolist() == [True, True, False]
    assert found["model"].to_dict() == questions_of(key, "blinded")["model"].to_dict()


def test_made_readers_give_the_result_that_they_were_made_for(open_page, study, tmp_path):
    """Three readers are told and turn down every model with the signal that is explained by concepts; three are not."""
    files, (_, key) = [], study
    for number in range(1, 7):
        name = "unblinded" if number > 3 else "blinded"
        page, own = open_page(name), questions_of(key, name)
        begin(page, number)
        seen = (own["family"] == "concepts") & (own["model"] == "own") & (name == "unblinded")
        answer_all(page, {question: 1 if turned else 3 + number % 2 for question, turned in seen.items()})
        assert at(page, "count").text == f"All {COUNT} questions are answered."
        (tmp_path / str(number)).mkdir()
        files.append(saved(page, tmp_path / str(number)))
    table = results(read_answers(files, key), {}).frame.query("level == '' and model == 'own'")
    concepts = table[table["family"] == "concepts"].set_index("page")
    assert concepts["readers"].tolist() == [3, 3]
    assert concepts["answers"].tolist() == [9, 9]
    assert concepts["median"].tolist() == [4, 1]
    assert concepts["difference"]["unblinded"] == pytest.approx(1 - 11 / 3)
    assert concepts["p"]["unblinded"] == pytest.approx(2 / 20), "the most extreme of 20 ways to exchange readers"
    others = table[table["family"] != "concepts"].set_index("page")
    np.testing.assert_allclose(others.loc["unblinded", "difference"], -1 / 3)


def test_answers_stay_when_the_page_is_closed_and_are_each_readers_own(open_page):
    page = open_page("blinded")
    begin(page, 7)
    tick(page, "recommend", 4)
    tick(page, "reasons", "answers_right")
    at(page, "why").send_keys("so")
    page = open_page("blinded", forget=False)
    begin(page, 7)
    assert at(page, "heading").text == f"Question 2 of {COUNT}", "the first that is not answered"
    press(page, "back")
    assert ticked(page) == ["4", "answers_right"]
    assert at(page, "why").get_property("value") == "so"
    for name, number in (("blinded", 8), ("unblinded", 7)):
        page = open_page(name, forget=False)
        begin(page, number)
        assert at(page, "heading").text == f"Question 1 of {COUNT}"
        assert ticked(page) == []


def test_all_can_be_done_by_keyboard(open_page):
    page = open_page("blinded")
    at(page, "reader").send_keys("3", Keys.ENTER)
    settle(page)
    assert page.switch_to.active_element == at(page, "heading"), "so that a screen reader reads the question"
    keys = [Keys.TAB, Keys.SPACE, Keys.ARROW_RIGHT, Keys.TAB, Keys.SPACE, *[Keys.TAB] * 5]
    for key in keys:
        page.switch_to.active_element.send_keys(key)
    assert ticked(page) == ["2", "answers_right"]
    page.switch_to.active_element.send_keys("why")
    assert at(page, "why").get_property("value") == "why"
    for _ in range(2):  # the first question has none to go back to
        page.switch_to.active_element.send_keys(Keys.TAB)
    assert page.switch_to.active_element == at(page, "next")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    settle(page)
    assert at(page, "heading").text == f"Question 2 of {COUNT}"
    assert ticked(page) == []
    press(page, "finish")
    assert page.switch_to.active_element == at(page, "end-heading")
    button = page.find_element(By.CSS_SELECTOR, "#open button")
    assert button.accessible_name == "Question 2"
    button.send_keys(Keys.ENTER)
    settle(page)
    assert at(page, "heading").text == f"Question 2 of {COUNT}"


@pytest.mark.parametrize("number", ["", "0", "-3", "1.5", "10000"])
def test_nobody_begins_without_a_number(open_page, number):
    page = open_page("blinded")
    at(page, "reader").send_keys(number, Keys.ENTER)
    time.sleep(0.05)
    assert at(page, "start").is_displayed()
    assert not at(page, "asking").is_displayed()


def test_everything_to_be_used_has_a_name(open_page):
    page = open_page("blinded")
    begin(page)
    for element in page.find_elements(By.CSS_SELECTOR, "#asking input, #asking textarea, #asking button, progress"):
        assert element.accessible_name
    assert [one.text for one in page.find_elements(By.TAG_NAME, "legend")] == [
        "Would you recommend this model for use?",
        "Why? Tick all that applies.",
    ]


@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page("unblinded")
    page.set_window_size(width, 900)
    begin(page)
    for _ in range(6):
        assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        press(page, "next")


def test_a_browser_that_keeps_nothing_says_so_and_saves_all_the_same(open_page, tmp_path):
    page = open_page("blinded")
    page.execute_script("Object.defineProperty(Storage.prototype, 'setItem', { value() { throw new Error(); } })")
    begin(page, 5)
    tick(page, "recommend", 3)
    press(page, "finish")
    assert "3" in saved(page, tmp_path).read_text().splitlines()[1].split('","')


def test_names_are_text(open_page):
    page = open_page("unblinded")
    begin(page)
    assert "“one <cross>”" in at(page, "about").text
    assert page.find_elements(By.TAG_NAME, "cross") == []


def test_the_page_may_not_ask_the_network(open_page):
    page = open_page("blinded")
    refused = page.execute_async_script("""
        const done = arguments[0];
        document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective), { once: true });
        fetch("http://127.0.0.1:9/").catch(() => {});
    """)
    assert refused == "connect-src"
    page.get_log("browser")  # it is told there, too
