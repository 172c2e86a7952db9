"""One page of what `make bench` measured, from pytest-benchmark's JSON.

    python tests/benchmarks/table.py results/bench/benchmarks.json results/bench/performance.md

Every benchmark sets `benchmark.group`, the title of its table, and `benchmark.extra_info["rows"]`, a list of rows of it:

    row        what is measured, {column: value}, for example {"method": "actdiff", "threads": 1}
    seconds    {alternative: [seconds of each round]}, of which the minimum is shown
    reference  the alternative that the others are set against: a column of reference / alternative, above 1 is faster
    more       further columns, {column: value}

Values are texts or numbers. `benchmarks.measuring.side_by_side` does all of this for a benchmark of one row:

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("method", METHODS)
    def test_training_step(benchmark, method, threads):
        steps = {"reference": ..., "float32": ..., "bfloat16": ...}    # functions without arguments
        row = side_by_side(benchmark, "One step of training", {"method": method, "threads": threads}, steps, rounds=7)
        row["more"]["images/s, float32"] = BATCH / min(row["seconds"]["float32"])
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16")
"""What a CPU can do that matters to PyTorch, as Linux names it."""


def page(report: dict[str, Any]) -> str:
    parts = ["# What it takes", machine(report)]
    for group, rows in by_group(report["benchmarks"]).items():
        parts += [f"## {group}", markdown(*pivot(rows))]
    return "\n\n".join(parts) + "\n"


def machine(report: dict[str, Any]) -> str:
    info, commit = report["machine_info"], report["commit_info"]
    cpu = info["cpu"]
    able = [flag for flag in FLAGS if flag in cpu.get("flags", [])]
    changed = " with changes" if commit.get("dirty") else ""
    lines = [
        f"CPU: {cpu.get('brand_raw', info['machine'])}, {cpu.get('count', '?')} cores; {' '.join(able) or 'no AVX2'}",
        f"memory: {info['memory'] / 2**30:.0f} GiB; processes at work before: {info['load_before']:.1f}",
        f"PyTorch {info['torch']}, Python {info['python_version']}",
        f"{report['datetime'][:10]}, commit {(commit.get('id') or 'unknown')[:10]}{changed}",
    ]
    told = "Seconds are the best of several rounds, in which the alternatives take turns. ×: the reference's seconds by these."
    return "\n".join(f"- {line}" for line in lines) + f"\n\n{told}"


def by_group(benchmarks: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table, in the order in which they were measured; a benchmark that failed may have none."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for benchmark in benchmarks:
        if rows := benchmark["extra_info"].get("rows"):
            groups.setdefault(benchmark["group"], []).extend(rows)
    return groups


def pivot(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Header and cells: what is measured, the seconds of each alternative, its ratio, and what else there is."""
    flat = [_flat(row) for row in rows]
    header = [name for part in range(len(flat[0])) for name in _union([row[part] for row in flat])]
    cells = [{name: value for part in row for name, value in part.items()} for row in flat]
    return header, [[row.get(name, "") for name in header] for row in cells]


def _flat(row: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The parts of a row, from left to right."""
    best = {name: min(times) for name, times in row.get("seconds", {}).items()}
    reference = best.get(row.get("reference"))
    ratios = {name: reference / time for name, time in best.items() if reference and name != row["reference"]}
    return (
        row["row"],
        {f"{name}, s": time for name, time in best.items()},
        {f"× {name}": ratio for name, ratio in ratios.items()},
        row.get("more", {}),
    )


def _union(parts: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part))


def markdown(header: list[str], rows: list[list[Any]]) -> str:
    """Texts to the left, numbers to the right."""
    right = [all(re.fullmatch(r"[\d,.]* ?%?", shown(row[i])) for row in rows) for i in range(len(header))]
    table = [
        header,
        ["--:" if numbers else "---" for numbers in right],
        *([shown(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def shown(value: Any) -> str:
    """Integers in full, other numbers to three digits."""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"


if __name__ == "__main__":
    text = page(json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(text)
    print(text)
