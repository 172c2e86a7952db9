"""The configuration: what it may hold, what a wrong one gets, and which stage reads what."""

import copy

import pytest
import yaml
from conftest import ROOT
from red_herring.reference import PUBLISHED_RUNS
from red_herring.runtime.files import StudyError, read_rows
from red_herring.study import configuration, tasks
from red_herring.study import settings as study
from red_herring.study.space import fixed_hyperparameters, search_space
from red_herring.study.stage_settings import Segmenting


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def merge(config, changes):
    """As Snakemake lays a --configfile over config.yaml: maps deeply, lists replaced."""
    for key, value in changes.items():
        config[key] = merge(config.get(key) or {}, value) if isinstance(value, dict) else value
    return config


def test_config_yaml_is_the_papers_study(config):
    configuration.check(config)
    assert config["study"]["tasks"] == ["synthetic", "spc", "no_spc", "vpc", "no_vpc"]
    assert len(config["study"]["methods"]) == 6
    assert config["study"]["seeds"] == [1234, 3232, 3221, 9856, 1290, 1987, 1111, 6400, 8888, 451]
    assert [config["tasks"][task]["ratio"] for task in config["study"]["tasks"]] == [1.0, 0.9, 0.5, 0.9, 0.5]
    tuning, training = config["tuning"], config["training"]
    assert (tuning["initial_points"], tuning["iterations"], tuning["epochs"], tuning["patience"]) == (5, 20, 100, 20)
    assert (training["epochs"], training["batch_size"], config["model"]["width"]) == (100, 16, 64)


def test_the_first_epoch_that_can_be_the_best_one_is_that_of_the_released_runs(config):
    first = min(int(row["best_epoch"]) for row in read_rows(PUBLISHED_RUNS))
    assert first == 5
    assert config["training"]["burn_in"] == config["tuning"]["burn_in"] == first - 1


@pytest.mark.parametrize("file", sorted((ROOT / "workflow" / "studies").glob("*.yaml")), ids=lambda file: file.stem)
def test_small_studies_are_valid(config, file):
    configuration.typed(merge(config, yaml.safe_load(file.read_text())))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"traning": {}}, ["traning", "allowed are", "training"]),
        ({"training": {"compile": "graph"}}, ["training.compile", "allowed are false, true, graphs"]),
        ({"training": {"epoch": 3}}, ["training", "'epoch'", "epochs"]),
        ({"training": {"epochs": 0}}, ["training.epochs", "0", "at least 1"]),
        ({"training": {"epochs": "ten"}}, ["training.epochs", '"ten"', "integer"]),
        ({"training": {"burn_in": 100}}, ["training.burn_in", "100", "less than"]),
        ({"training": {"device": "gpu"}}, ["training.device", '"gpu"', "auto"]),
        ({"study": {"methods": ["actdif"]}}, ["study.methods.0", '"actdif"', "actdiff"]),
        ({"study": {"tasks": ["synthetc"]}}, ["study.tasks.0", "synthetc", "synthetic"]),
        ({"study": {"seeds": ["7"]}}, ["study.seeds.0", '"7"', "integer"]),
        ({"study": {"seeds": [1, 1]}}, ["study.seeds", "without repetition"]),
        ({"study": {"seeds": []}}, ["study.seeds", "at least as long as 1"]),
        ({"tasks": {"spc": {"ratio": 0.3}}}, ["tasks.spc.ratio", "0.3", "at least 0.5"]),
        ({"tasks": {"spc": {"ratio": 1.3}}}, ["tasks.spc.ratio", "1.3", "at most 1"]),
        ({"tasks": {"spc": {"mask": {"kind": "elipse"}}}}, ["tasks.spc.mask.kind", '"elipse"', "ellipse"]),
        ({"tasks": {"vpc": {"mask": {"semi_axis": 0.4}}}}, ["tasks.vpc.mask.semi_axis", "ellipse"]),
        ({"tasks": {"spc": {"control": "Cardiomegaly"}}}, ["tasks.spc.control", "Cardiomegaly", "differ"]),
        ({"tasks": {"synthetic": {"sizes": {"train": 501}}}}, ["tasks.synthetic.sizes.train", "501", "multiple of 2"]),
        ({"sources": {"nih": {"kind": "nihh"}}}, ["sources.nih.kind", '"nihh"', "nih"]),
        ({"sources": {"nih": {"images": "x"}}}, ["sources.nih", "'images'", "imgpath"]),
        ({"sources": {"nih": {"views": ["LATERAL"]}}}, ["sources.nih.views.0", "LATERAL", "PA, AP"]),
        ({"methods": {"gradmask": {"options": {"norm": "l3"}}}}, ["methods.gradmask.options.norm", "l3", "l2, l1"]),
        ({"methods": {"actdiff": {"search": {"lamda": [1, 2]}}}}, ["methods.actdiff.search", "lamda", "lambda"]),
        ({"methods": {"actdiff": {"search": {"lambda": [2, 1]}}}}, ["methods.actdiff.search.lambda", "low < high"]),
        (
            {"methods": {"adversarial": {"search": {"discriminator_steps": [0, 3]}}}},
            ["adversarial.search.discriminator_steps", "whole numbers from 1"],
        ),
        ({"methods": {"rrr": {"search": {"lambda": [0, 3]}}}}, ["methods.rrr.search.lambda", "numbers above 0"]),
        ({"tasks": {"synthetic": {"mask": {"blur_sigma": [2, 1]}}}}, ["tasks.synthetic.mask.blur_sigma", "low < high"]),
        ({"sources": {"my-source": {"kind": "nih"}}}, ["sources", "'my-source'", "names like"]),
        ({"tuning": {"mode": "none"}}, ["tuning.mode", '"none"', "search, published, given"]),
        ({"tuning": {"parallel": 0}}, ["tuning.parallel", "0", "at least 1"]),
        ({"tuning": {"mode": "given"}}, ["tuning.mode", "methods.classification.hyperparameters", "'lr'"]),
        ({"tasks": {"spc": {"selection": "test"}}}, ["tasks.spc.selection", '"test"', "shifted, in_distribution"]),
        ({"tasks": {"spc": {"patients": "leaky"}}}, ["tasks.spc.patients", "disjoint, as_published"]),
        ({"tasks": {"spc": {"control": ["Mass", "Cardiomegaly"]}}}, ["tasks.spc.control", "Cardiomegaly", "differ"]),
        ({"tasks": {"spc": {"control": []}}}, ["tasks.spc.control", "a name, or a list of names"]),
        ({"tasks": {"vpc": {"mask": {"budget": 1.5}}}}, ["tasks.vpc.mask.budget", "1.5", "at most 1"]),
        ({"tasks": {"vpc": {"mask": {"control": "shuffled"}}}}, ["tasks.vpc.mask.control", "random, other, inverted"]),
        ({"tasks": {"spc": {"mask": {"control": "other"}}}}, ["tasks.spc.mask.control", "same ellipse"]),
        ({"tasks": {"spc": {"mask": {"negatives": "skip"}}}}, ["tasks.spc.mask.negatives", "kind source"]),
        ({"tasks": {"vpc": {"mask": {"kind": "anatomy"}}}}, ["tasks.vpc.mask.structures", "goes with kind anatomy"]),
        (
            {"tasks": {"vpc": {"mask": {"structures": ["Heart"]}}}},
            ["tasks.vpc.mask.structures", "goes with kind anatomy"],
        ),
        (
            {"tasks": {"vpc": {"mask": {"kind": "anatomy", "structures": ["Spine", "heart"]}}}},
            ["tasks.vpc.mask.structures.1", '"heart"', "allowed are Left Clavicle, ", "Heart, Aorta, Facies"],
        ),
        ({"tasks": {"vpc": {"mask": {"kind": "anatomy", "structures": []}}}}, ["vpc.mask.structures", "at least"]),
        ({"tasks": {"vpc": {"mask": {"kind": "anatomy", "structures": 2 * ["Heart"]}}}}, ["without repetition"]),
        ({"anatomy": {"address": "ftp://host/weights"}}, ["anatomy.address", "https?://"]),
        ({"anatomy": {"sha256": "abc"}}, ["anatomy.sha256", "text like"]),
        ({"anatomy": {"weight": "file"}}, ["anatomy", "unknown key 'weight'", "weights, address, sha256"]),
        ({"sources": {"nih": {"boxes": "Pneumona"}}}, ["sources.nih.boxes", '"Pneumona"', "Pneumonia"]),
        ({"sources": {"nih": {"torrent": "e615"}}}, ["sources.nih.torrent", '"e615"']),
        ({"sources": {"nih": {"archive": "https://example.org/a.zip"}}}, ["sources.nih.archive", "beside torrent"]),
        ({"sources": {"nih": {"sha256": 64 * "0"}}}, ["sources.nih.sha256", "goes with archive"]),
        ({"sources": {"crosses": {"torrent": 40 * "0"}}}, ["sources.crosses.torrent", "no images to fetch"]),
        ({"fetch": {"trackers": ["academictorrents"]}}, ["fetch.trackers.0", "academictorrents"]),
        ({"fetch": {"stall_timeout": 0}}, ["fetch.stall_timeout", "more than 0"]),
        ({"saliency": {"steps": "many"}}, ["saliency.steps", "many", "adaptive, or how many steps"]),
        ({"saliency": {"attributions": ["lime"]}}, ["saliency.attributions.0", "lime", "gradient"]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_key_gets_one_line_that_names_it_what_was_given_and_what_is_allowed(config, changes, words):
    with pytest.raises(StudyError) as caught:
        configuration.check(merge(config, changes))
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_no_two_keys_share_a_map(config):
    """Snakemake lays studies over the configuration in place, so a shared map would change in two places."""
    seen = set()

    def walk(value):
        if isinstance(value, dict):
            assert id(value) not in seen
            seen.add(id(value))
            for item in value.values():
                walk(item)

    walk(config)


def test_a_task_names_a_source_that_exists(config):
    config["tasks"]["spc"]["nuisance"]["groups"][0]["source"] = "nhi"
    with pytest.raises(StudyError, match=r"tasks\.spc\.nuisance\.groups\.0\.source: is 'nhi'; allowed are crosses"):
        configuration.check(config)


def test_two_groups_of_one_source_need_a_group_each(config):
    del config["tasks"]["vpc"]["nuisance"]["groups"][0]["group"]
    with pytest.raises(StudyError, match="give each a `group`"):
        configuration.check(config)


def test_two_equal_groups_are_no_nuisance(config):
    config["tasks"]["vpc"]["nuisance"]["groups"][0]["group"] = "PA"
    with pytest.raises(StudyError, match=r"tasks\.vpc\.nuisance\.groups: are the same twice"):
        configuration.check(config)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr": 0}, ["methods.rrr.hyperparameters.lr", "numbers above 0"]),
        ({"mask_blur_sigma": 1}, ["methods.rrr.hyperparameters.mask_blur_sigma", "tasks.spc.mask.blur_sigma"]),
    ],
)
def test_given_hyperparameters_are_checked(config, given, words):
    fixed = {"hyperparameters": {"lr": 1e-3, "lambda": 0.0} | given}
    config = merge(
        config,
        {"study": {"tasks": ["spc"], "methods": ["rrr"]}, "tuning": {"mode": "given"}, "methods": {"rrr": fixed}},
    )
    with pytest.raises(StudyError) as caught:
        configuration.check(config)
    for word in words:
        assert word in str(caught.value)


def test_moving_the_images_does_not_list_them_again(config):
    moved = merge(copy.deepcopy(config), {"sources": {"nih": {"imgpath": "elsewhere"}}})
    assert study.index_settings(config, "nih") == study.index_settings(moved, "nih")
    assert study.prepare_settings(config, "nih") != study.prepare_settings(moved, "nih")


def test_a_missing_key_is_named(config):
    del config["model"]["width"]
    with pytest.raises(StudyError, match="config: model: lacks the key 'width'"):
        configuration.check(config)


def test_only_what_a_stage_reads_reaches_it(config):
    changed = merge(copy.deepcopy(config), {"methods": {"actdiff": {"search": {"lambda": [0.1, 1.0]}}}})
    for method in config["study"]["methods"]:
        same = study.tune_settings(config, "spc", method) == study.tune_settings(changed, "spc", method)
        assert same == (method != "actdiff")
        assert study.train_settings(config, "spc", method) == study.train_settings(changed, "spc", method)
    assert study.results_settings(config) == study.results_settings(changed)


def test_the_blur_is_searched_where_the_task_says_so_by_methods_that_use_masks(config):
    assert search_space(config, "synthetic", "masked")["mask_blur_sigma"] == ["uniform", 0.0, 2.0]
    assert "mask_blur_sigma" not in search_space(config, "synthetic", "classification")
    assert "mask_blur_sigma" not in search_space(config, "spc", "masked")


def test_published_hyperparameters(config):
    config["tuning"]["mode"] = "published"
    configuration.check(config)
    found = fixed_hyperparameters(config, "synthetic", "adversarial")
    expected = {
        "lr": 0.000371,
        "lambda": 10,
        "discriminator_steps": 10,
        "discriminator_lr": 0.01,
        "mask_blur_sigma": 0.639513,
    }
    assert found == expected
    assert fixed_hyperparameters(config, "vpc", "rrr") == {"lr": 0.01, "lambda": 0.0001}


def test_images_are_fetched_only_where_there_is_no_folder_of_them(config):
    assert study.origin(config, "nih") == {"torrent": "e615d3aebce373f1dc8bd9d11064da55bdadede0"}
    assert study.origin(config, "crosses") is None
    assert study.network_settings(config, "padchest").terms.startswith("PadChest: only under the data use agreement")
    config["sources"]["nih"]["imgpath"] = "here"
    assert study.origin(config, "nih") is None
    assert study.origin(config, "covid")["archive"].endswith(".zip")


def test_only_the_covid_collection_is_listed_after_it_is_fetched(config):
    waiting = [source for source in config["sources"] if study.metadata_are_fetched(config, source)]
    assert waiting == ["covid"]
    config["sources"]["covid"]["csvpath"] = "metadata.csv"
    assert not study.metadata_are_fetched(config, "covid")


def test_another_torrent_prepares_again_and_another_tracker_does_not(config):
    before = study.prepare_settings(config, "nih")
    config["fetch"]["trackers"] = ["https://example.org/announce"]
    assert study.prepare_settings(config, "nih") == before
    config["sources"]["nih"]["torrent"] = "557481faacd824c83fbf57dcf7b6da9383b3235a"
    assert study.prepare_settings(config, "nih") != before
    assert "557481" not in str(study.index_settings(config, "nih"))
    commit = study.index_settings(config, "covid")
    config["sources"]["covid"]["archive"] = "https://example.org/another.zip"
    assert study.index_settings(config, "covid") != commit, "its table comes with the images"


def test_whose_patients_they_are(config):
    sources = config["sources"]
    sources["nih_too"] = sources["nih"] | {"views": ["AP"]}
    sources["google"] = {"kind": "torchxrayvision", "dataset": "NIH_Google_Dataset"}
    sources["expert"] = {"kind": "torchxrayvision", "dataset": "CheXlocalize_Dataset"}
    sources["vindr"] = {"kind": "torchxrayvision", "dataset": "VinDr_Dataset"}
    sources["hanoi"] = sources["vindr"] | {"people": "hanoi"}
    sources["mine"] = {"kind": "folder", "csvpath": "mine.csv"}
    sources["ours"] = {"kind": "folder", "csvpath": "ours.csv", "people": "nih"}
    people = {name: study.people_of(config, name) for name in sources}
    assert people == {
        "nih": "nih", "nih_too": "nih", "google": "nih", "ours": "nih", "mine": "mine.csv", "crosses": "crosses",
        "padchest": "padchest", "rsna": "rsna", "covid": "covid", "expert": "CheX_Dataset", "vindr": "VinDr_Dataset",
        "hanoi": "hanoi",
    }  # fmt: skip
    assert not any(study.people_are_given(config, name) for name in ("mine", "crosses"))
    assert all(study.people_are_given(config, name) for name in ("nih", "google", "ours", "vindr", "hanoi"))


def test_whose_patients_they_are_reaches_the_drawing_only(config):
    sources = config["sources"]
    sources["mine"] = {
        "kind": "folder",
        "csvpath": "a.csv",
        "imgpath": None,
        "columns": {},
        "size": 8,
        "max_unreadable": 0,
    }
    before = study.index_settings(config, "mine"), study.prepare_settings(config, "mine")
    config["tasks"]["spc"]["nuisance"]["groups"][1]["source"] = "mine"
    drawn = study.split_settings(config, "spc").groups
    assert [(group["people"], group["people_given"]) for group in drawn] == [("nih", True), ("a.csv", False)]
    sources["mine"]["people"] = "x"
    assert (study.index_settings(config, "mine"), study.prepare_settings(config, "mine")) == before
    assert study.split_settings(config, "spc").groups[1]["people"] == "x"


TXV = {"kind": "torchxrayvision", "size": 8, "imgpath": "/data", "max_unreadable": 0}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "CheXpert"}, 'dataset: is "CheXpert"; allowed are BRAX_Dataset'),
        ({"dataset": "CheX_Dataset"}, "sources.mine: lacks the key 'views'"),
        ({"dataset": "CheX_Dataset", "views": None}, "views: is null; allowed is a list"),
        ({"dataset": "VinDr_Dataset", "views": ["PA"]}, 'views: is ["PA"]; allowed is null'),
        ({"dataset": "BRAX_Dataset", "views": ["PA"]}, "sources.mine: lacks the key 'csvpath'"),
        ({"dataset": "NLMTB_Dataset", "views": ["PA"], "csvpath": "a.csv"}, 'csvpath: is "a.csv"; allowed is null'),
        ({"dataset": "VinDr_Dataset"}, None),
        ({"dataset": "VinDr_Dataset", "views": None, "csvpath": None, "people": "hanoi"}, None),
        ({"dataset": "CheX_Dataset", "views": ["PA"]}, None),
    ],
)
def test_what_a_class_of_torchxrayvision_needs_is_known_before_anything_runs(config, settings, words):
    config["sources"]["mine"] = TXV | settings
    if words is None:
        configuration.check(config)
        return
    with pytest.raises(StudyError) as caught:
        configuration.check(config)
    assert words in str(caught.value)


def test_only_classes_that_list_their_images_from_the_folder_depend_on_where_it_is(config):
    config["sources"]["chex"] = TXV | {"dataset": "CheX_Dataset", "views": ["PA"]}
    config["sources"]["tbx"] = TXV | {"dataset": "TBX11K_Dataset"}
    where = {name: study.index_settings(config, name).settings["imgpath"] for name in ("chex", "tbx")}
    assert where == {"chex": None, "tbx": "/data"}


def test_what_guides_training_reaches_only_methods_that_need_masks(config):
    changed = merge(copy.deepcopy(config), {"tasks": {"vpc": {"mask": {"budget": 0.5, "negatives": "skip"}}}})
    for method in config["study"]["methods"]:
        same = study.train_settings(config, "vpc", method) == study.train_settings(changed, "vpc", method)
        assert same == (method == "classification")
    for analysis in config["study"]["analyses"]:
        same = [study.analysis_settings(each, analysis, "vpc", 451) for each in (config, changed)]
        assert same[0] == same[1]
    assert study.train_settings(changed, "vpc", "rrr").guidance == {
        "negatives": "skip", "control": "none", "budget": 0.5, "blur_sigma": 0.0,
    }  # fmt: skip


def test_the_anatomy_is_segmented_of_the_sources_of_tasks_that_are_run(config):
    lungs = {"kind": "anatomy", "structures": ["Right Lung", "Left Lung"]}
    assert tasks.anatomy_sources(config) == []
    merge(config, {"tasks": {"vpc": {"mask": lungs}}})
    assert tasks.anatomy_sources(config) == ["rsna"]
    assert tasks.anatomy_sources(merge(copy.deepcopy(config), {"study": {"tasks": ["spc"]}})) == []
    assert study.segment_settings(config, "rsna") == Segmenting("rsna", "auto", "float32")
    sorted_lungs = lungs | {"structures": ["Left Lung", "Right Lung"]}  # a union, whose order makes no difference
    assert study.train_settings(config, "vpc", "rrr").mask == sorted_lungs
    assert study.analysis_settings(config, "reliance", "vpc", 451).mask == sorted_lungs
    assert study.results_settings(config)["tasks"]["vpc"]["mask"] == sorted_lungs


def test_weights_are_fetched_by_their_address_and_a_copy_of_ones_own_is_not_released(config):
    address = config["anatomy"]["address"]
    assert study.weights_settings(config).origin == {"file": address}
    merge(config, {"anatomy": {"sha256": "a" * 64, "weights": "/home/me/weights.pth"}})
    assert study.weights_settings(config).origin == {"file": address, "sha256": "a" * 64}
    network = study.weights_network_settings(config)
    assert "Lian et al. 2021" in network.terms
    assert network.downloads == config["fetch"]["downloads"]
    assert study.release_settings(config, [], {}).config["anatomy"] == {
        "weights": None, "address": address, "sha256": "a" * 64,
    }  # fmt: skip


def test_names_are_lists_for_drawing_and_words_for_reading(config):
    config["tasks"]["vpc"]["control"] = ["No Finding", "Mass"]
    drawing = study.split_settings(config, "vpc")
    assert (drawing.finding, drawing.control) == (["Pneumonia"], ["No Finding", "Mass"])
    assert (drawing.patients, drawing.selection) == ("disjoint", "shifted")
    assert study.results_settings(config)["tasks"]["vpc"]["control"] == "No Finding / Mass"
