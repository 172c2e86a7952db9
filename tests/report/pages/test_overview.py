"""The front page of a report."""

import pandas as pd
import pytest
from docutils.core import publish_parts
from red_herring.report.pages.overview import front_page
from red_herring.study.settings import described_methods

STUDY = {"tasks": {"spc": {}}, "methods": described_methods(["classification", "rrr"]), "seeds": [1, 2]}
ORIGIN = {"origin": "released by the authors"}
COMPARED = {
    "task": "spc", "score": "test_auc", "sd": 0.05, "median": 0.7, "q1": 0.6, "q3": 0.8, "collapsed": 0.0, "paired": 2,
    "p": 0.005, "family": 1, "overlap": 0.224,
}  # fmt: skip
MAKER = {"commit": "0123456789abcdef", "python": "3.11.2", "versions": {"torch": "2.14.1"}}


@pytest.fixture
def tables():
    nothing = {"difference": None, "low": None, "high": None, "p_holm": None, "p_new_holm": None}
    rrr = {"difference": -0.1312, "low": -0.18, "high": -0.08, "p_holm": 0.0098, "p_new_holm": 0.34}
    comparisons = [
        COMPARED | {"method": "classification", "n": 2, "mean": 0.7} | nothing,
        COMPARED | {"method": "rrr", "n": 1, "mean": 0.57} | rrr,
        COMPARED | {"score": "iou_gradient", "method": "rrr", "n": 1, "mean": 0.38} | nothing,
    ]
    relation = [
        ("spc", "gradient", level, "spearman", 3, 2, value, low, high, None, None, p, p_holm, verdict)
        for level, value, low, high, p, p_holm, verdict in (
            ("pooled", 0.36, 0.2, 0.52, 0.01, 0.04, "relation"),
            ("within", None, None, None, None, None, "undefined"),
        )
    ]
    return {
        "runs": pd.DataFrame(
            {"task": "spc", "method": ["classification", "classification", "rrr"], "seed": [1, 2, 1]}
        ),
        "localisation": pd.DataFrame(
            {"task": ["spc", "spc", "vpc"], "attribution": ["gradient", "edges", "gradient"], "chance_iou": [0.34, 0.1, 0.2]}
        ),
        "missing": pd.DataFrame({"task": ["spc"], "method": ["rrr"], "seed": [2], "why": ["the *loss* is nan_"]}),
        "comparisons": pd.DataFrame(comparisons).astype(
            {"difference": float, "p_holm": float, "p_new_holm": float}
        ),
        "relation": pd.DataFrame(
            relation,
            columns=[
                "task", "attribution", "level", "coefficient", "n", "seeds", "value", "low", "high", "low_90", "high_90",
                "p", "p_holm", "verdict",
            ],
        ).astype({"value": float, "p": float, "p_holm": float}),
    }  # fmt: skip


@pytest.fixture
def counts():
    rows = [("spc", split, seed, 10 + seed, 5) for split in ("train", "test") for seed in (1, 2)]
    return pd.DataFrame(rows, columns=["task", "split", "seed", "images", "patients"])


def words(page):
    """What a reader sees of the page, without markup; docutils refuses what is not valid."""
    html = publish_parts(page, writer="html", settings_overrides={"halt_level": 2})["html_body"]
    return " ".join(pd.Series([html]).str.replace(r"<[^>]*>", " ", regex=True)[0].split())


def test_the_key_numbers_of_each_method(tables, counts):
    page = words(front_page(STUDY, tables, counts, [MAKER], MAKER))
    assert "3 runs: 1 task, 2 methods, 1 to 2 seeds each." in page
    assert "Classification 2 0.70 ± 0.05 – – – –" in page
    assert "RRR 1 0.57 ± 0.05 -0.13 [-0.18, -0.08] 0.010 0.340 0.38 ± 0.05" in page
    assert "p (Holm) on this pool p (Holm) on new data" in page
    assert "other images of the kind; two seeds have 22 % of their test images in common." in page
    unknown = tables | {"comparisons": tables["comparisons"].assign(overlap=None).astype({"overlap": float})}
    assert "On new data: nothing, as it is not known how many" in words(front_page(STUDY, unknown, counts, [], MAKER))
    assert "over all runs 0.36 [0.20, 0.52], p 0.040: a relation; within methods undefined: undefined" in page
    assert "with 2 seeds the exact test cannot give a p below 0.5, before" in page
    assert "IoU of a random map, smoothed like the gradient: 0.34." in page
    assert "1 to 2 seeds each, released by the authors of Viviano" in words(
        front_page(STUDY | ORIGIN, tables, counts, [MAKER], MAKER)
    )


def test_a_study_without_the_gradient_has_no_chance_level_of_it(tables, counts):
    others = tables["localisation"].query("attribution != 'gradient'")
    assert "random map" not in words(front_page(STUDY, tables | {"localisation": others}, counts, [MAKER], MAKER))


def test_without_classification_nothing_is_compared(tables, counts):
    alone = tables | {"comparisons": tables["comparisons"].query("method == 'rrr'").assign(paired=0)}
    page = words(front_page(STUDY, alone, counts, [MAKER], MAKER))
    assert "No method shares a seed with Classification" in page


def test_what_is_missing_and_the_realised_counts(tables, counts):
    page = words(front_page(STUDY, tables, counts, [MAKER], MAKER))
    assert "1 run missing." in page
    assert "spc RRR 2 the *loss* is nan_" in page
    assert "spc train 11 to 12 5" in page
    whole = tables | {"missing": tables["missing"].iloc[:0], "runs": tables["runs"].drop_duplicates("method")}
    page = words(front_page(STUDY, whole, counts.iloc[:0], [], MAKER))
    assert "No run is missing." in page
    assert "2 runs: 1 task, 2 methods, 1 seed each." in page


def test_versions_and_commits_of_the_runs(tables, counts):
    other = MAKER | {"uncommitted_changes": True}
    page = words(front_page(STUDY, tables, counts, [MAKER, MAKER, other], MAKER))
    assert "2 runs 0123456789 3.11.2 2.14.1 unknown" in page
    assert "1 run 0123456789 with changes 3.11.2" in page
    assert "nan" not in page.replace("nan_", "").split()
