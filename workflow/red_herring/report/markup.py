"""Tables to read: cells as text, and whole tables as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

UNDEFINED = "undefined"
ABSENT = "–"
"""A number that was never given: there is no such run, or nothing was published."""

MANY_ROWS = 40
"""Beyond these a LaTeX table is set smaller, to fit on a page."""


@dataclass(frozen=True)
class Section:
    """A table to read with its title and note.

    The first `names` columns are names, the others numbers. When the first heading is empty its column names groups:
    a name is written once, and rules part the groups. A cell between two pairs of asterisks is bold.
    """

    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str = ""
    names: int = 1


@dataclass(frozen=True)
class Table:
    """Numbers in full precision, and the same to read; the note is of all sections."""

    frame: pd.DataFrame
    sections: list[Section]
    note: str = ""

    def to_csv(self) -> str:
        text: str = self.frame.to_csv(index=False)
        return text

    def to_markdown(self) -> str:
        parts = [_markdown_section(section) for section in self.sections]
        return "\n\n".join([*parts, self.note] if self.note else parts) + "\n"

    def to_latex(self) -> str:
        """A float for each section, with the notes in its caption; they need \\usepackage{booktabs,graphicx}."""
        text = "\n".join(_latex_section(section, self.note) for section in self.sections)
        return text if all(ord(character) <= LAST_OF_LATEX for character in text) else f"{OTHER_SCRIPTS}\n{text}"

    def to_html(self) -> str:
        """A page that needs nothing else."""
        parts = [_html_section(section) for section in self.sections]
        return HTML_PAGE.format("\n".join([*parts, _html_note(self.note)]))


# Cells


def number(value: float, digits: int = 2) -> str:
    """Rounded, or UNDEFINED for NaN."""
    return UNDEFINED if np.isnan(value) else f"{round(float(value), digits) + 0.0:.{digits}f}"


def mean_and_sd(mean: float, sd: float, digits: int = 2) -> str:
    """Mean ± standard deviation; the mean alone where one run has no spread."""
    return number(mean, digits) if np.isnan(mean) or np.isnan(sd) else f"{number(mean, digits)} ± {number(sd, digits)}"


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """value [low, high]; the value alone without an interval."""
    if np.isnan(value) or np.isnan(low):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def p_value(p: float) -> str:
    """Three digits, or that it is below them."""
    return "< 0.001" if p < 0.001 else number(p, 3)


def given(text: str, n: float) -> str:
    """`text`, or ABSENT when there is no run."""
    return text if n else ABSENT


def joined(*sentences: str) -> str:
    """The sentences that say something."""
    return " ".join(sentence for sentence in sentences if sentence)


def bold(text: str, emphasis: bool = True) -> str:
    """The text in bold, if it is to be emphasised."""
    return f"**{text}**" if emphasis else text


# Markdown


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]], names: int = 1) -> str:
    """All columns but the first `names` hold numbers."""
    rule = ["---"] * names + ["--:"] * (len(headings) - names)
    escaped = [[_markdown_cell(str(cell)) for cell in row] for row in (headings, rule, *rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in escaped)


def _markdown_cell(text: str) -> str:
    """In one line, without an end of the cell and without what would be a tag of HTML."""
    return re.sub(r"\||<(?=[A-Za-z/!?])", r"\\\g<0>", text).replace("\n", " ")


def _markdown_section(section: Section) -> str:
    table = markdown_table(section.headings, _without_repeats(section), section.names) if section.rows else ""
    return "\n\n".join(part for part in (bold(section.title), table, section.note) if part)


def _without_repeats(section: Section) -> list[list[str]]:
    if section.headings[0]:
        return section.rows
    groups = [None, *(row[0] for row in section.rows)]
    return [["" if row[0] == before else row[0], *row[1:]] for before, row in zip(groups, section.rows, strict=False)]


# LaTeX

LATEX = {
    **{character: rf"\{character}" for character in "_&%#${}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "<": "$<$",
    ">": "$>$",
    "|": r"$\vert$",
}


LAST_OF_LATEX = 0x17F
"""The last character of Latin Extended-A; beyond it few are known to pdfLaTeX."""

OTHER_SCRIPTS = "% Names in other scripts: for LuaLaTeX or XeLaTeX with a main font that has them."

SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""A table that is too wide for the page becomes smaller."""


def _latex_section(section: Section, note: str) -> str:
    caption = _latex(joined(f"{section.title}.", section.note, note))
    lines = [r"\begin{table}", r"\centering"]
    if section.rows:
        lines += [
            r"\footnotesize" if len(section.rows) > MANY_ROWS else r"\small",
            r"\setlength{\tabcolsep}{4pt}",
            SHRUNK,
            rf"\begin{{tabular}}{{{'l' * section.names}{'r' * (len(section.headings) - section.names)}}}",
            r"\toprule",
            _latex_row(section.headings),
            r"\midrule",
            *_latex_body(section),
            r"\bottomrule",
            r"\end{tabular}}",
        ]
    return "\n".join([*lines, rf"\caption{{{caption}}}", r"\end{table}", ""])


def _latex_body(section: Section) -> list[str]:
    lines = []
    for position, row in enumerate(_without_repeats(section)):
        if position and not section.headings[0] and row[0]:
            lines.append(r"\midrule")
        lines.append(_latex_row(row))
    return lines


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(_latex_cell(cell) for cell in cells) + r" \\"


def _latex_cell(cell: str) -> str:
    if cell.startswith("**") and cell.endswith("**"):
        return rf"\textbf{{{_latex(cell[2:-2])}}}"
    return _latex(cell)


def _latex(text: str) -> str:
    escaped = "".join(LATEX.get(character, character) for character in text)
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", escaped)  # a minus, not a hyphen


# HTML

HTML_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Table</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; color: #222; background: #fff; margin: 1.5em; }}
h2 {{ font-size: 16px; margin: 1.5em 0 0.5em; }}
table {{ border-collapse: collapse; border-top: 2px solid #222; border-bottom: 2px solid #222; }}
th {{ text-align: left; vertical-align: bottom; border-bottom: 1px solid #222; }}
th, td {{ padding: 0.2em 0.8em 0.2em 0; white-space: nowrap; font-variant-numeric: tabular-nums; }}
.number {{ text-align: right; }}
.group td {{ border-top: 1px solid #bbb; }}
p {{ max-width: 60em; color: #555; }}
</style>
{}
</html>
"""


NUMBER = ' class="number"'


def _html_section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    if section.rows:
        head = _html_row("th", section.headings, section.names)
        grouped = not section.headings[0]
        body = [
            _html_row("td", row, section.names, ' class="group"' if grouped and number and row[0] else "")
            for number, row in enumerate(_without_repeats(section))
        ]
        parts.append("\n".join(["<table>", f"<thead>{head}</thead>", "<tbody>", *body, "</tbody>", "</table>"]))
    return "\n".join([*parts, _html_note(section.note)])


def _html_note(note: str) -> str:
    return f"<p>{html.escape(note)}</p>" if note else ""


def _html_row(tag: str, cells: Sequence[str], names: int, attribute: str = "") -> str:
    kinds = ["" if number < names else NUMBER for number in range(len(cells))]
    written = [f"<{tag}{kind}>{_html_cell(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)]
    return f"<tr{attribute}>{''.join(written)}</tr>"


def _html_cell(cell: str) -> str:
    if cell.startswith("**") and cell.endswith("**"):
        return f"<b>{html.escape(cell[2:-2])}</b>"
    return html.escape(cell)
