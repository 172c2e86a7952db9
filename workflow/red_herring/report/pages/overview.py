"""The front page of a study's report, in reStructuredText: key numbers, what is missing, counts, versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from red_herring.report.markup import ABSENT, UNDEFINED, mean_and_sd, number, p_value, with_interval
from red_herring.report.scores import left_out_note
from red_herring.statistics.common import LEAST_SEEDS

TITLE = "Overview"
CATEGORY = "Overview"
CAPTION = (
    "The text of the front page: the key numbers of the study, what is missing, versions and counts. Look here first "
    "for how many seeds stand behind a number."
)
FILES = ["runs.csv", "localisation.csv", "missing.csv", "tables/comparisons.csv", "tables/relation.csv"]

PAPER = (
    "Viviano, Simpson, Dutil, Bengio and Cohen, *Saliency is a Possible Red Herring When Diagnosing Poor "
    "Generalization*, ICLR 2021"
)
VERDICTS = {
    "relation": "a relation",
    "no relation": "no relation (nearer to zero than 0.2)",
    "negligible relation": "a relation too small to matter (nearer to zero than 0.2)",
    "undecided": "undecided",
    "undefined": "undefined",
}


def front_page(
    study: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    counts: pd.DataFrame,
    records: Sequence[Mapping[str, Any]],
    rendered: Mapping[str, Any],
) -> str:
    """The page.

    study: tasks, methods, seeds; origin: whose runs they are, if not ours. tables: runs, localisation, missing,
    comparisons and relation. counts: those of the splits, or no row. records: run.json of each run, or none. rendered:
    `red_herring.runtime.provenance.environment` of whoever writes it.
    """
    runs, missing = tables["runs"], tables["missing"]
    parts = [
        _heading("Does saliency tell which classifiers generalise?", "="),
        f"{_many(len(runs), 'run')}: {_many(len(study['tasks']), 'task')}, {_many(len(study['methods']), 'method')}, "
        f"{_seeds(runs)}{_origin(study)} {PAPER}.",
        _missing(missing, study["methods"]),
        *(_task(task, study, tables) for task in study["tasks"]),
        _counts(counts),
        _versions(records, rendered),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(study: Mapping[str, Any]) -> str:
    return f", {study['origin']} of" if "origin" in study else ". A reproduction and extension of"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _seeds(runs: pd.DataFrame) -> str:
    sizes = runs.groupby(["task", "method"])["seed"].nunique()
    low, high = (int(sizes.min()), int(sizes.max())) if len(sizes) else (0, 0)
    return f"{_many(high, 'seed')} each" if low == high else f"{low} to {high} seeds each"


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}"


def _missing(missing: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]) -> str:
    if missing.empty:
        return "No run is missing."
    rows = [[row.task, methods[row.method]["title"], str(row.seed), row.why] for row in missing.itertuples()]
    return f"**{_many(len(rows), 'run')} missing.** The numbers below are those of the others.\n\n" + rst_table(
        ["Task", "Method", "Seed", "Why"], rows
    )


def _task(task: str, study: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    own = tables["comparisons"][tables["comparisons"]["task"] == task]
    scores = {score: rows.set_index("method") for score, rows in own.groupby("score")}
    aucs, ious = scores.get("test_auc", pd.DataFrame()), scores.get("iou_gradient", pd.DataFrame())
    rows = [
        [
            study["methods"][row.Index]["title"],
            str(row.n),
            mean_and_sd(row.mean, row.sd) if row.n else ABSENT,
            with_interval(row.difference, row.low, row.high) if pd.notna(row.difference) else ABSENT,
            *(p_value(p) if pd.notna(p) else ABSENT for p in (row.p_holm, row.p_new_holm)),
            _iou(ious, row.Index),
        ]
        for row in aucs.itertuples()
    ]
    maps = tables["localisation"]
    chance = maps.loc[(maps["task"] == task) & (maps["attribution"] == "gradient"), "chance_iou"].mean()
    headings = [
        *("Method", "n", "Test AUC", "Against Classification [95 % on this pool]"),
        *("p (Holm) on this pool", "p (Holm) on new data", "IoU (gradient)"),
    ]
    left_out = _plain(left_out_note({**study, "tasks": {task: study["tasks"][task]}}))
    parts = [_heading(_plain(task), "-"), rst_table(headings, rows), *filter(None, [left_out]), _scopes(aucs)]
    parts += [_relation(task, tables["relation"])]
    random = [f"IoU of a random map, smoothed like the gradient: {number(chance)}."] if pd.notna(chance) else []
    return "\n\n".join(parts + random)


def _scopes(aucs: pd.DataFrame) -> str:
    pairs = int(aucs["paired"].max()) if len(aucs) else 0
    if pairs == 0:
        return "No method shares a seed with Classification, so nothing is compared."
    if pairs == 1:
        return "One seed has neither interval nor p."
    few = f" Fewer than {LEAST_SEEDS} seeds have no bootstrap interval." if pairs < LEAST_SEEDS else ""
    share = aucs["overlap"].mean()
    new = (
        "nothing, as it is not known how many test images seeds have in common"
        if pd.isna(share)
        else "whether the method would differ on other images of the kind; two seeds have "
        f"{100 * share:.0f} % of their test images in common"
    )
    return (
        f"On this pool: of these images, whose re-splits the seeds are; with {pairs} seeds the exact test cannot give "
        f"a p below {2 / 2**pairs:.2g}, before Holm's correction. On new data: {new}.{few}"
    )


def _iou(ious: pd.DataFrame, method: str) -> str:
    if method not in ious.index or not ious.loc[method, "n"]:
        return ABSENT
    return mean_and_sd(*ious.loc[method, ["mean", "sd"]])


def _relation(task: str, relation: pd.DataFrame) -> str:
    own = relation[
        (relation["task"] == task) & (relation["attribution"] == "gradient") & (relation["coefficient"] == "spearman")
    ].set_index("level")
    sentences = []
    for level, words in (("pooled", "over all runs"), ("within", "within methods")):
        if level in own.index:
            row = own.loc[level]
            value = with_interval(row["value"], row["low"], row["high"]) if pd.notna(row["value"]) else UNDEFINED
            p = row["p"] if pd.isna(row["p_holm"]) else row["p_holm"]
            asked = "" if pd.isna(p) else f", p {p_value(p)}"
            sentences.append(f"{words} {value}{asked}: {VERDICTS[row['verdict']]}")
    return "Rank correlation of test AUC with the gradient's IoU " + "; ".join(sentences) + "." if sentences else ""


def _counts(counts: pd.DataFrame) -> str:
    if counts.empty:
        return ""
    sums = counts.groupby(["task", "split", "seed"], sort=False)[["images", "patients"]].sum()
    spans = sums.groupby(["task", "split"], sort=False).agg(["min", "max"])
    rows = [
        [task, split, *(_span(row[kind, "min"], row[kind, "max"]) for kind in ("images", "patients"))]
        for (task, split), row in spans.iterrows()
    ]
    return _heading("Images", "-") + "\n\n" + rst_table(["Task", "Split", "Images", "Patients"], rows)


def _span(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _versions(records: Sequence[Mapping[str, Any]], rendered: Mapping[str, Any]) -> str:
    makers = pd.DataFrame([_maker(record) for record in records]).value_counts(sort=False) if records else {}
    rows = [[f"{_many(count, 'run')}", *maker] for maker, count in makers.items()]
    rows.append(["this page", *_maker(rendered).values()])
    headings = ["What", "Commit", "Python", "PyTorch", "Captum", "torchxrayvision", "Snakemake"]
    return _heading("Made with", "-") + "\n\n" + rst_table(headings, rows)


def _maker(record: Mapping[str, Any]) -> dict[str, str]:
    commit = (record.get("commit") or UNKNOWN)[:10]
    versions = record.get("versions", {})
    return {
        "commit": f"{commit} with changes" if record.get("uncommitted_changes") else commit,
        "python": record.get("python") or UNKNOWN,
        **{name: versions.get(name) or UNKNOWN for name in ("torch", "captum", "torchxrayvision", "snakemake")},
    }


UNKNOWN = "unknown"


def rst_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A list-table of plain text."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in (headings, *rows):
        lines += [f"   {'*' if number == 0 else ' '} - {_plain(cell)}" for number, cell in enumerate(cells)]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    for character in "\\*`|_":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
