"""Say what a study costs before it is started, on the terminal and in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from red_herring.report.cost import benchmarks_in, plan, studies_near
from red_herring.runtime import command
from red_herring.runtime.command import Input, Output
from red_herring.runtime.files import write_text
from red_herring.study.stage_settings import Costing


def cost(
    settings: Costing,
    results: Annotated[Path, Input("the folder of the study; benchmarks are read there and in those beside it")],
    page: Annotated[Path, Output("text")],
) -> None:
    known = list(benchmarks_in(studies_near(results), list(settings.analyses)))
    text = plan(settings, results, known)
    write_text(page, text)
    print(text, end="")


if __name__ == "__main__":
    command.run(cost)
