"""Maps of networks whose weights are drawn anew, block by block, of small networks that are not trained."""

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_tiny_data
from red_herring.analyses import localisation, weight_randomisation
from red_herring.analyses.base import check_declared
from red_herring.networks import reset
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import initialised
from red_herring.runtime.files import StudyError
from red_herring.statistics.randomisation import Pairs, crossed_interval, pairs_of
from red_herring.study.comparing import keys_of
from red_herring.study.names import SIMILARITIES
from scipy import stats
from support.given import Given

SALIENCY = {
    "attributions": ["gradient", "edges"], "smoothing_sigma": 1.0, "steps": 4, "example_images": 3,
    "mean_map_images": 2,
}  # fmt: skip
ARMS = ["edges", "edges_x_input", "random"]


def given(seed=0, images=12, masks=True, width=2):
    model = initialised(width, 5)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias, 0.2, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    data = make_tiny_data(images, crossed=True)
    data.table["split"] = "test"
    data.masks = data.masks & masks
    return Given(model.eval().requires_grad_(False).folded(), data, seed, trained=model)


def settings(attributions=("gradient", "edges"), **own):
    defaults = {key: schema["default"] for key, schema in keys_of("weight_randomisation").items()}
    saliency = SALIENCY | {"attributions": sorted(attributions)}
    return defaults | {"images": 8, "draws": 2, "similarities": ["spearman"]} | own | {"saliency": saliency}


def analysed(run=None, **own):
    return weight_randomisation.analyse(run or given(), settings(**own))


@pytest.fixture(scope="module")
def whole():
    arms = {"order": ["cascading", "independent"], "statistics": ["kept", "reset"]}
    return analysed(**arms, similarities=["spearman", "ssim"], images=6, draws=1)


def rows(table, **which):
    for column, value in which.items():
        table = table[table[column] == value]
    return table


def test_the_table_is_as_declared_with_a_row_for_each_arm(whole):
    card = weight_randomisation
    check_declared("weight_randomisation", whole.table, card.BY, card.COLUMNS)
    assert list(whole.table) == [*card.BY, *card.COLUMNS]
    assert len(whole.table) == len(whole.table[[*card.BY]].drop_duplicates()) == 4 * 2 * 2 * 2 * 10
    assert list(whole.table["attribution"].unique()) == ["gradient", *ARMS]
    for order, blocks in (("cascading", list(range(1, 11))), ("independent", [1] * 10)):
        one = rows(whole.table, order=order, attribution="gradient", similarity="ssim", statistics="kept")
        assert one["block"].tolist() == list(BLOCKS)
        assert one["blocks"].tolist() == blocks


def test_what_knows_no_network_stays_and_what_is_random_is_drawn_anew(whole):
    for name in ("edges", "edges_x_input"):
        np.testing.assert_allclose(rows(whole.table, attribution=name)["value"], 1, atol=1e-6)
        assert (rows(whole.table, attribution=name)["difference"] > 0).all()
    chance = rows(whole.table, attribution="random", similarity="spearman")
    assert (chance["value"].abs() < 0.1).all()  # 6 pairs of 256 pixels: standard deviation 0.026
    assert (chance["value"] != 0).all()
    assert chance["value"].nunique() == len(chance), "another one for every network"


@pytest.fixture
def fewer(monkeypatch):
    """Two blocks in place of ten."""
    monkeypatch.setattr(weight_randomisation, "BLOCKS", BLOCKS[:2])


def test_nothing_randomised_is_a_similarity_of_one(fewer, monkeypatch):
    monkeypatch.setattr(
        weight_randomisation, "randomised", lambda network, blocks, *how, **kept: reset.randomised(network, [], 1, True)
    )
    asked = ["gradient", "smoothgrad", "integrated_gradients", "guided_backprop", "grad_cam", "guided_grad_cam"]
    found = analysed(attributions=asked, images=4, draws=1, similarities=list(SIMILARITIES)).table
    np.testing.assert_allclose(rows(found[found["attribution"] != "random"], block="fc")["value"], 1, atol=1e-5)


def test_block_by_block_is_as_the_cascade_at_the_first_block_only(whole):
    of_gradient = rows(whole.table, attribution="gradient", similarity="spearman", statistics="kept")
    one, other = (rows(of_gradient, order=order)["value"].to_numpy() for order in ("cascading", "independent"))
    assert one[0] == other[0]
    assert (one[1:] != other[1:]).all()


def test_running_statistics_matter_where_a_block_has_them(whole):
    of_gradient = rows(whole.table, attribution="gradient", similarity="spearman", order="cascading")
    kept, emptied = (rows(of_gradient, statistics=arm)["value"].to_numpy() for arm in ("kept", "reset"))
    assert kept[0] == emptied[0]
    assert (kept[1:] != emptied[1:]).all()


def gradients(network, images, target):
    images = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(network(images)[range(len(images)), target].sum(), images)
    return found.squeeze(1).numpy()


def networks(run, block, draws=2):
    """The randomised networks of the cascade down to a block."""
    for draw in range(draws):
        seed = weight_randomisation._seed(run, draw)
        yield randomised(run.trained, BLOCKS[: BLOCKS.index(block) + 1], seed, True).eval()


def by_hand(run, data, block, argmax=False):
    """Rank correlations of gradients, image by image: to the network's own map of it, [images, draws], to that of
    another image, the predictions' entropy and the share of zeros.
    """
    images = data.batch(slice(None)).images
    trained = gradients(run.model, images, 1)
    values, floor, entropies, zeros = [], [], [], []
    for network in networks(run, block):
        probabilities = network(images).double().softmax(dim=1).detach().numpy()
        theirs = gradients(network, images, probabilities.argmax(axis=1) if argmax else 1)
        values.append([stats.spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(trained, theirs, strict=True)])
        floor += [stats.spearmanr(trained[i].ravel(), theirs[i - 1].ravel())[0] for i in range(len(images))]
        zeros.append((theirs == 0).mean())
        entropies.append(-(probabilities * np.log(probabilities)).sum(axis=1).mean())
    return trained, np.transpose(values), np.mean(floor), np.mean(entropies), np.mean(zeros)


def images_of(run, found):
    """The data of an analysis, in its order."""
    names = found.per_image["image"].drop_duplicates()
    return run.test.subset(run.test.table.set_index("image").index.get_indexer(names))


@pytest.fixture(scope="module")
def cascade():
    run = given()
    return run, analysed(run)


def test_edges_fail_and_random_maps_are_undecided(cascade):
    _, found = cascade
    ends = found.table.set_index("attribution")[["difference_low", "difference_high"]]
    assert (ends.loc["edges"] > 0).all(axis=None)
    assert (ends.loc["edges_x_input"] > 0).all(axis=None)
    low, high = ends.loc["random"].to_numpy().T
    assert ((low < 0) & (high > 0)).mean() >= 0.9


@pytest.mark.parametrize("block", ["fc", "layer3.0", "stem"])
def test_the_columns_are_those_of_loops_over_images_and_draws(cascade, block):
    run, found = cascade
    data = images_of(run, found)
    trained, values, floor, entropy, zeros = by_hand(run, data, block)
    row = rows(found.table, attribution="gradient", block=block).iloc[0]
    first, second = pairs_of(8, 10)
    assert len(first) == 28
    line = Pairs(first, second, np.array([stats.spearmanr(trained[i].ravel(), trained[j].ravel())[0] for i, j in zip(first, second, strict=True)]))  # fmt: skip
    assert row["value"] == pytest.approx(values.mean(), abs=1e-4)
    assert row["cross_image"] == pytest.approx(line.alike.mean(), abs=1e-4)
    assert row["difference"] == pytest.approx(values.mean() - line.alike.mean(), abs=1e-4)
    assert (row["value_low"], row["value_high"]) == pytest.approx(crossed_interval(values)[1:], abs=1e-3)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        crossed_interval(values, line)[1:], abs=1e-3
    )
    assert row["draw_sd"] == pytest.approx(values.mean(axis=0).std(ddof=1), abs=1e-4)
    assert row["floor"] == pytest.approx(floor, abs=1e-4)
    assert row["entropy"] == pytest.approx(entropy, abs=1e-5)
    assert row["zeros"] == pytest.approx(zeros, abs=1e-3)
    assert (row["images"], row["draws"], row["undefined"]) == (8, 2, 0)
    assert np.isnan(row["completeness_error"])
    own = rows(found.per_image, attribution="gradient", block=block)
    np.testing.assert_allclose(own["spearman"], values.mean(axis=1), atol=1e-4)
    assert own["label"].tolist() == data.labels.tolist()


def test_the_larger_logit_of_the_randomised_network_may_be_explained(fewer):
    run = given()
    found = analysed(run, target=["fixed", "argmax"])
    data = images_of(run, found)
    said = [network(data.batch(slice(None)).images).argmax(dim=1) for network in networks(run, "fc")]
    assert {int(label) for labels in said for label in labels} == {0, 1}
    values = by_hand(run, data, "fc", argmax=True)[1]
    one, other = (rows(found.per_image, attribution="gradient", block="fc", target=target)["spearman"].to_numpy() for target in ("fixed", "argmax"))  # fmt: skip
    np.testing.assert_allclose(other, values.mean(axis=1), atol=1e-4)
    positive = torch.stack(said).all(dim=0).numpy()
    np.testing.assert_array_equal(one[positive], other[positive])
    assert (one[~positive] != other[~positive]).all()
    np.testing.assert_allclose(rows(found.table, target="argmax", attribution="edges")["value"], 1, atol=1e-6)


def test_the_same_draws_give_the_same_bytes_and_another_seed_others(fewer):
    asked = {"images": 4, "draws": 1}
    one, again, other = (analysed(given(seed), **asked) for seed in (0, 0, 1))
    assert one.table.to_csv() == again.table.to_csv()
    assert one.per_image.to_csv() == again.per_image.to_csv()
    assert {name: array.tobytes() for name, array in one.arrays.items()} == {
        name: array.tobytes() for name, array in again.arrays.items()
    }
    assert (
        rows(one.table, attribution="gradient")["value"] != rows(other.table, attribution="gradient")["value"]
    ).all()


def test_a_constant_map_is_counted_and_has_no_similarity(fewer):
    run = given()
    run.model.fc.weight[1] = 0  # the trained network's gradient is zero everywhere
    found = analysed(run, images=4)
    dead = rows(found.table, attribution="gradient")
    assert (dead["undefined"] == 8).all()
    missing = ["value", "value_low", "cross_image", "floor", "edges", "difference", "difference_high", "draw_sd"]
    assert dead[missing].isna().all(axis=None)
    assert rows(found.per_image, attribution="gradient")["spearman"].isna().all()
    assert (rows(found.table, attribution="edges")["undefined"] == 0).all()


def test_the_completeness_error_is_that_of_integrated_gradients(fewer):
    found = analysed(attributions=["integrated_gradients", "grad_cam"], images=6).table
    errors = {name: rows(found, attribution=name)["completeness_error"] for name in found["attribution"].unique()}
    of_ways = ["integrated_gradients", "local_integrated_gradients"]
    both = [errors.pop(name).tolist() for name in of_ways]
    assert both[0] == both[1]
    assert all(0 < error < 0.5 for error in both[0])
    assert pd.concat(errors).isna().all()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (["edges", "random", "centre_prior"], ["gradient"]),
        (["gradient_x_input"], ["gradient", "gradient_x_input"]),
        (["integrated_gradients", "edges"], ["gradient", "integrated_gradients", "local_integrated_gradients"]),
        (["local_integrated_gradients", "grad_cam"], ["grad_cam", "gradient", "local_integrated_gradients"]),
    ],
)
def test_asked_are_those_that_know_a_model_and_what_they_are_without_the_image(asked, expected):
    assert weight_randomisation.attributions_of(asked) == [*expected, *ARMS]


def test_the_arrays_are_of_the_images_that_localisation_shows():
    run = given()
    found = analysed(run, draws=1).arrays
    shown = localisation.analyse(run, {"saliency": SALIENCY}).arrays
    assert found["example_rows"].tolist() == shown["example_rows"][:2].tolist()
    np.testing.assert_array_equal(found["example_image"], shown["example_image"][:2])
    for block in BLOCKS:
        np.testing.assert_array_equal(found[f"explorer/{block}/edges"], shown["example/edges"])
    assert found["explorer/fc/gradient"].shape == (3, 16, 16)
    assert "explorer/fc/random" not in found, "the study does not have it"
    data = run.test.subset(np.flatnonzero(run.test.labels.numpy() == 1)).subset(found["example_rows"])
    (network,) = networks(run, "stem", draws=1)
    for name, of in (("trained", run.model), ("stem", network)):
        maps = gradients(of, data.batch(slice(None)).images, 1)
        scaled = maps / np.abs(maps).max(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(found[f"{name}/gradient"], scaled, atol=1e-3)
        assert found[f"{name}/gradient"].dtype == np.float16


def test_without_masks_there_is_nothing_to_show_and_everything_else(fewer):
    found = analysed(given(masks=False), images=4, draws=1)
    assert found.table["value"].notna().all()
    assert not any("/" in name for name in found.arrays)


def test_too_few_images_are_refused():
    with pytest.raises(
        StudyError, match=r"^t: has 2 shifted test images, and weight_randomisation compares maps of at"
    ):
        analysed(given(images=2))
