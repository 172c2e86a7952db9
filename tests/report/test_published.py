"""The released runs as the tables of a study."""

import pandas as pd
import pytest
from red_herring.data.overlaps import COLUMNS
from red_herring.reference import PUBLISHED_HYPERPARAMETERS, PUBLISHED_OVERLAPS, PUBLISHED_RUNS
from red_herring.report.collect import LOCALISATION
from red_herring.report.published import overlaps_between, published_tables
from red_herring.report.reading import read_table
from red_herring.study.settings import published_settings

LEVELS = {"gradient": 0.5, "integrated_gradients": 0.5, "occlusion": 0.4}


@pytest.fixture(scope="module")
def tables():
    return published_tables(
        pd.read_csv(PUBLISHED_RUNS),
        pd.read_csv(PUBLISHED_HYPERPARAMETERS),
        {"spc": {name: {"iou": 0.25, "iop": level, "iot": level} for name, level in LEVELS.items()}},
    )


def test_every_released_run_and_attribution_has_a_row(tables):
    released = pd.read_csv(PUBLISHED_RUNS)
    localisation = tables["localisation"]
    assert list(localisation.columns) == LOCALISATION
    assert len(localisation) == 3 * len(released) == 3 * len(tables["runs"])
    occlusion = localisation[localisation["attribution"] == "occlusion"]
    assert occlusion["iot"].tolist() == released["iot_occlusion"].tolist()
    assert localisation[["pointing", "images"]].isna().all().all()
    assert not [name for name in tables["runs"] if name.startswith(("iou", "iop", "iot", "chance"))], "in one place"
    assert tables["missing"].empty
    assert tables["trials"].empty


def test_chance_is_known_where_the_mask_is(tables):
    means = tables["localisation"].groupby(["task", "attribution"])[["chance_iou", "chance_iop"]].mean()
    assert means.loc[("spc", "gradient")].tolist() == pytest.approx([0.25, 0.5])
    assert means.loc[("spc", "occlusion"), "chance_iop"] == pytest.approx(0.4)
    assert means.loc["vpc"].isna().all(axis=None)
    for name, level in LEVELS.items():
        row = tables["localisation"].query(f"task == 'spc' and attribution == '{name}'").iloc[0]
        assert row["chance_iop"] == level
        assert row["corrected_iop"] == pytest.approx((row["iop"] - level) / (1 - level))


def test_every_pair_of_seeds_shares_what_pairs_do_on_average():
    runs, shares = read_table(PUBLISHED_RUNS), read_table(PUBLISHED_OVERLAPS)
    table = overlaps_between(runs, shares)
    assert list(table.columns) == COLUMNS
    seeds = runs.groupby("task")["seed"].nunique()
    assert table.groupby("task").size().to_dict() == {task: 10 * n * (n - 1) for task, n in seeds.items()}
    assert (table["seed"] != table["other"]).all()
    means = table.groupby(["task", "split", "other_split"])["share"].agg(["mean", "std"])
    assert means["std"].max() < 1e-12
    assert means.loc[("spc", "test", "test"), "mean"] == pytest.approx(0.2189)


def test_ranges_are_the_papers_and_methods_without_a_mask_have_no_blur(tables):
    searches = tables["searches"].set_index(["task", "method", "hyperparameter"])
    assert searches.loc[("spc", "rrr", "lambda"), ["law", "low", "high", "best"]].tolist() == [
        "log-uniform", 1e-4, 10, 7.742941,
    ]  # fmt: skip
    assert searches.loc[("synthetic", "gradmask", "mask_blur_sigma"), "best"] == 1.0
    assert ("synthetic", "classification", "mask_blur_sigma") not in searches.index


def test_the_settings_are_those_of_the_released_runs():
    settings = published_settings()
    assert list(settings["tasks"]) == ["synthetic", "spc", "no_spc", "vpc", "no_vpc"]
    assert next(iter(settings["methods"])) == "classification"
    assert len(settings["methods"]) == 6
    assert list(settings["attributions"]) == ["gradient", "integrated_gradients", "occlusion"]
    assert len(settings["seeds"]) == 10
    assert 451 in settings["seeds"]
