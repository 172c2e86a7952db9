"""MPRT revised: its entropies, its copies and its correlations, against slow ones and against values of Quantus."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import mprt
from red_herring.analyses.base import check_declared
from red_herring.data.dataset import Dataset
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.attribution import explain
from scipy.stats import spearmanr
from support.given import Given
from torch import nn

SETTINGS = {
    "images": 3, "draws": 2, "copies": 4, "smooth": ["gradient", "random"], "statistics": "kept",
    "saliency": {"attributions": ["gradient", "edges", "guided_backprop"], "steps": "adaptive"},
}  # fmt: skip
CPU = Hardware(torch.device("cpu"), "float32")


def pool(n=3, size=16):
    levels = np.random.default_rng(0).integers(0, 256, (n, size, size), np.uint8)
    table = pd.DataFrame(
        {"split": "test", "source": "s", "image": [f"i{row}" for row in range(n)], "label": 0, "nuisance": 0}
    )
    return Dataset(levels, np.zeros((size, size), bool), table, (0.0, 1.0))


def a_run(**options):
    torch.manual_seed(0)
    trained = ResNet18(2).eval().requires_grad_(False)
    for module in trained.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return Given(trained.folded(), pool(), 3, trained=trained, **options)


@pytest.fixture(scope="module")
def analysed():
    return mprt.analyse(a_run(), SETTINGS)


def test_entropy_and_its_rise_are_those_of_quantus():
    """Quantus 0.6.0, as it comes: `discrete_entropy` of four maps, and what `EfficientMPRT(complexity_func_kwargs=
    {"n_bins": 100})` gives for a model whose maps are these, and the others once its weights are randomised.
    """
    random = np.random.default_rng(0)
    trained, after = random.standard_t(3, (4, 28, 28)), random.standard_normal((4, 28, 28))
    entropies = [3.5648664848551554, 3.311989834795213, 2.7243917106724354, 3.2111861443652163]
    rises = [0.15097557548225427, 0.20694884653305362, 0.5031472846549087, 0.2983816624616078]
    found = mprt.entropy_of(trained)
    np.testing.assert_allclose(found, entropies, rtol=1e-12)
    nothing = np.full((4, 1, 10), np.nan)
    scores = mprt._scores(nothing, nothing, found, mprt.entropy_of(after)[:, None])
    np.testing.assert_allclose(scores["emprt"][:, 0], rises, rtol=1e-12)


def test_entropy_is_that_of_a_hundred_bins_of_the_map_itself():
    maps = np.random.default_rng(1).standard_t(3, (3, 20, 20)).astype(np.float32)
    expected = []
    for values in maps.astype(np.float64):
        places = np.minimum((values - values.min()) / (values.max() - values.min()) * 100, 99).astype(int).ravel()
        shares = [np.mean(places == place) for place in range(100)]
        expected.append(-sum(share * np.log(share) for share in shares if share > 0))
    np.testing.assert_allclose(mprt.entropy_of(maps), expected, rtol=1e-3)
    np.testing.assert_allclose(mprt.entropy_of(4 * maps), mprt.entropy_of(maps))
    maps[1] = 0.5
    assert np.isnan(mprt.entropy_of(maps)).tolist() == [False, True, False]


@pytest.mark.parametrize(("law", "low", "high"), [("normal", 3.7, 4.0), ("heavy", 1.3, 2.4), ("sparse", 0.1, 0.6)])
def test_entropy_of_maps_of_224_pixels_is_as_published(law, low, high):
    random = np.random.default_rng(0)
    values = random.standard_normal((4, 224, 224)) if law == "normal" else random.standard_t(3, (4, 224, 224))
    if law == "sparse":
        values = np.abs(values) * (random.random(values.shape) < 0.05)
    assert low < mprt.entropy_of(values).mean() < high


def test_copies_have_noise_of_a_tenth_of_the_range_of_their_image():
    data = pool(3, 40)
    data.levels[1] //= 4
    noisy = mprt._noisy(data, 30, [1, 0])
    assert noisy.table["image"].tolist() == [name for name in ("i0", "i1", "i2") for _ in range(30)]
    noise = noisy.levels.view(3, 30, 40, 40).numpy() - data.levels.numpy()[:, None]
    spread = [(int(levels.max()) - int(levels.min())) / 10 for levels in data.levels]
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), spread, rtol=0.02)
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)), 0, atol=0.5)
    assert len(np.unique(noise[:, :, 0, 0])) == 90
    np.testing.assert_array_equal(mprt._noisy(data, 30, [1, 0]).levels, noisy.levels)
    assert not np.array_equal(mprt._noisy(data, 30, [1, 1]).levels, noisy.levels)


def test_smooth_maps_are_means_over_the_copies():
    class Squares(nn.Module):
        def forward(self, x):
            return torch.stack([x.sum((1, 2, 3)), (x**2).sum((1, 2, 3))], dim=1)

    maps = mprt._maps(
        a_run(), Squares(), pool(), SETTINGS | {"saliency": {"attributions": ["gradient"], "steps": 16}}, 7
    )
    images = mprt._noisy(pool(), 4, [3, 7]).batch(slice(None)).images.view(3, 4, 16, 16)
    np.testing.assert_allclose(maps["smprt", "gradient"], 2 * images.mean(1), rtol=1e-5)
    np.testing.assert_allclose(maps["mprt", "gradient"], 2 * pool().batch(slice(None)).images[:, 0], rtol=1e-6)


def test_networks_are_reset_from_the_stem_upwards():
    run, images = a_run(), pool().batch(slice(None)).images
    networks = list(mprt._networks(run, SETTINGS | {"draws": 1}))
    assert [(draw, block) for draw, block, _ in networks] == [(0, block) for block in range(10)]
    seed = int(np.random.default_rng([3, 0, *b"mprt"]).integers(2**32))
    for number, blocks in ((0, ["stem"]), (2, ["stem", "layer1.0", "layer1.1"]), (9, BLOCKS)):
        expected = randomised(run.trained, blocks, seed, keep_statistics=True)
        torch.testing.assert_close(networks[number][2](images), expected(images), rtol=1e-3, atol=1e-4)


def test_a_value_is_the_rank_correlation_of_the_absolute_maps(analysed):
    run, data = a_run(), pool()
    rows = analysed.per_image.query("attribution == 'guided_backprop' and draw == 1").set_index("image")
    order = [int(name[1:]) for name in rows.index]
    shown = data.subset(np.array(order))
    trained = explain("guided_backprop", run.model, shown, 4, CPU, "m").maps
    for block, network in ((0, 10), (9, 19)):
        other = explain("guided_backprop", list(mprt._networks(run, SETTINGS))[network][2], shown, 4, CPU, "m").maps
        expected = [
            spearmanr(np.abs(a).ravel(), np.abs(b).ravel()).statistic for a, b in zip(trained, other, strict=True)
        ]
        np.testing.assert_allclose(analysed.arrays["mprt/guided_backprop"][:, 1, block], expected, atol=1e-4)
    np.testing.assert_allclose(rows["mprt_end"], expected, atol=1e-4)
    np.testing.assert_allclose(rows["mprt"], analysed.arrays["mprt/guided_backprop"][:, 1].mean(axis=1), rtol=1e-6)


def test_the_table_is_as_declared_and_the_mean_of_its_images(analysed):
    table = analysed.table
    check_declared("mprt", table, mprt.BY, mprt.COLUMNS)
    assert table["attribution"].tolist() == ["gradient", "guided_backprop", "random"]
    assert (table[["images", "draws"]] == [3, 2]).all(axis=None)
    assert (table["undefined"] == 0).all()
    np.testing.assert_array_equal(table["smprt_undefined"], [0, np.nan, 0])
    rows = table.set_index("attribution")
    means = analysed.per_image.groupby("attribution").mean(numeric_only=True)
    columns = ["mprt", "mprt_end", "smprt", "smprt_end", "emprt", "entropy", "entropy_random"]
    pd.testing.assert_frame_equal(rows[columns], means[columns], check_like=True)
    missing = rows.loc["guided_backprop", ["smprt", "smprt_low", "smprt_high", "smprt_end"]]
    assert missing.isna().all(), "it is not among `smooth`"
    assert rows["mprt_low"].lt(rows["mprt"]).all()
    assert rows["mprt_high"].gt(rows["mprt"]).all()


def test_a_random_map_is_drawn_anew_and_shares_nothing(analysed):
    values = analysed.arrays["mprt/random"]
    assert len(np.unique(values)) == values.size
    assert np.abs(values).max() < 5 / 16
    assert abs(values.mean()) < 4 / 16 / values.size**0.5
    assert abs(analysed.table.set_index("attribution").loc["random", "emprt"]) < 0.03


def test_a_constant_map_is_counted():
    run = a_run()
    nn.init.zeros_(run.trained.fc.weight)
    run.__dict__["model"] = run.trained.folded()
    done = mprt.analyse(
        run, SETTINGS | {"draws": 1, "saliency": {"attributions": ["gradient"], "steps": 16}}
    ).table.iloc[0]
    assert done["undefined"] == done["smprt_undefined"] == 3 * 10
    assert done[["mprt", "mprt_low", "smprt", "emprt", "entropy"]].isna().all()


@pytest.mark.slow
def test_same_draws_same_bytes(analysed):
    again = mprt.analyse(a_run(), SETTINGS)
    pd.testing.assert_frame_equal(again.per_image, analysed.per_image, check_exact=True)
    pd.testing.assert_frame_equal(again.table, analysed.table, check_exact=True)
