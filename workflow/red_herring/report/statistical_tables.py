"""The tables of what the paper leaves to the eye: paired tests, correlations, agreement, intervals, the searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from red_herring import statistics
from red_herring.data.overlaps import COLUMNS, LOCALISED
from red_herring.data.splits import SHIFTED_TEST
from red_herring.report.collect import SEARCHES
from red_herring.report.markup import (
    ABSENT,
    UNDEFINED,
    Section,
    Table,
    given,
    joined,
    mean_and_sd,
    number,
    p_value,
    with_interval,
)
from red_herring.report.mixed_model import mixed_model
from red_herring.report.tables import BASELINE, Study, runs_note, seeds_of
from red_herring.study.catalogue import method_card
from red_herring.study.names import ATTRIBUTIONS

Settings = Mapping[str, Any]

SCORES = {"test_auc": "test AUC", "iou_gradient": "IoU of the input gradient"}
"""Columns of runs.csv in which methods are compared."""


FEW_SEEDS = (
    f"Fewer than {statistics.LEAST_SEEDS} seeds: no bootstrap interval, as it would be far too narrow; with 5 its 95 % "
    "is 84 %, with 10 it is 90 %."
)


# Methods against Classification


def comparisons_table(study: Study, settings: Settings) -> Table:
    """Each method against Classification on the same seeds, for each task and score of SCORES that the study has.

    frame: task, score, method, the columns of `statistics.paired_comparison`, and collapsed, the share of runs that
    have learnt nothing (`statistics.collapsed`; of test AUC only).
    """
    runs, tasks = study["runs"], settings["tasks"]
    scores = [score for score in SCORES if score in runs]
    parts = {
        (task, score): _comparison(_of(runs, task), score, settings, _overlap(study["overlaps"], task, score))
        for task in tasks
        for score in scores
    }
    frame = pd.concat(parts, names=["task", "score"]).reset_index()
    note = joined(COMPARISON_NOTE, OTHERS_SPLITS if "origin" in settings else "", _missing(study, settings))
    sections = [
        Section(
            f"{task}: {SCORES[score]}", _comparison_headings(score), _comparison_rows(part, score), _shared(part, score)
        )
        for (task, score), part in parts.items()
    ]
    return Table(frame, sections, note)


OTHERS_SPLITS = (
    "The splits behind these runs were not released, so the shares that seeds have in common are those of our own "
    "splits, drawn as published."
)

COMPARISON_NOTE = (
    "n: seeds. IQR: first and third quartile. Difference: mean over the seeds that both have of method - "
    "Classification. On this pool: whether they differ on re-splits of these images, which is what seeds are; 95 % "
    "bootstrap interval over seeds, and exact two-sided Wilcoxon signed-rank test, which n seeds cannot bring below "
    "2 / 2^n. On new data: whether they would differ on other images of the kind; interval and p of the corrected "
    "resampled t test (Nadeau and Bengio 2003), which takes the share of test images (of the IoU: of positive ones) "
    "that two seeds have in common for the correlation of their differences. It has an interval from two seeds on, as "
    "it takes the differences for normal; what holds on new data but not on this pool rests on that, and is no "
    "finding. Holm: adjusted over the methods of this task and score, in each scope. "
    "Collapsed: share of runs that rank at chance, an AUC of 0.45 to 0.55 in two decimals on the shifted test "
    "set and, where it is known, on one with the relation of training. Where it is not, a classifier half-way between "
    "shortcut and finding counts as well. " + FEW_SEEDS
)


def _overlap(overlaps: pd.DataFrame, task: str, score: str) -> pd.DataFrame:
    """[seed, other]: the share of the images behind a score of a seed that are behind that of another one as well."""
    own = overlaps.reindex(columns=COLUMNS)  # a study without pairs of seeds may have a table without columns
    of = SHIFTED_TEST if score == "test_auc" else LOCALISED
    own = own[(own["task"] == task) & (own["split"] == of) & (own["other_split"] == of)]
    return own.pivot_table(index="seed", columns="other", values="share")


def _comparison(runs: pd.DataFrame, score: str, settings: Settings, overlap: pd.DataFrame) -> pd.DataFrame:
    """Indexed by method."""
    methods = list(settings["methods"])
    values = runs.pivot_table(index="seed", columns="method", values=score).reindex(columns=methods)
    table = statistics.paired_comparison(values, BASELINE, overlap)
    share = np.nan
    if score == "test_auc":
        in_distribution = runs.reindex(columns=["test_in_distribution_auc"]).squeeze(axis=1).to_numpy(float)
        at_chance = pd.Series(statistics.collapsed(runs[score].to_numpy(float), in_distribution), runs.index)
        share = at_chance[runs[score].notna()].groupby(runs["method"]).mean().reindex(methods)
    table.insert(list(table).index("paired"), "collapsed", share)
    return table


def _comparison_headings(score: str) -> list[str]:
    collapsed = ["Collapsed"] if score == "test_auc" else []
    pool = ["Difference [95 % on this pool]", "p on this pool", "Holm"]
    return ["Method", "n", "Mean", "Median (IQR)", *collapsed, *pool, "[95 % on new data]", "p on new data", "Holm"]


def _comparison_rows(table: pd.DataFrame, score: str) -> list[list[str]]:
    rows = []
    for method, row in table.iterrows():
        quartiles = f"{number(row['median'])} ({number(row['q1'])}, {number(row['q3'])})"
        own = [mean_and_sd(row["mean"], row["sd"]), quartiles]
        own += [f"{row['collapsed']:.0%}"] if score == "test_auc" else []
        difference = with_interval(row["difference"], row["low"], row["high"], 3)
        against = [difference, p_value(row["p"]), p_value(row["p_holm"])]
        against += [_ends(row["low_new"], row["high_new"]), p_value(row["p_new"]), p_value(row["p_new_holm"])]
        against = [given(cell, method != BASELINE and row["n"]) for cell in against]
        rows.append([_title(method), f"{row['n']:.0f}", *(given(cell, row["n"]) for cell in own), *against])
    return rows


def _ends(low: float, high: float) -> str:
    return UNDEFINED if np.isnan(low) else f"[{number(low, 3)}, {number(high, 3)}]"


def _shared(table: pd.DataFrame, score: str) -> str:
    """How many of the images behind a score seeds share, in a sentence."""
    if table["overlap"].isna().all():
        return UNKNOWN_OVERLAP if (table["paired"] > 1).any() else ""
    shares = [f"{100 * share:.0f}" for share in (table["overlap"].min(), table["overlap"].max())]
    images = "test images" if score == "test_auc" else "positive test images, of which maps are made,"
    return f"Two seeds have {' to '.join(dict.fromkeys(shares))} % of their {images} in common."


UNKNOWN_OVERLAP = "How many test images seeds have in common is not known, so that nothing is said of new data."


# Test AUC and localisation


def relation_table(study: Study, settings: Settings) -> Table:
    """How test AUC goes with the IoU of each attribution, see `statistics.relation`.

    frame: task, attribution, the columns of that function, role and p_holm. The hypothesis of the study is one for each
    task, `primary`: Spearman's coefficient over all runs with the first attribution; its p_holm is adjusted over the
    tasks, and its verdict is that of p_holm. All else is `exploratory`.
    """
    runs, tasks = study["runs"], settings["tasks"]
    attributions = _attributions(runs, settings)
    parts = {
        (task, attribution): statistics.relation(*_columns(own, "test_auc", f"iou_{attribution}"))
        for task in tasks
        for own in [_of(runs, task)]
        for attribution in attributions
    }
    frame = pd.concat(parts, names=["task", "attribution"]).reset_index(level=[0, 1]).reset_index(drop=True)
    primary = frame[list(PRIMARY)].eq(pd.Series(PRIMARY)).all(axis=1) & (frame["attribution"] == attributions[0])
    frame["role"] = np.where(primary, "primary", "exploratory")
    frame["p_holm"] = pd.Series(statistics.holm(frame.loc[primary, "p"]), frame.index[primary])
    frame.loc[primary, "verdict"] = [statistics.verdict(p) for p in frame.loc[primary, "p_holm"]]
    note = joined(RELATION_NOTE, _missing(study, settings))
    sections = [
        Section(f"{task}: test AUC and IoU", RELATION_HEADINGS, _relation_rows(_of(frame, task)), names=2)
        for task in tasks
    ]
    return Table(frame, sections, note)


PRIMARY = {"level": "pooled", "coefficient": "spearman"}

RELATION_HEADINGS = ["", "Level", "n", "Spearman [95 %]", "p", "Says", "Pearson [95 %]", "p", "Says"]

RELATION_NOTE = (
    "n: runs, or methods. Pooled: over all runs. Within: the means of methods and of seeds taken away. Between: of the "
    "method means. p: by permutation, pooled and between of the methods, within of the seeds; so many runs of six "
    "methods are no more than six methods. [95 %]: bootstrap over seeds, all methods of a drawn seed together, for "
    "these methods; it says nothing of others. Primary hypothesis, one for each task: Spearman over all runs with the "
    "attribution in the first row, its p adjusted by Holm over the tasks (*); all else is exploratory. All is said of "
    "these pools of images, whose re-splits the seeds are, and not of new data. Relation: p < "
    f"{statistics.SIGNIFICANCE}. No relation: the 90 % interval lies within ±{statistics.EQUIVALENCE_BOUND} (two "
    "one-sided tests at 0.05), asked within methods only. Negligible relation: both. Undecided: neither. " + FEW_SEEDS
)


def _relation_rows(frame: pd.DataFrame) -> list[list[str]]:
    rows = []
    for (attribution, level), pair in frame.groupby(["attribution", "level"], sort=False):
        n = pair["n"].iloc[0]
        row = [ATTRIBUTIONS[attribution], level, str(n)]
        for _, found in pair.iterrows():
            p = f"{p_value(found['p_holm'])} *" if found["role"] == "primary" else p_value(found["p"])
            cells = (with_interval(found["value"], found["low"], found["high"]), p, found["verdict"])
            row += [given(cell, n) for cell in cells]
        rows.append(row)
    return rows


def relation_between_tasks_table(study: Study, settings: Settings) -> Table:
    """Whether the correlations of test AUC and IoU within methods differ between tasks, see
    `statistics.within_difference`.

    frame: attribution, task_a, task_b, the columns of that function, and p_holm (over all pairs of tasks of the
    attribution and coefficient).
    """
    runs, tasks = study["runs"], settings["tasks"]
    parts = {
        (attribution, task_a, task_b): statistics.within_difference(
            *zip(
                *(_columns(_of(runs, task), "test_auc", f"iou_{attribution}") for task in (task_a, task_b)), strict=True
            )
        )
        for attribution in _attributions(runs, settings)
        for task_a, task_b in combinations(tasks, 2)
    }
    frame = _below_each_other(parts, ["attribution", "task_a", "task_b"], DIFFERENCE)
    if len(frame):
        families = frame.groupby(["attribution", "coefficient"])["p"]
        frame["p_holm"] = families.transform(lambda p: statistics.holm(p.to_numpy()))
    sections = [
        Section(
            f"Test AUC and IoU within methods, {ATTRIBUTIONS[attribution]}: tasks compared",
            BETWEEN_HEADINGS,
            _pair_rows(frame[frame["attribution"] == attribution]),
            names=2,
        )
        for attribution in _attributions(runs, settings)
    ]
    note = BETWEEN_NOTE if len(frame) else "One task: nothing to compare."
    return Table(frame, sections, joined(note, _missing(study, settings)))


DIFFERENCE = ["coefficient", "seeds", "value_a", "value_b", "difference", "low", "high", "p", "p_holm"]

BETWEEN_HEADINGS = [
    "",
    "Task",
    "Seeds",
    *["Spearman", "Difference [95 %]", "Holm"],
    *["Pearson", "Difference [95 %]", "Holm"],
]

BETWEEN_NOTE = (
    "Correlations within methods (means of methods and seeds taken away) of two tasks, and their difference with its "
    "95 % bootstrap interval over the seeds that both have, the same ones drawn in both: on these pools of images. "
    "Holm: adjusted over all pairs of tasks of this attribution and coefficient. Correlations over all runs are not "
    "compared: what six methods happen to show on two tasks differs often enough by chance."
)


def _pair_rows(pairs: pd.DataFrame) -> list[list[str]]:
    """The coefficients of each pair of tasks side by side."""
    rows = []
    for (task_a, task_b), pair in pairs.groupby(["task_a", "task_b"], sort=False):
        row = [task_a, task_b, str(pair["seeds"].iloc[0])]
        for _, found in pair.iterrows():
            values = f"{number(found['value_a'])}, {number(found['value_b'])}"
            row += [values, with_interval(found["difference"], found["low"], found["high"]), p_value(found["p_holm"])]
        rows.append(row)
    return rows


def mixed_model_table(study: Study, settings: Settings) -> Table:
    """Test AUC by IoU within methods and between them, see `mixed_model`.

    frame: task, attribution, the columns of that function.
    """
    runs, tasks = study["runs"], settings["tasks"]
    parts = {
        (task, attribution): mixed_model(*_columns(_of(runs, task), f"iou_{attribution}", "test_auc")[:3])
        for task in tasks
        for attribution in _attributions(runs, settings)
    }
    frame = pd.concat(parts, names=["task", "attribution"]).reset_index(level=[0, 1]).reset_index(drop=True)
    sections = [
        Section(f"{task}: test AUC by IoU, mixed model", MIXED_HEADINGS, _mixed_rows(_of(frame, task)))
        for task in tasks
    ]
    return Table(frame, sections, joined(MIXED_NOTE, _missing(study, settings)))


MIXED_HEADINGS = ["Attribution", "n", "Methods", "Within [95 %]", "p", "Between [95 %]", "p", "SD of intercept", "Fit"]

MIXED_NOTE = (
    "AUC ~ within + between + (1 | method) over runs, by restricted maximum likelihood (statsmodels). Within: the IoU "
    "less the mean of its method; between: that mean; both as AUC for 1 of IoU. n: runs. SD: standard deviation of the "
    "random intercept of methods. Fit: what statsmodels warned of. Intervals and p take runs as independent and "
    "estimates as normal, and are too narrow: of studies of six methods and ten seeds without any relation 11 % have p "
    "< 0.05 between, as six methods are few, and 7 % within, or 17 % where seeds differ as much as their runs do, as a "
    "seed's split is easy or hard for all methods. Verdicts are those of the relation's permutations."
)


def _mixed_rows(frame: pd.DataFrame) -> list[list[str]]:
    rows = []
    for attribution, terms in frame.groupby("attribution", sort=False):
        first = terms.iloc[0]
        cells = [
            cell
            for _, row in terms.iterrows()
            for cell in (with_interval(row["estimate"], row["low"], row["high"]), p_value(row["p"]))
        ]
        cells = [given(cell, first["n"]) for cell in (*cells, number(first["intercept_sd"], 3))]
        names = [ATTRIBUTIONS[attribution], str(first["n"]), str(first["methods"])]
        rows.append([*names, *cells, first["warning"] or "no warning"])
    return rows


# Agreement between attributions


def agreement_table(study: Study, settings: Settings) -> Table:
    """Whether two attributions rank runs alike: Spearman over the runs of a task of their IoUs.

    frame: task, attribution_a, attribution_b, n (runs), seeds, value, low, high (95 %, bootstrap over seeds).
    """
    runs, tasks = study["runs"], settings["tasks"]
    pairs = list(combinations(_attributions(runs, settings), 2))
    parts = {(task, a, b): _agreement(_of(runs, task), a, b) for task in tasks for a, b in pairs}
    frame = _below_each_other(parts, ["task", "attribution_a", "attribution_b"], AGREEMENT)
    note = AGREEMENT_NOTE if pairs else "One attribution: nothing to compare."
    sections = [
        Section(
            f"{task}: agreement of attributions",
            ["", "With", "n", "Spearman [95 %]"],
            [_agreement_row(parts[task, a, b], a, b) for a, b in pairs],
            names=2,
        )
        for task in tasks
    ]
    return Table(frame, sections, joined(note, _missing(study, settings)))


AGREEMENT_NOTE = (
    "Spearman's correlation of the IoUs of two attributions over the runs of all methods; 95 % bootstrap interval "
    "over seeds, on this pool of images. n: runs."
)


def _agreement(runs: pd.DataFrame, a: str, b: str) -> pd.DataFrame:
    found = statistics.relation(*_columns(runs, f"iou_{a}", f"iou_{b}"), levels=["pooled"])
    return found[found["coefficient"] == "spearman"][AGREEMENT]


AGREEMENT = ["n", "seeds", "value", "low", "high"]


def _agreement_row(found: pd.DataFrame, a: str, b: str) -> list[str]:
    row = found.iloc[0]
    correlation = given(with_interval(row["value"], row["low"], row["high"]), row["n"])
    return [ATTRIBUTIONS[a], ATTRIBUTIONS[b], f"{row['n']:.0f}", correlation]


# What the searches found


def hyperparameters_table(study: Study, settings: Settings) -> Table:
    """The best value of each hyperparameter in its range, and how the validation AUC of the trials goes with it.

    frame: task, method, hyperparameter, law, low, high (of the range), best, on_bound, trials (that did not fail),
    failed, value and p of `statistics.spearman` over these trials.
    """
    searches = _in_order(study["searches"], settings)[SEARCHES]
    tried = [
        _tried(study["trials"], *row) for row in searches[["task", "method", "hyperparameter"]].itertuples(index=False)
    ]
    frame = searches.join(pd.DataFrame(tried, columns=["trials", "failed", "value", "p"]))
    sections = [
        Section(f"{task}: hyperparameters", SEARCH_HEADINGS, _search_rows(_of(frame, task), settings), names=3)
        for task in settings["tasks"]
    ]
    return Table(frame, sections, SEARCH_NOTE)


SEARCH_HEADINGS = ["", "Hyperparameter", "Law", "Range", "Best", "On a bound", "Trials", "Failed", "Spearman", "p"]

SEARCH_NOTE = (
    "On a bound: within 5 % of an end of the range, on the scale of its law. Trials: those that did not fail. "
    "Spearman: of their best validation AUC with the hyperparameter; undefined for fewer than four. The search "
    "chooses its trials by the AUC of earlier ones, so p is a guide only."
)


def _tried(trials: pd.DataFrame, task: str, method: str, name: str) -> tuple[int, int, float, float]:
    own = trials[(trials["task"] == task) & (trials["method"] == method)]
    good = own[own["status"] == "ok"].reindex(columns=[name, "valid_auc"]).astype(float)
    return len(good), int((own["status"] == "failed").sum()), *statistics.spearman(*good.to_numpy().T)


def _search_rows(frame: pd.DataFrame, settings: Settings) -> list[list[str]]:
    """A method that nothing is known of has a row as well."""
    rows = []
    for method in settings["methods"]:
        own = frame[frame["method"] == method]
        rows += [_search_row(row) for _, row in own.iterrows()]
        if own.empty:
            rows.append([_title(method), *[ABSENT] * 5, "0", *[ABSENT] * 3])
    return rows


def _search_row(row: pd.Series) -> list[str]:
    searched = not np.isnan(row["low"])
    span = f"{row['low']:.3g} to {row['high']:.3g}" if searched else ABSENT
    bound = ("yes" if row["on_bound"] else "no") if searched else ABSENT
    tried = [given(text, row["trials"]) for text in (number(row["value"]), p_value(row["p"]))]
    names = [_title(row["method"]), row["hyperparameter"].replace("_", " "), row["law"] if searched else "given"]
    return [*names, span, f"{row['best']:.3g}", bound, str(row["trials"]), str(row["failed"]), *tried]


# Intervals of the AUCs


def auc_intervals_table(study: Study, settings: Settings) -> Table:
    """The test AUC of each run and of each method with its bootstrap interval; frame: auc_intervals.csv as it is."""
    frame = _in_order(study["auc_intervals"], settings)
    sections = [_intervals_section(_of(frame, task), task, settings) for task in settings["tasks"]]
    return Table(frame, sections, joined(INTERVALS_NOTE, _missing(study, settings)))


INTERVALS_NOTE = (
    "Test AUC with its 95 % bootstrap interval: of a run over its patients, each drawn with all images; of all seeds "
    "over the patients of all test sets, who count equally often in each of them, and over seeds. As the spread "
    "between seeds holds a part of that between patients, the latter are a little too wide. " + FEW_SEEDS
)


def _intervals_section(rows: pd.DataFrame, task: str, settings: Settings) -> Section:
    """A row per seed, the first for all together; a column per method."""
    methods = settings["methods"]
    # A seed is a number or, for all together, missing, which no look-up finds.
    found = {(row["seed"], row["method"]): row for _, row in rows.assign(seed=rows["seed"].fillna(ALL)).iterrows()}
    seeds = list(dict.fromkeys(seed for seed, _ in sorted(found, key=lambda key: key[0] != ALL)))
    lines = [
        ["All seeds" if seed == ALL else f"{seed:.0f}", *(_interval(found.get((seed, method))) for method in methods)]
        for seed in seeds
    ]
    counts = [_counted(rows.loc[rows["seed"].notna(), name], name) for name in ("images", "patients")]
    drawn = f"Test sets of {' of '.join(counts)}." if len(rows) else "No predictions, so no intervals."
    return Section(
        f"{task}: intervals of the test AUC",
        ["Seed", *(_title(method) for method in methods)],
        lines,
        drawn,
    )


ALL = -1
"""Stands for all seeds together."""


def _counted(values: pd.Series, name: str) -> str:
    low, high = values.min(), values.max()
    return f"{low:.0f} {name}" if low == high else f"{low:.0f} to {high:.0f} {name}"


def _interval(row: pd.Series | None) -> str:
    if row is None:
        return ABSENT
    return with_interval(row["auc"], row["low"], row["high"])


# Glue


def _missing(study: Study, settings: Settings) -> str:
    return runs_note(seeds_of(study["runs"], settings["tasks"], settings["methods"]), settings)


def _title(method: str) -> str:
    return method_card(method).title


def _of(table: pd.DataFrame, task: str) -> pd.DataFrame:
    return table[table["task"] == task]


def _attributions(runs: pd.DataFrame, settings: Settings) -> list[str]:
    return [attribution for attribution in settings["attributions"] if f"iou_{attribution}" in runs]


def _columns(runs: pd.DataFrame, x: str, y: str) -> tuple[np.ndarray, ...]:
    """Two scores of the runs, their methods and seeds."""
    return (*(runs[column].to_numpy(float) for column in (x, y)), *(runs[key].to_numpy() for key in ("method", "seed")))


def _below_each_other(
    parts: Mapping[tuple[str, ...], pd.DataFrame], names: Sequence[str], columns: Sequence[str]
) -> pd.DataFrame:
    """The frames, of these columns, with their keys as first columns."""
    if not any(map(len, parts.values())):
        return pd.DataFrame(columns=[*names, *columns])
    return pd.concat(parts, names=names).reset_index(level=names).reset_index(drop=True)


def _in_order(table: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows by task and method in display order; those of others are left out."""
    shown = {"task": list(settings["tasks"]), "method": list(settings["methods"])}
    own = table[np.logical_and.reduce([table[key].isin(names) for key, names in shown.items()])]
    return own.sort_values(
        list(shown), key=lambda values: values.map(shown[values.name].index), kind="stable", ignore_index=True
    )
