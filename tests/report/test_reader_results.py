"""The table of what readers said, from made answers."""

import numpy as np
import pandas as pd
import pytest
from red_herring.report.pages._questions import FAMILIES
from red_herring.report.pages.reader import KEY, REASONS
from red_herring.report.reader_results import COLUMNS, LESS, results
from red_herring.statistics.readers import difference, median, rank_sum_p
from scipy import stats

pytestmark = pytest.mark.slow

PAIRS = [
    ("attribution", "gradient", "tag"), ("attribution", "smoothgrad", "stripe"), ("concepts", "layer3", "tag"),
    ("concepts", "layer3", "stripe"), ("none", "", "tag"), ("none", "", "stripe"),
]  # fmt: skip
TITLES = {"gradient": "Gradient"}


def made(blinded=6, unblinded=7, seed=0):
    """Readers who turn models with a signal down where concepts say so and they are told of it."""
    random, rows = np.random.default_rng(seed), []
    for reader in range(blinded + unblinded):
        page, own = ("blinded", "unblinded")[reader >= blinded], random.integers(0, 2)
        for number, (family, explainer, task) in enumerate(PAIRS):
            for model in ("own", "normal"):
                seen = page == "unblinded" and family == "concepts" and model == "own"
                value = 1 if seen else random.integers(3, 5) + own
                rows.append(
                    dict.fromkeys(KEY)
                    | dict.fromkeys(REASONS, False)
                    | {
                        "page": page,
                        "digest": page,
                        "reader": reader,
                        "question": f"q{number}{model}",
                        "family": family,
                    }
                    | {"explainer": explainer, "task": task, "model": model, "recommend": float(value)}
                    | {"goes_by_the_wrong": seen, "unclear": bool(random.integers(2))}
                )
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def answers():
    found = made()
    found.loc[[3, 40], "recommend"] = np.nan
    return found


@pytest.fixture(scope="module")
def table(answers):
    return results(answers, TITLES)


def rows_of(table, **values):
    frame = table.frame.query(" and ".join(f"{name} == {value!r}" for name, value in values.items()))
    assert len(frame) == 1
    return frame.iloc[0]


def given(answers, **values):
    """[readers, questions] by a loop."""
    own = answers.query(" and ".join(f"{name} == {value!r}" for name, value in values.items()))
    return [
        own.loc[own["reader"] == reader, "recommend"].dropna().to_list() for reader in sorted(own["reader"].unique())
    ]


def test_there_is_a_row_for_every_group_model_and_page(table):
    frame = table.frame
    assert list(frame) == COLUMNS
    groups = frame.groupby("level")[["family", "task", "explainer"]].agg(lambda own: sorted(set(own)))
    assert groups.loc["", "family"] == sorted({family for family, _, _ in PAIRS})
    assert groups.loc["task", "task"] == ["stripe", "tag"]
    assert groups.loc["explainer", "explainer"] == ["", "gradient", "layer3", "smoothgrad"]
    keys = ["level", "family", "task", "explainer"]
    assert (frame.groupby(keys).size() == 6).all()
    assert frame.groupby("level", sort=False).size().to_dict() == {"": 18, "task": 36, "explainer": 24}


@pytest.mark.parametrize("page", ["blinded", "unblinded"])
@pytest.mark.parametrize("model", ["own", "normal"])
@pytest.mark.parametrize("family", ["attribution", "concepts", "none"])
def test_medians_are_those_of_the_answers(table, answers, page, model, family):
    row = rows_of(table, level="", family=family, model=model, page=page)
    own = given(answers, page=page, family=family, model=model)
    assert row["median"] == np.median(np.concatenate(own))
    assert row["mean"] == pytest.approx(np.mean([np.mean(one) for one in own if one]))
    assert (row["readers"], row["answers"]) == (sum(map(bool, own)), sum(map(len, own)))
    asked = answers.query("page == @page and family == @family and model == @model")
    assert row["answers"] + row["unanswered"] == len(asked)
    assert [row[f"why_{reason}"] for reason in REASONS] == pytest.approx(asked[list(REASONS)].mean().tolist())


def test_pages_are_compared_by_the_means_of_readers(table, answers):
    for family in ("attribution", "concepts"):
        means = [
            np.array([np.mean(one) for one in given(answers, page=page, family=family, model="own") if one])
            for page in ("blinded", "unblinded")
        ]
        row = rows_of(table, level="", family=family, model="own", page="unblinded")
        assert (row["difference"], row["difference_low"], row["difference_high"]) == difference(*means)
        assert row["difference"] == pytest.approx(means[1].mean() - means[0].mean())
        assert row["p"] == rank_sum_p(*means)
        of_blinded = rows_of(table, level="", family=family, model="own", page="blinded")
        assert np.isnan([of_blinded["difference"], of_blinded["p"], of_blinded["p_holm"]]).all()


def test_twins_are_compared_within_each_reader(table, answers):
    row = rows_of(table, level="", family="concepts", model=LESS, page="unblinded")
    own, normal = (given(answers, page="unblinded", family="concepts", model=model) for model in ("own", "normal"))
    less = np.array([np.mean(a) - np.mean(b) for a, b in zip(own, normal, strict=True) if a and b])
    assert (row["median"], row["median_low"], row["median_high"]) == median(less[:, None])
    assert row["median"] < -1
    assert np.isnan(row["why_unclear"])


def test_p_is_corrected_within_a_table_for_each_kind_of_model(table):
    for (_, _), own in table.frame.query("page == 'unblinded'").groupby(["level", "model"]):
        assert set(own["corrected"]) == {len(own)}
        ordered = own.sort_values("p")
        holm = np.maximum.accumulate(ordered["p"] * np.arange(len(own), 0, -1)).clip(upper=1)
        np.testing.assert_allclose(ordered["p_holm"], holm)


def test_what_was_made_is_found(table):
    found = rows_of(table, level="", family="concepts", model="own", page="unblinded")
    assert (found["median"], found["why_goes_by_the_wrong"]) == (1, 1)
    assert found["difference"] < -2
    assert found["p"] < 0.01
    assert rows_of(table, level="", family="attribution", model="own", page="unblinded")["p"] > 0.05


@pytest.mark.parametrize(("blinded", "unblinded"), [(6, 0), (0, 1), (1, 0)])
def test_one_page_alone_has_medians_and_no_comparison(blinded, unblinded):
    table = results(made(blinded, unblinded).query("family == 'none'"), TITLES)
    frame = table.frame
    assert frame[["difference", "p", "p_holm"]].isna().all().all()
    empty = frame["page"] == ("unblinded" if blinded else "blinded")
    assert (frame.loc[~empty, "readers"] == max(blinded, unblinded)).all()
    assert (frame.loc[empty, "readers"] == 0).all()
    assert frame.loc[empty, "median"].isna().all()
    assert "undefined" in table.to_markdown()


def test_a_reader_who_recommends_nothing_is_no_reader(answers):
    answers = answers[answers["family"] == "none"]
    quiet = answers.assign(recommend=answers["recommend"].where(answers["reader"] != 2))
    assert rows_of(results(quiet, TITLES), level="", family="none", model="own", page="blinded")["readers"] == 5
    silent = results(answers.assign(recommend=np.nan), TITLES).frame
    assert (silent["readers"] == 0).all()
    assert silent["median"].isna().all()


def test_the_text_names_families_tasks_and_explanations(table):
    text = table.to_markdown()
    for words in (*list(FAMILIES.values())[:3], "Attribution Gradient", "Attribution smoothgrad", "Concept scores tag"):
        assert f"| {words} |" in text, words
    assert "2 of 156 questions have no recommendation" in text
    assert "nan" not in text.replace("explanation", "")


def test_the_test_is_not_far_from_that_of_scipy(table, answers):
    means = answers.query("family == 'none' and model == 'normal'").groupby(["page", "reader"])["recommend"].mean()
    expected = stats.mannwhitneyu(means["blinded"], means["unblinded"], method=stats.PermutationMethod(9999, rng=0))
    assert rows_of(table, level="", family="none", model="normal", page="unblinded")["p"] == pytest.approx(
        expected.pvalue, abs=0.02
    )
