"""The page of benchmarks: rows become a table, and what the cores did adds up."""

import pandas as pd
import pytest
from benchmarks import bench_demo, table

STEP = {
    "row": {"method": "actdiff", "threads": 1},
    "seconds": {"reference": [0.5, 0.4, 0.9], "ours": [0.1, 0.3, 0.2]},
    "reference": "reference",
    "more": {"images/s": 160},
}


def report(*rows, group="One step"):
    return {
        "machine_info": {
            "machine": "x86_64", "memory": 16 * 2**30, "load_before": 0.25, "torch": "2.0", "python_version": "3.11.2",
            "cpu": {"brand_raw": "A CPU", "count": 4, "flags": ["fpu", "amx_bf16", "avx2"]},
        },
        "commit_info": {"id": "0123456789abcdef", "dirty": True},
        "datetime": "2026-01-02T03:04:05+00:00",
        "benchmarks": [{"group": group, "extra_info": {"rows": [row]}} for row in rows],
    }  # fmt: skip


def test_a_row_has_the_best_seconds_and_their_ratio_to_the_reference():
    header, cells = table.pivot([STEP])
    assert header == ["method", "threads", "reference, s", "ours, s", "× ours", "images/s"]
    assert cells == [["actdiff", 1, 0.4, 0.1, 4.0, 160]]


def test_rows_need_not_have_the_same_columns():
    other = {"row": {"method": "rrr"}, "seconds": {"reference": [3.0], "bfloat16": [4.0]}, "reference": "reference"}
    header, cells = table.pivot([STEP, other])
    assert header == [
        "method", "threads", "reference, s", "ours, s", "bfloat16, s", "× ours", "× bfloat16", "images/s",
    ]  # fmt: skip
    assert cells[1] == ["rrr", "", 3.0, "", 4.0, "", 0.75, ""]


def test_a_row_without_reference_has_no_ratios():
    assert table.pivot([{"row": {"part": "imports"}, "more": {"share": "4.0%"}}]) == (
        ["part", "share"],
        [["imports", "4.0%"]],
    )
    assert table.pivot([STEP | {"reference": None, "more": {}}])[0] == ["method", "threads", "reference, s", "ours, s"]


def test_the_page_has_the_machine_and_a_table_for_each_group():
    found = report(STEP, STEP | {"row": {"method": "rrr", "threads": 2}})
    found["benchmarks"] += report({"row": {"part": "imports"}, "more": {"share": "4.0%"}}, group="The demo")[
        "benchmarks"
    ]
    page = table.page(found)
    assert (
        "- CPU: A CPU, 4 cores; avx2 amx_bf16\n- memory: 16 GiB; processes at work before: 0.2\n- PyTorch 2.0, Python 3.11.2\n"
        in page
    )
    assert "- 2026-01-02, commit 0123456789 with changes\n" in page
    assert page.count("## One step\n") == 1
    assert (
        "| method | threads | reference, s | ours, s | × ours | images/s |\n| --- | --: | --: | --: | --: | --: |\n"
        in page
    )
    assert "| actdiff | 1 | 0.400 | 0.100 | 4.00 | 160 |\n| rrr | 2 | 0.400 | 0.100 | 4.00 | 160 |\n" in page
    assert page.endswith("## The demo\n\n| part | share |\n| --- | --: |\n| imports | 4.0% |\n")


def test_a_benchmark_without_rows_is_left_out():
    benchmarks = [{"group": "failed", "extra_info": {}}, {"group": "done", "extra_info": {"rows": [STEP]}}]
    assert table.by_group(benchmarks) == {"done": [STEP]}


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (12345.6, "12,300"), (99.96, "100.0"), (1.5, "1.50"), (0.01234, "0.0123"), (0.0, "0"), ("3 %", "3 %")],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert table.shown(value) == text


def test_the_parts_of_the_demo_add_up_to_all_core_seconds():
    jobs = pd.DataFrame(
        [("prepare_images", 3.0, 2), ("train", 10.0, 1), ("train", 12.0, 1), ("localisation", 5.0, 1), ("render_table", 0.5, 1)],
        columns=["stage", "seconds", "threads"],
    )  # fmt: skip
    imports = {"prepare_images": 1.0, "train": 2.0, "localisation": 2.0, "render_table": 0.8}
    parts = bench_demo.core_seconds(20.0, 2, jobs, imports)
    # A job whose process was shorter than its imports elsewhere did nothing but import.
    assert parts == pytest.approx(
        {
            bench_demo.ORCHESTRATION: 40 - (6 + 22 + 5 + 0.5),
            "imports": 2 + 4 + 2 + 0.5,
            "data": 4,
            "search and training": 18,
            "analyses": 3,
            "tables and figures": 0,
        }
    )
    assert sum(parts.values()) == pytest.approx(40)
