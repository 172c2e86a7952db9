"""Names in scripts that Matplotlib's font lacks, and names that look like formulas."""

import logging

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from red_herring.report.fonts import showable
from red_herring.report.style import shortened
from red_herring.runtime.typed_json import dumped
from red_herring.study.settings import described_attributions, described_methods, showing

PRIVATE = "\U000f1234"
"""A character that no font has unless it was made for a test."""


def make_font(path, character):
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for place in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(place)
    pen.closePath()
    shapes = dict.fromkeys([".notdef", "square"], pen.glyph())
    font = FontBuilder(1000)
    font.setupGlyphOrder(list(shapes))
    font.setupCharacterMap({ord(character): "square"})
    font.setupGlyf(shapes)
    font.setupHorizontalMetrics(dict.fromkeys(shapes, (1000, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    path.parent.mkdir()
    font.save(path)


def test_a_character_that_no_font_has_is_its_code_point_and_one_sentence(caplog):
    with caplog.at_level(logging.WARNING):
        shown = showable({"groups": [f"a{PRIVATE}", PRIVATE], "ratio": 0.5, "mask": {"kind": "é"}})
    assert shown == {"groups": ["a\\U000f1234", "\\U000f1234"], "ratio": 0.5, "mask": {"kind": "é"}}
    (record,) = caplog.records
    assert f"has {PRIVATE} (U+F1234), so figures show" in record.getMessage()
    assert "fonts-noto-cjk" in record.getMessage()


def test_what_our_font_has_stays_and_is_not_spoken_of(caplog):
    names = ["plain", "é e\u0301 ±–…", "سليم", "a\u200db\ufe0f\u00a0c\n"]
    assert showable(names) == names
    assert not caplog.records


def test_a_dollar_begins_no_formula():
    assert showable(["$x$", "5 $"]) == [r"\$x\$", r"5 \$"]


def test_wide_characters_count_twice():
    assert shortened("右侧右侧右侧", 8) == "右侧右…"
    assert shortened("右侧", 4) == "右侧"
    assert shortened("abcdef", 5) == "abcd…"


@pytest.fixture
def figure(stage, tmp_path):
    """Draw an empty figure of a task by its stage: figure(variables) -> PNG, PDF, log. Fonts lie in the folder fonts."""
    (tmp_path / "runs.csv").write_text("task,method,seed,test_auc\n")
    (tmp_path / "localisation.csv").write_text(
        "task,method,seed,attribution,iou,iop,iot,chance_iou,chance_iop,chance_iot\n"
    )
    task = {"groups": [PRIVATE, "a"], "finding": "$x$", "control": "é", "ratio": 0.75}
    settings = {"tasks": {"t": task}, "methods": described_methods(["rrr"]), "seeds": [1]}
    settings |= {"attributions": described_attributions(["gradient"]), "measure": "iou"}
    own = {"XDG_DATA_HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "cache")}

    def draw(**variables):
        done = stage(
            "render_figure", "--settings", dumped(showing(settings)), "--figure", "figure_8_versions", "--files", "runs.csv", "localisation.csv",
            "--pdf", "f.pdf", "--png", "f.png", "--log", "f.log", variables=own | variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        png, pdf, log = (tmp_path / f"f.{kind}" for kind in ("png", "pdf", "log"))
        *said, took = log.read_text(encoding="utf-8").splitlines()
        assert "of memory at most" in took
        return png.read_bytes(), pdf.read_bytes(), "\n".join(said)

    return draw


@pytest.mark.slow
def test_another_font_of_the_machine_is_taken_also_one_that_is_new(figure, tmp_path):
    assert f"no font of this machine has {PRIVATE}" in figure()[2]
    make_font(tmp_path / "fonts" / "squares.ttf", PRIVATE)
    assert "no font" not in figure()[2]


@pytest.mark.slow
def test_what_a_users_matplotlibrc_says_makes_no_difference(figure, tmp_path):
    before = figure()
    (tmp_path / "rc").write_text("text.usetex: True\nfont.family: No Such Font\nsavefig.dpi: 7\naxes.facecolor: red\n")
    assert figure(MATPLOTLIBRC=str(tmp_path / "rc"), MPLBACKEND="no such backend") == before
