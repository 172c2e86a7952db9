"""Cells and whole tables, in Markdown and LaTeX."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report import markup
from red_herring.report.markup import Section, Table

SECTION = Section(
    "my_task",
    ["", "Method", "AUC [95 %]"],
    [["A|B", "one", "**0.80 ± 0.14**"], ["A|B", "two", "-0.10 [-0.20, 0.00]"], ["C", "a-1 & b", "–"]],
    "p < 0.05.",
    names=2,
)


def test_cells():
    assert markup.number(-0.001) == "0.00"
    assert markup.number(np.nan) == "undefined"
    assert markup.mean_and_sd(0.5, np.nan) == "0.50"
    assert markup.mean_and_sd(np.nan, np.nan) == "undefined"
    assert markup.with_interval(0.5, 0.25, 1) == "0.50 [0.25, 1.00]"
    assert markup.with_interval(0.5, np.nan, np.nan) == "0.50"
    assert [markup.p_value(p) for p in (0.0001, 0.0273, np.nan)] == ["< 0.001", "0.027", "undefined"]
    assert markup.given("0.50", 0) == "–"


def test_markdown():
    text = Table(pd.DataFrame(), [SECTION, Section("none", ["a"], [])], "Of both.").to_markdown()
    assert text == "\n".join(
        [
            "**my_task**\n",
            "|  | Method | AUC [95 %] |",
            "| --- | --- | --: |",
            r"| A\|B | one | **0.80 ± 0.14** |",
            "|  | two | -0.10 [-0.20, 0.00] |",
            "| C | a-1 & b | – |\n",
            "p < 0.05.\n",
            "**none**\n",
            "Of both.\n",
        ]
    )


def test_latex():
    text = Table(pd.DataFrame(), [SECTION], "Of all.").to_latex()
    assert text.splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\small",
        r"\setlength{\tabcolsep}{4pt}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{llr}",
        r"\toprule",
        r" & Method & AUC [95 \%] \\",
        r"\midrule",
        r"A$\vert$B & one & \textbf{0.80 $\pm$ 0.14} \\",
        r" & two & $-$0.10 [$-$0.20, 0.00] \\",
        r"\midrule",
        r"C & a-1 \& b & -- \\",
        r"\bottomrule",
        r"\end{tabular}}",
        r"\caption{my\_task. p $<$ 0.05. Of all.}",
        r"\end{table}",
    ]


def test_html():
    text = Table(pd.DataFrame(), [SECTION], "Of all.").to_html()
    assert '<th></th><th>Method</th><th class="number">AUC [95 %]</th>' in text
    assert '<tr><td>A|B</td><td>one</td><td class="number"><b>0.80 ± 0.14</b></td></tr>' in text
    assert '<tr><td></td><td>two</td><td class="number">-0.10 [-0.20, 0.00]</td></tr>' in text
    assert '<tr class="group"><td>C</td><td>a-1 &amp; b</td>' in text
    assert "<p>p &lt; 0.05.</p>" in text
    assert "<p>Of all.</p>" in text


def test_a_name_is_repeated_where_the_first_column_has_a_heading():
    section = Section("", ["Method", "n"], [["one", "1"], ["one", "2"]])
    assert Table(pd.DataFrame(), [section]).to_markdown().count("one") == 2


@pytest.mark.parametrize("character", list("_&%#${}~^\\"))
def test_latex_has_no_bare_special_character(character):
    text = markup._latex(f"a{character}b")
    assert text not in (f"a{character}b", "ab")
    assert text.startswith("a\\")


def test_numbers_are_written_in_full():
    assert Table(pd.DataFrame({"a": [1 / 3, np.nan], "b": 1}), []).to_csv() == "a,b\n0.3333333333333333,1\n,1\n"


def test_a_name_is_neither_a_tag_nor_a_line_of_markdown():
    assert markup.markdown_table(["<b>", "p < 0.05"], [["</i>|", "a\nb"]]).splitlines()[::2] == [
        r"| \<b> | p < 0.05 |",
        r"| \</i>\| | a b |",
    ]


def test_latex_says_when_it_needs_an_engine_for_other_scripts():
    first, note = Section("t", ["é ±"], []), "% Names in other scripts: for LuaLaTeX or XeLaTeX"
    assert not Table(pd.DataFrame(), [first]).to_latex().startswith("%")
    assert Table(pd.DataFrame(), [first, Section("t", ["右"], [["1"]])]).to_latex().startswith(note)
