"""The controlled shift."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.data.splits import (
    EXTRA_TESTS,
    SELECTIONS,
    SPLITS,
    Sizes,
    cell_counts,
    count_cells,
    count_shared_names,
    draw,
    draw_task,
    largest_sizes,
    pool,
    read_split,
)
from red_herring.runtime.files import StudyError
from red_herring.study.stage_settings import Drawing


def candidates(cells, patients=None, seed=0):
    """A table with these numbers of images per (label, nuisance); each its own patient, or `patients` drawn at random."""
    rows = [(label, nuisance) for (label, nuisance), number in cells.items() for _ in range(number)]
    table = pd.DataFrame(rows, columns=["label", "nuisance"])
    names = np.arange(len(table)) if patients is None else np.random.default_rng(seed).integers(0, patients, len(table))
    return table.assign(
        source="s", image=[f"i{n}" for n in range(len(table))], row=range(len(table)), patient=[f"p{n}" for n in names]
    )


def equal_cells(n):
    return {(label, nuisance): n for label in (0, 1) for nuisance in (0, 1)}


def test_counts_worked_out_by_hand():
    # n = 20 per cell, ratio 0.9: training takes 18 aligned and 2 opposed of each class; of the 20 left for validation
    # and test 18 are opposed and 2 aligned, halved.
    counts = cell_counts(largest_sizes(20), 0.9)
    assert [counts["train", label, nuisance] for label in (0, 1) for nuisance in (0, 1)] == [18, 2, 2, 18]
    assert [counts["valid", label, nuisance] for label in (0, 1) for nuisance in (0, 1)] == [1, 9, 9, 1]
    assert [counts["test", label, nuisance] for label in (0, 1) for nuisance in (0, 1)] == [1, 9, 9, 1]


@pytest.mark.parametrize("ratio", [0.5, 0.9])
@pytest.mark.parametrize(
    ("per_cell", "paper", "tolerance"),
    [(1348, (2696, 1348, 1348), 0), (2772, (5542, 2770, 2770), 2)],  # RSNA; PadChest + NIH, where the authors truncated
)
def test_sizes_of_the_paper(per_cell, paper, tolerance, ratio):
    counts = cell_counts(largest_sizes(per_cell), ratio)
    totals = [sum(number for (split, *_), number in counts.items() if split == name) for name in SPLITS]
    assert np.abs(np.subtract(totals, paper)).max() <= tolerance


def test_the_papers_synthetic_split_is_fully_confounded():
    counts = cell_counts(Sizes(500, 128, 128), 1.0)
    assert counts["train", 1, 1] == counts["train", 0, 0] == 250
    assert counts["valid", 1, 0] == counts["test", 0, 1] == 64
    assert sum(counts.values()) == 756


@given(per_cell=st.integers(4, 3000), ratio=st.floats(0.5, 1))
def test_every_cell_is_used_up_and_classes_are_balanced_whatever_the_ratio(per_cell, ratio):
    sizes = largest_sizes(per_cell)
    counts = cell_counts(sizes, ratio)
    even = per_cell - per_cell % 2
    for label in (0, 1):
        for nuisance in (0, 1):
            assert sum(counts[split, label, nuisance] for split in SPLITS) == even
        for split, size in (("train", sizes.train), ("valid", sizes.valid), ("test", sizes.test)):
            assert counts[split, label, 0] + counts[split, label, 1] == size // 2
    assert min(counts.values()) >= 0


@given(
    per_cell=st.integers(8, 3000), ratio=st.floats(0.5, 1), selection=st.sampled_from(["in_distribution", "balanced"])
)
def test_other_selections_fit_the_cells_whatever_the_ratio(per_cell, ratio, selection):
    sizes = largest_sizes(per_cell, selection)
    counts = cell_counts(sizes, ratio, selection)
    for cell in equal_cells(0):
        assert sum(counts[split, *cell] for split in SPLITS) <= per_cell
    assert min(counts.values()) >= 0
    share = {"in_distribution": ratio, "balanced": 0.5}[selection]
    assert abs(counts["valid", 1, 1] - share * sizes.valid / 2) <= 0.5 + 1e-6
    assert abs(counts["test", 1, 1] - (1 - ratio) * sizes.test / 2) <= 0.5 + 1e-6
    full = cell_counts(sizes, 1.0, selection)
    assert max(sum(full[split, *cell] for split in SPLITS) for cell in equal_cells(0)) > per_cell - 5, "not wasteful"


@pytest.mark.slow
@settings(deadline=None, max_examples=120)
@given(
    numbers=st.lists(st.integers(14, 60), min_size=4, max_size=4),
    ratio=st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0]),
    seed=st.integers(0, 10_000),
    patients=st.one_of(st.none(), st.integers(20, 200)),
    selection=st.sampled_from(list(SELECTIONS)),
    disjoint=st.booleans(),
)
def test_properties_of_any_split(numbers, ratio, seed, patients, selection, disjoint):
    table = candidates(dict(zip(equal_cells(0), numbers, strict=True)), patients, seed)
    try:
        split = draw(table, ratio, seed, None, selection, disjoint)
    except StudyError as error:
        assert patients is not None
        assert disjoint
        assert "patients" in str(error)
        return
    counted = count_cells(split).set_index(["split", "label", "nuisance"])
    counts = counted["images"]
    role = split["split"].astype(str).replace(dict.fromkeys(EXTRA_TESTS, "test"))
    drawn = split[split["split"].isin(SPLITS)]
    assert not split.assign(role=role).drop_duplicates(["role", "image"])["image"].duplicated().any()
    assert not split.duplicated(["split", "image"]).any()
    straddlers = split.assign(role=role).groupby("patient")["role"].agg(lambda roles: len(set(roles)) > 1)
    assert not (disjoint and straddlers.any())
    straddling = drawn.astype({"split": str}).groupby("patient")["split"].agg(lambda names: len(set(names)) > 1).sum()
    assert (counted["straddling_patients"] == straddling).all()
    per_class = counts.groupby(level=["split", "label"]).sum().unstack()
    assert (per_class[0] == per_class[1]).all()
    n = per_class.loc["train", 0]
    assert per_class.loc["valid", 0] == per_class.loc["test", 0] == n // 2
    relations = {"train": (ratio, n), "valid": (SELECTIONS[selection](ratio), n / 2), "test": (1 - ratio, n / 2)}
    for name, share in EXTRA_TESTS.items():
        relations[name] = (share(ratio), per_class.loc[name, 0])
        assert per_class.loc[name, 0] <= n / 2
    for name, (share, size) in relations.items():
        for label in (0, 1):  # the relation, to within the rounding of one image
            assert abs(counts[name, label, label] - share * size) <= 1
    if patients is None or not disjoint:
        assert n == largest_sizes(min(numbers), selection).train // 2
    pd.testing.assert_frame_equal(split, draw(table, ratio, seed, None, selection, disjoint))


def test_the_extra_test_sets_are_whole_where_images_are_left_and_share_what_they_can():
    split = draw(candidates(equal_cells(300)), 0.9, 0, Sizes(200, 60, 100))
    images = {name: set(rows["image"]) for name, rows in split.groupby("split", observed=True)}
    assert {name: len(rows) for name, rows in images.items()} == {
        "train": 200, "valid": 60, "test": 100, "test_in_distribution": 100, "test_balanced": 100,
    }  # fmt: skip
    # Aligned and opposed images of a class: 5 and 45 in the shifted test, 45 and 5, 25 and 25 in the others.
    assert len(images["test"] & images["test_in_distribution"]) == 2 * (5 + 5)
    assert len(images["test"] & images["test_balanced"]) == 2 * (5 + 25)


def test_the_extra_test_sets_shrink_to_what_is_left_and_may_be_empty():
    """With every image used, the shifted test set of 100 a class holds 10 aligned ones: these are 90 % of 11, half of
    20. Of 40 a class they are 4, of which no set of ten can be made in distribution.
    """
    split = draw(candidates(equal_cells(200)), 0.9, 0)
    assert split["split"].value_counts()[["test", "test_in_distribution", "test_balanced"]].tolist() == [200, 22, 40]
    assert set(draw(candidates(equal_cells(80)), 0.9, 0)["split"]) == set(SPLITS)
    assert set(draw(candidates(equal_cells(200)), 1.0, 0)["split"]) == set(SPLITS)


def test_patients_who_straddle_are_counted():
    table = candidates(equal_cells(12)).assign(patient="everyone")
    counts = count_cells(draw(table, 0.5, 0, disjoint=False))
    assert (counts["straddling_patients"] == 1).all()
    with pytest.raises(
        StudyError,
        match=r"too few patients .* 1 patient, of whom everyone has 48 of 48 images; .* `patients: as_published`",
    ):
        draw(table, 0.5, 0)


def test_who_has_most_of_the_images_is_named_when_splits_get_small(caplog):
    table = candidates(equal_cells(60))
    table.loc[table["row"] % 5 < 3, "patient"] = "hospital/0"
    draw(table, 0.5, 0)
    assert "97 patients, of whom 0 has 144 of 240 images" in caplog.text


def test_another_seed_draws_another_split():
    table = candidates(equal_cells(100))
    first, second = draw(table, 0.9, 1), draw(table, 0.9, 2)
    assert set(first["image"][first["split"] == "train"]) != set(second["image"][second["split"] == "train"])


@pytest.mark.parametrize("seed", range(5))
def test_as_many_images_are_drawn_as_patients_allow(seed):
    """48 patients, each with an image of either class in one view; at ratio 3/4 and n a class, training needs 3/4 n of a
    view's 24 patients, validation and test 3/8 n each: so n is at most 16.
    """
    rows = [(number % 2, int(number % 4 < 2), f"p{number // 2}") for number in range(96)]
    table = pd.DataFrame(rows, columns=["label", "nuisance", "patient"]).assign(source="s", row=range(96))
    split = draw(table.assign(image=table["row"].astype(str)), 0.75, seed)
    assert (split["split"] == "train").sum() == 2 * 16


def test_most_images_are_used_although_patients_stay_together():
    table = candidates(equal_cells(200))
    table["patient"] = [
        f"p{label}{nuisance}{row % 70}"
        for label, nuisance, row in zip(table["label"], table["nuisance"], table["row"], strict=True)
    ]  # two or three images of each patient, in one cell
    assert draw(table, 0.9, 0)["split"].isin(SPLITS).sum() > 0.9 * 800


@pytest.mark.slow
@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    seed=st.integers(0, 10_000), ratio=st.sampled_from([0.5, 0.75, 0.9]), many=st.floats(0.05, 0.4),
    most=st.integers(2, 12), plenty=st.integers(1, 5),
)  # fmt: skip
def test_patients_with_many_images_are_spread_evenly_over_splits_and_drawn_as_often_as_others(
    seed, ratio, many, most, plenty
):
    """Patients have an image or, `many` of them, up to `most`, in one cell or in both classes of a group."""
    random, rows = np.random.default_rng(seed), []
    for label, nuisance in equal_cells(0):
        wanted = 400 if label else 400 * plenty
        while wanted > 0:
            images = min(int(random.integers(1, most + 1)) if random.random() < many else 1, wanted)
            patient = f"{nuisance}-{random.integers(300)}" if random.random() < 0.2 else f"{nuisance}-{len(rows)}-"
            rows += [(label, nuisance, patient)] * images
            wanted -= images
    table = pd.DataFrame(rows, columns=["label", "nuisance", "patient"]).assign(source="s", row=range(len(rows)))
    table["image"] = table["row"].astype(str)
    split = draw(table, ratio, seed)
    usual = table.groupby(["label", "nuisance"])["patient"].agg(lambda patients: len(patients) / patients.nunique())
    drawn = split[split["split"].isin(SPLITS)].astype({"split": str}).groupby(["split", "label", "nuisance"])["patient"]
    usual = usual.reindex(drawn.size().index.droplevel("split")).to_numpy()
    factors = drawn.agg(lambda patients: len(patients) / patients.nunique()) / usual
    large = drawn.size() / usual >= 30  # a cell of a few patients has what mix they have
    assert factors[large].between(1 / 1.5, 1.5).all(), factors
    assert (split["split"] == "train").sum() == 400 * 2


@pytest.mark.slow
def test_a_large_cell_is_drawn_at_random_and_not_from_the_patients_with_most_images():
    table = candidates({(0, 0): 60, (0, 1): 2000, (1, 0): 60, (1, 1): 60})
    large = (table["label"] == 0) & (table["nuisance"] == 1)
    # A tenth of the patients of the large cell have 11 images each, the others one.
    many = np.repeat(np.arange(100), 11)
    table.loc[large, "patient"] = [f"m{n}" for n in many] + [f"s{n}" for n in range(2000 - len(many))]
    drawn = [draw(table, 0.9, seed).query("split in @SPLITS and label == 0 and nuisance == 1") for seed in range(20)]
    share = np.mean([split["patient"].str.startswith("m").mean() for split in drawn])
    # 0.55 of the cell's images are of such patients; whole patients are drawn, so the spread of one draw is about 0.1.
    assert share == pytest.approx(0.55, abs=0.12)
    common = np.mean([len(set(a["image"]) & set(b["image"])) for a, b in pairwise(drawn)])
    assert common < 8, "two draws of 60 from 2000 have 2 in common by chance, a few more as patients stay together"


def test_names_stay_as_they_are_written(tmp_path):
    table = candidates(equal_cells(8)).assign(source="NA")
    table["image"] = [f"{number:03d}" for number in range(32)]
    draw(table, 0.5, 0).to_csv(tmp_path / "split.csv", index=False)
    split = read_split(tmp_path / "split.csv")
    assert set(split["source"]) == {"NA"}
    assert split["image"].str.len().eq(3).all()
    assert split["label"].isin([0, 1]).all()


@pytest.mark.parametrize(
    ("cells", "arguments", "words"),
    [
        ({**equal_cells(50), (1, 0): 3}, {}, ["label 1 in nuisance group 0", "3 images"]),
        ({**equal_cells(50), (0, 1): 0}, {}, ["label 0 in nuisance group 1", "0 images"]),
        (equal_cells(50), {"sizes": Sizes(200, 20, 20)}, ["50 images", "ratio 0.9", "needs 92"]),
    ],
)
def test_a_cell_that_is_too_small_is_named(cells, arguments, words):
    with pytest.raises(StudyError) as caught:
        draw(candidates(cells), 0.9, 0, task="my_task", **arguments)
    for word in ["my_task", "give it more images", *words]:
        assert word in str(caught.value)


INDEX = pd.DataFrame(
    {
        "image": ["a", "b", "c", "d", "e"],
        "patient": ["1", "1", "2", "3", "4"],
        "group": ["PA", "AP", "PA", "AP", "PA"],
        "findings": ["Mass|Pneumonia", "No Finding", "No Finding", "Pneumonia", "Mass"],
    }
)


def source(folder, unreadable=(), digests="abcde"):
    """The files of a prepared source."""
    folder.mkdir()
    INDEX.to_csv(folder / "index.csv", index=False)
    reasons = ["empty" if image in unreadable else "" for image in INDEX["image"]]
    pd.DataFrame({"image": INDEX["image"], "digest": list(digests), "reason": reasons}).to_csv(
        folder / "decoded.csv", index=False
    )
    return folder


def task(**changes):
    groups = [{"source": "site", "group": group, "people": "nih", "people_given": True} for group in ("AP", "PA")]
    own = {"task": "t", "finding": ["Pneumonia"], "control": ["No Finding"], "groups": groups} | changes
    return Drawing(**own, ratio=0.75, sizes=None, patients="disjoint", selection="shifted", exchanged=False)


def test_a_task_takes_findings_and_controls_of_its_groups(tmp_path):
    folders = {"site": source(tmp_path / "site")}
    found = pool(task(), folders).set_index("image")
    assert found["label"].to_dict() == {"a": 1, "b": 0, "c": 0, "d": 1}
    assert found["nuisance"].to_dict() == {"a": 1, "b": 0, "c": 1, "d": 0}
    assert found["row"].to_dict() == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert found["patient"]["a"] == "nih/1"
    several = pool(task(control=["No Finding", "Mass"]), folders).set_index("image")
    assert several["label"].to_dict() == {"a": 1, "b": 0, "c": 0, "d": 1, "e": 0}, "whoever has a finding is no control"


def test_what_cannot_be_used_is_not_drawn_but_counted_while_there_are_no_images(tmp_path):
    folders = {"site": source(tmp_path / "site", unreadable=["a"])}
    with pytest.raises(StudyError, match="source site, group PA: has no image with Pneumonia"):
        pool(task(), folders)
    (folders["site"] / "decoded.csv").unlink()
    assert len(pool(task(), folders, all_readable=True)) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"finding": ["Pneumonai"]}, ["no finding 'Pneumonai'", "only Mass, No Finding, Pneumonia"]),
        ({"finding": ["Pneumonia", "Pneumonai"]}, ["no finding 'Pneumonai'"]),
        ({"groups": [{"source": "site", "group": "LL", "people": "nih"}] * 2}, ["no group 'LL'", "AP, PA"]),
    ],
)
def test_what_does_not_occur_is_named_with_what_does(tmp_path, changes, words):
    with pytest.raises(StudyError) as caught:
        pool(task(**changes), {"site": source(tmp_path / "site")})
    for word in words:
        assert word in str(caught.value)


def test_two_sources_of_one_data_set_have_the_same_patients_and_may_not_share_a_picture(tmp_path):
    folders = {"pa": source(tmp_path / "pa"), "ap": source(tmp_path / "ap", digests="vwxyz")}
    groups = [{"source": name, "group": None, "people": "nih"} for name in folders]
    assert set(pool(task(groups=groups), folders)["patient"]) == {"nih/1", "nih/2", "nih/3"}
    folders["again"] = source(tmp_path / "again", digests="vwcyz")
    groups[1]["source"] = "again"
    with pytest.raises(StudyError, match="t: image c of source again is also in source pa"):
        pool(task(groups=groups), folders)


def test_a_task_names_findings_and_groups_as_people_write_them(tmp_path, caplog):
    caplog.set_level("INFO")
    groups = [{"source": "site", "group": f" {group}", "people": "nih"} for group in ("AP", "PA")]
    found = pool(
        task(finding=["Pneumonia "], control=["No\u00a0Finding"], groups=groups), {"site": source(tmp_path / "site")}
    )
    assert found["label"].tolist() == [0, 1, 1, 0]
    assert "source site, group  PA: 1 positives, 1 negatives; left out: 1, namely 1 Mass" in caplog.text


@pytest.mark.parametrize(
    ("people", "given", "shared"),
    [("old new", False, 3), ("old new", True, 0), ("clinic clinic", False, 0)],
)
def test_patients_of_the_same_name_in_two_sources_are_told_unless_someone_says_who_they_are(people, given, shared):
    people = people.split()
    table = pd.DataFrame({"patient": ["1", "2", "3", "4", "1", "2", "3", "x"], "nuisance": [0] * 4 + [1] * 4})
    table["patient"] = [
        f"{people[group]}/{name}" for name, group in zip(table["patient"], table["nuisance"], strict=True)
    ]
    groups = [{"people": name, "people_given": given} for name in people]
    assert count_shared_names(table, groups) == shared


def test_drawing_tells_of_shared_names_and_counts_them(tmp_path, caplog):
    """Two tables of one clinic, a scanner each; 24 patients are in both. With one word for `people` none straddles."""
    rows = [(f"{n}", f"p{n % 24}", "only", ("sick", "well")[n % 2]) for n in range(48)]
    folders = {}
    for name in ("old", "new"):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        pd.DataFrame(rows, columns=["image", "patient", "group", "findings"]).to_csv(
            folders[name] / "index.csv", index=False
        )
    settings = {
        "task": "t",
        "finding": ["sick"],
        "control": ["well"],
        "ratio": 0.75,
        "sizes": None,
        "selection": "shifted",
        "patients": "disjoint",
        "exchanged": False,
    }

    def drawn(*people):
        groups = [
            {"source": s, "group": None, "people": p, "people_given": s != p}
            for s, p in zip(folders, people, strict=True)
        ]
        ((split, counts),) = draw_task(Drawing(**settings, groups=groups), folders, [0], all_readable=True)
        names = split[split["split"].isin(SPLITS)].assign(name=split["patient"].str.partition("/")[2])
        return counts["shared_patient_names"].unique().tolist(), names.groupby("name")["split"].nunique().max()

    shared, most = drawn("old", "new")
    assert shared == [24]
    assert most > 1
    assert "t: 24 names of patients are in both sources" in caplog.text
    caplog.clear()
    assert drawn("clinic", "clinic") == ([0], 1)
    assert drawn("here", "there")[0] == [0]
    assert "names of patients" not in caplog.text
