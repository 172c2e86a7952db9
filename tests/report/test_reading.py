"""The tables of a study, as a notebook reads them."""

import pytest
import red_herring
from red_herring.reference import PUBLISHED_HYPERPARAMETERS, PUBLISHED_OVERLAPS, PUBLISHED_RUNS, PUBLISHED_TABLES
from red_herring.report.published import overlaps_between, published_tables
from red_herring.report.reading import FLAGS, WORDS, read_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The released runs as a study, with one of the tables that are made of them."""
    folder = tmp_path_factory.mktemp("study")
    for name, table in published_tables(read_table(PUBLISHED_RUNS), read_table(PUBLISHED_HYPERPARAMETERS), {}).items():
        table.to_csv(folder / f"{name}.csv", index=False)
    overlaps_between(read_table(PUBLISHED_RUNS), read_table(PUBLISHED_OVERLAPS)).to_csv(
        folder / "overlaps.csv", index=False
    )
    (folder / "tables").mkdir()
    (folder / "tables" / "NA.csv").write_text("task,method,auc_mean,auc_bold\nNA,rrr,0.5,True\n")
    return folder


def test_the_tables_are_read_by_name_each_column_as_its_type(folder):
    tables = red_herring.read_tables(folder)
    assert set(tables) == {"runs", "localisation", "trials", "searches", "missing", "overlaps", "tables/NA"}
    runs = tables["runs"]
    assert (len(runs), runs["seed"].dtype, runs["test_auc"].dtype) == (305, "int64", "float64")
    assert tables["tables/NA"].iloc[0].tolist() == ["NA", "rrr", 0.5, True]
    assert red_herring.read_tables(str(folder)).keys() == tables.keys()


def test_a_folder_that_is_no_study_or_lacks_a_table_is_named(folder, tmp_path):
    with pytest.raises(red_herring.StudyError, match=r"has no runs\.csv, expected the folder of a finished study"):
        red_herring.read_tables(tmp_path / "nowhere")
    for name in ("runs", "localisation", "trials", "missing"):
        (tmp_path / f"{name}.csv").write_bytes((folder / f"{name}.csv").read_bytes())
    with pytest.raises(red_herring.StudyError, match=r"searches\.csv: there is no such file; make it with"):
        red_herring.read_tables(tmp_path)


def test_the_package_says_what_it_offers():
    assert "read_tables" in dir(red_herring)
    assert "results/README.md" in red_herring.read_tables.__doc__
    with pytest.raises(AttributeError, match="no attribute 'read_table'"):
        _ = red_herring.read_table


def test_no_column_is_declared_twice():
    assert not WORDS & FLAGS


def test_the_numbers_of_the_paper_fit():
    printed = read_table(PUBLISHED_TABLES)
    assert printed["table"].iloc[0] == "1"
    assert printed["auc_mean"].dtype == "float64"
