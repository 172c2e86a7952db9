"""What a study costs: images by hand, seconds of benchmarks, and what an estimate says of what it rests on."""

import json
from dataclasses import replace

import pytest
from red_herring.report import cost
from red_herring.report.cost import Benchmark, Hours
from red_herring.study.stage_settings import Costing

SETTINGS = Costing(
    jobs={"fetch_source": [0, 0], "tune": [3, 1], "train": [10, 0]},
    tasks={
        "base": {"sizes": {"train": 100, "valid": 50, "test": 40}, "size": 28, "steps": None, "searched": "base"},
        "steps": {"sizes": {"train": 100, "valid": 50, "test": 40}, "size": 28, "steps": 7, "searched": "base"},
    },
    runs={"base": ["classification", "rrr"], "steps": ["rrr", "gradmask", "classification"]},
    searches=[["base", "classification"], ["base", "rrr"], ["base", "gradmask"]],
    methods={"classification": "classification", "rrr": "rrr", "gradmask": "gradmask"},
    extra_epochs={},
    left_out=["it is left out."],
    analyses={"localisation": {"base": ["classification", "rrr"], "steps": ["rrr", "gradmask", "classification"]}},
    seeds=2, trials=3, trial_epochs=4, epochs=10, parallel=1, batch_size=16, width=8, device="auto", may_stop=False,
    cores=2, cards=0,
)  # fmt: skip
EVERYTHING = [
    Benchmark(job, file, 8, 28, gpu, seconds)
    for gpu in (False, True)
    for job, seconds in (("train", 1.0), ("localisation", 2.0))
    for file in SETTINGS.methods
]


def test_images_passed_by_hand(tmp_path):
    passed = cost.amount(SETTINGS, tmp_path)
    assert passed.images["search"] == dict.fromkeys([("base", m) for m in SETTINGS.methods], 3 * 4 * 100)
    epochs, steps = 10 * 100, 7 * 16
    assert passed.images["train"] == {
        ("base", "classification"): epochs, ("base", "rrr"): epochs,
        ("steps", "rrr"): steps, ("steps", "gradmask"): steps, ("steps", "classification"): steps,
    }  # fmt: skip
    assert set(passed.images["localisation"].values()) == {40}
    assert passed.unknown == []
    assert cost.amount(replace(SETTINGS, trials=0), tmp_path).images["search"] == {}


def test_an_analysis_passes_the_images_of_the_runs_that_it_is_asked_of(tmp_path):
    own = replace(SETTINGS, analyses=SETTINGS.analyses | {"reliance": {"steps": ["rrr"]}})
    assert cost.amount(own, tmp_path).images["reliance"] == {("steps", "rrr"): 40}


def test_epochs_on_top_are_counted(tmp_path):
    own = replace(SETTINGS, extra_epochs={"rrr": 5})
    passed = cost.amount(own, tmp_path)
    assert passed.images["search"]["base", "rrr"] == 3 * (4 + 5) * 100
    assert passed.images["train"]["steps", "rrr"] == 7 * 16 + 5 * 100
    assert passed.images["train"]["steps", "gradmask"] == 7 * 16
    text = " ".join(cost.plan(own, tmp_path, []).split())
    assert "at most 5,100 by searches" in text
    assert "rrr trains up to 5 epochs on top, which are counted." in text


def test_images_of_a_task_without_sizes_are_those_of_its_splits(tmp_path):
    tasks = {"base": SETTINGS.tasks["base"] | {"sizes": None}, "steps": SETTINGS.tasks["steps"]}
    own = replace(SETTINGS, tasks=tasks)
    passed = cost.amount(own, tmp_path)
    assert passed.unknown == ["base"]
    assert ("base", "rrr") not in passed.images["train"]
    assert "Without base, whose images decide" in " ".join(cost.plan(own, tmp_path, []).split())
    folder = tmp_path / "splits/base"
    folder.mkdir(parents=True)
    rows = "task,seed,split,label,nuisance,images\n"
    (folder / "planned_counts.csv").write_text(
        rows + "base,1,train,0,0,7\nbase,1,train,1,1,7\nbase,1,test,0,0,3\nbase,2,train,0,0,20\nbase,2,test,0,0,3\n"
    )
    passed = cost.amount(own, tmp_path)
    assert passed.images["train"]["base", "rrr"] == 10 * 20, "those of the seed with the most"
    assert passed.images["localisation"]["base", "rrr"] == 3
    (folder / "seed=1_counts.csv").write_text(rows + "base,1,train,0,0,30\nbase,1,test,0,0,4\n")
    assert cost.amount(own, tmp_path).images["train"]["base", "rrr"] == 300, "drawn splits before planned ones"


def written(folder, seed=1):
    """A run of 100 training images and 5 epochs in 10 seconds, which with its start were 12, and an analysis of 6."""
    record = {
        "settings": {"file": "rrr", "width": 4, "batch_size": 10}, "stopped": {"epochs": 5, "steps": 50}, "device": "cpu",
        "threads": 1, "seconds": 10.0, "images": {"train": 100, "test": 30},
    }  # fmt: skip
    files = {
        f"runs/t/mine/seed={seed}/run.json": json.dumps(record),
        f"splits/t/seed={seed}.csv": "source,image\ns,a.png\n",
        "data/s/source.json": json.dumps({"size": 14}),
        f"benchmarks/localisation/t/mine/seed={seed}.tsv": "s\th:m:s\n6.0\t0:00:06\n",
        f"benchmarks/train/t/mine/seed={seed}.tsv": "s\th:m:s\n12.0\t0:00:12\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(folder):
    return list(cost.benchmarks_in([folder], ["localisation"]))


def test_the_seconds_of_a_run_are_by_image(tmp_path):
    written(tmp_path)
    assert found(tmp_path) == [
        Benchmark("train", "rrr", 4, 14, False, 10 / 500), Benchmark("localisation", "rrr", 4, 14, False, 6 / 30),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"stopped": {"epochs": 5, "steps": 41}}, 10 / 410),
        ({"threads": 4}, 4 * 10 / 500),
        ({"threads": 4, "device": "cuda:0"}, 10 / 500),
        ({"seconds": 40.0}, 40 / 500),
    ],
    ids=["cut short", "threads", "a GPU", "restored"],
)
def test_what_a_run_says_of_itself_counts(tmp_path, more, expected):
    written(tmp_path)
    record = tmp_path / "runs/t/mine/seed=1/run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | more))
    assert [one.seconds for one in found(tmp_path) if one.job == "train"] == [pytest.approx(expected)]


def test_an_analysis_that_was_not_measured_is_no_benchmark(tmp_path):
    written(tmp_path)
    (tmp_path / "benchmarks/localisation/t/mine/seed=1.tsv").write_text("s\th:m:s\nNA\tNA\n")
    assert [one.job for one in found(tmp_path)] == ["train"]


@pytest.mark.parametrize("gone", ["splits/t/seed=1.csv", "data/s/source.json", "runs/t/mine/seed=1/run.json"])
def test_a_run_of_which_something_is_missing_is_no_benchmark(tmp_path, gone):
    written(tmp_path)
    (tmp_path / gone).unlink()
    assert found(tmp_path) == []


def test_what_was_measured_alike_is_taken_as_it_is_and_else_is_scaled():
    known = [Benchmark("train", "rrr", 8, 28, False, seconds) for seconds in (2.0, 3.0)]
    known.append(Benchmark("train", "masked", 8, 28, False, 1.0))
    hours, basis, number = cost.per_image(known, "rrr", 8, 28)
    assert (hours.low * 3600, hours.high * 3600, basis, number) == (pytest.approx(2), pytest.approx(3), cost.LIKE, 2)
    hours, basis, number = cost.per_image(known, "rrr", 16, 28)
    assert (hours.low * 3600, hours.high * 3600, basis, number) == (pytest.approx(2), pytest.approx(12), cost.SCALED, 2)
    hours, basis, number = cost.per_image(known, "actdiff", 8, 14)
    assert (hours.low * 3600, hours.high * 3600, basis, number) == (
        pytest.approx(0.25),
        pytest.approx(3),
        cost.OTHERS,
        3,
    )
    assert cost.per_image([], "rrr", 8, 28) is None


def test_hours_by_hand(tmp_path):
    """A second an image of training, two an image of localisation."""
    passed = cost.amount(SETTINGS, tmp_path)
    hours = cost.estimate(SETTINGS, passed, EVERYTHING[:6])
    expected = {"search": 3 * 1200, "train": 2 * (2 * 1000 + 3 * 112), "localisation": 2 * 5 * 40 * 2}
    assert {kind: span.low * 3600 for kind, span in hours.hours.items()} == pytest.approx(expected)
    assert hours.total.low == hours.total.high == pytest.approx(sum(expected.values()) / 3600)
    assert hours.longest.high * 3600 == pytest.approx(1200 + 1000 + 80), "a search, a run of it and its analysis"
    assert cost.estimate(replace(SETTINGS, parallel=3), passed, EVERYTHING[:6]).longest.low * 3600 == pytest.approx(
        1480
    )


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "WIDTH", 1000)
    text = cost.plan(SETTINGS, tmp_path, EVERYTHING)
    assert f"{tmp_path}: 10 trainings of 2 tasks; 3 searches of 3 trials, 9 in all." in text
    assert "it is left out." in text
    assert "fetch_source" not in text
    assert "all    13    1" in text
    assert "Training images passed (images x epochs): 3,600 by searches, 4,672 by trainings." in text
    assert "CPU-hours" in text
    assert "GPU-hours" in text
    assert "With 2 cores at once: 1.3 hours from start to end" in text
    assert "jobs on GPUs at once" not in text, "there is no GPU here"
    assert "An estimate, not a promise" in text
    assert "localisation by one attribution tells little of what eleven take" in text
    assert "GPU-hours" not in cost.plan(replace(SETTINGS, device="cpu"), tmp_path, EVERYTHING)
    assert "With 4 jobs on GPUs at once" in cost.plan(replace(SETTINGS, cards=4), tmp_path, EVERYTHING)
    assert "at most 3,600" in cost.plan(replace(SETTINGS, may_stop=True), tmp_path, EVERYTHING)
    given = cost.plan(replace(SETTINGS, trials=0), tmp_path, EVERYTHING)
    assert "no search, as hyperparameters are given (3 are handed on)" in given


@pytest.mark.parametrize("known", [[], EVERYTHING[:3]], ids=["none", "no analysis"])
def test_without_benchmarks_there_is_no_estimate(tmp_path, known):
    text = cost.plan(SETTINGS, tmp_path, known)
    assert "No estimate of hours: " in text
    assert "CPU-hours" not in text


def test_studies_beside_each_other_are_found_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("results", "results/demo", "elsewhere/mine"):
        (tmp_path / name / "benchmarks").mkdir(parents=True)
    (tmp_path / "results/empty").mkdir()
    near = [path.resolve() for path in cost.studies_near(tmp_path / "elsewhere/mine")]
    assert near == [tmp_path / name for name in ("elsewhere/mine", "results", "results/demo")]


def test_what_is_least_alike_is_named(tmp_path):
    known = [Benchmark("train", "rrr", 8, 28, False, 1.0), Benchmark("train", "classification", 4, 28, False, 1.0)]
    known += [one for one in EVERYTHING[:6] if one.job == "localisation"] * 2
    found = cost.estimate(SETTINGS, cost.amount(SETTINGS, tmp_path), known)
    assert found.basis == {"search": (cost.OTHERS, 2), "train": (cost.OTHERS, 2), "localisation": (cost.LIKE, 2)}


def test_hours_are_short():
    assert [str(Hours(*span)) for span in ((0.5, 0.5), (0.0123, 4.567), (99.6, 12345.6))] == [
        "0.5", "0.012 to 4.6", "100 to 12,346",
    ]  # fmt: skip
