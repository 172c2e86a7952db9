"""What all figures share: how they count, name, colour and are written."""

import re
import zlib

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from matplotlib.colors import to_rgb
from PIL import Image
from red_herring.report import style
from red_herring.study.catalogue import APPROACHES
from red_herring.study.settings import described_methods


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shown": 18}, "n = 18 runs"),
        ({"shown": 18, "expected": 18}, "n = 18 runs"),
        ({"shown": 17, "expected": 18}, "n = 17 of 18 runs"),
        ({"shown": 65, "expected": 60}, "n = 65 runs"),
        ({"shown": 15, "expected": 18, "undefined": 2}, "n = 15 of 18 runs, 2 undefined"),
        ({"shown": 1}, "n = 1 run"),
        ({"shown": 1, "expected": 3, "noun": "seeds"}, "n = 1 of 3 seeds"),
        ({"shown": [10, 9, 10], "expected": 10, "noun": "seeds"}, "n = 9–10 of 10 seeds"),
        ({"shown": [10, 11], "expected": 10, "noun": "seeds"}, "n = 10–11 seeds"),
        ({"shown": [], "expected": 3, "noun": "seeds"}, "n = 0 of 3 seeds"),
    ],
)
def test_how_many_of_how_many(arguments, text):
    assert style.count(**arguments) == text


def test_long_names_are_wrapped_where_they_can_be():
    assert style.wrapped("Guided Grad-CAM", 14) == "Guided\nGrad-CAM"
    assert style.wrapped("Background-invariant", 14) == "Background-\ninvariant"
    assert style.wrapped("pneumonia_of_the_adult", 14) == "pneumonia_of_\nthe_adult"
    assert style.wrapped("a_very_long_name_of_a_task_indeed", 12).endswith("…")


def test_a_legend_fits_below_the_narrowest_and_the_widest_figure():
    for tasks in (["a"], ["a", "b", "c"]):
        figure, _ = style.panels(tasks)
        style.legend(figure, style.keys(described_methods(style.COLOURS), style.COLOURS))
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_an_interval_is_drawn_from_end_to_end_and_its_value_is_hollow_without_one():
    _, panels = style.panels(["a"])
    look = {"linewidth": 1, "marker": "o", "markersize": 3}
    style.interval(panels["a"], 4, pd.Series({"low": 0.1, "value": 0.2, "high": 0.6}), "value", "#0072B2", **look)
    style.interval(
        panels["a"],
        5,
        pd.Series({"low": np.nan, "value": 0.2, "high": np.nan}),
        "value",
        "#0072B2",
        upright=True,
        **look,
    )
    line, value, _, hollow = panels["a"].lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([0.1, 0.6], [4, 4])
    assert (list(value.get_xdata()), list(value.get_ydata())) == ([0.2], [4])
    assert (list(hollow.get_xdata()), list(hollow.get_ydata())) == ([5], [0.2])
    assert (to_rgb(value.get_markerfacecolor()), to_rgb(hollow.get_markerfacecolor())) == (to_rgb("#0072B2"), (1, 1, 1))


def test_what_a_pdf_says_is_text(tmp_path):
    """Embedded as TrueType: the glyphs of a word are shown by one operator, and no font is of drawn paths (type 3)."""
    figure, panels = style.panels(["a"])
    style.head(panels["a"], "a task", "n = 17 of 18 runs")
    style.save(figure, tmp_path / "a.pdf", tmp_path / "a.png")
    content = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/CIDFontType2" in content or b"/TrueType" in content
    pages = [
        zlib.decompress(part.split(b"endstream")[0].strip(b"\r\n"))
        for part in content.split(b"stream\n")[1:]
        if part.startswith(b"x\x9c")
    ]
    assert any(b"Tj" in page or b"TJ" in page for page in pages)


def test_the_same_figure_is_the_same_bytes(tmp_path):
    for number in (1, 2):
        figure, panels = style.panels(["a"])
        panels["a"].plot([1, 2], [3, 4], label="x")
        style.save(figure, tmp_path / f"{number}.pdf", tmp_path / f"{number}.png")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()
    assert Image.open(tmp_path / "1.png").width == pytest.approx(style.COLUMN * 200, abs=2)


def test_a_method_keeps_its_colour_in_every_study():
    assert style.colours(["rrr", "mine"])["rrr"] == style.colours(["mine", "theirs", "rrr"])["rrr"]
    assert len(set(style.colours([*style.COLOURS, "mine", "theirs"]).values())) == 8
    assert list(style.colours(["mine", "rrr"])) == ["mine", "rrr"], "panels number the methods in this order"


def test_a_method_has_one_colour_in_a_study_whichever_others_are_shown():
    known = {name: {"title": name, "approach": "Baseline"} for name in ("one", "two", "three")}
    whole = {line.get_label(): line.get_color() for line in style.keys(known, known)}
    (alone,) = style.keys(known, ["three"])
    assert alone.get_color() == whole["three"]
    assert len(set(whole.values())) == 3


MANY = {f"mine_{number}": {"title": f"A method of mine, {number}", "approach": "Baseline"} for number in range(15)}


def test_twenty_methods_are_told_apart_by_colour_and_marker_or_line():
    methods = described_methods(style.COLOURS) | MANY
    colours = style.colours(methods)
    for looks in (style.marker, style.line):
        assert len({(colours[method], looks(methods, method)) for method in methods}) == len(methods) == 21
    assert all(style.line(methods, method) == "-" for method in style.COLOURS)
    assert all(style.marker(methods, method) == style.MARKERS["Baseline"][0] for method in ["classification", "mine_0"])


def test_no_marker_is_in_two_rounds_of_the_spare_colours_whatever_the_approaches():
    rounds = [set(markers) for markers in zip(*style.MARKERS.values(), strict=True)]
    assert sum(map(len, rounds)) == len(set.union(*rounds))
    assert len(rounds[0]) == len(style.MARKERS) == len(APPROACHES)


@pytest.mark.parametrize("tasks", [["a"], ["a", "b", "c"]])
def test_a_long_legend_makes_the_figure_higher_and_not_the_panels_lower(tasks):
    heights = []
    for methods in (described_methods(style.COLOURS), described_methods(style.COLOURS) | MANY):
        figure, panels = style.panels(tasks)
        style.legend(figure, style.keys(methods, methods, lines=True))
        figure.canvas.draw()
        heights.append(panels["a"].get_window_extent().height)
        assert figure.legends[0].get_window_extent().y0 >= 0
    assert heights[1] >= 0.9 * heights[0]


def test_the_interactive_page_knows_every_marker():
    page = (ROOT / "workflow/red_herring/report/pages/explorer.html").read_text(encoding="utf-8")
    drawn = set(re.findall(r'^  "(.)": (?:\[|corners|PLUS)', page, re.MULTILINE)) | {"o"}
    assert {marker for of in style.MARKERS.values() for marker in of} == drawn
