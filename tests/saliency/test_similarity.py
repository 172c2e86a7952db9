"""How alike two maps are: each measure against a slow one of scikit-image or SciPy, and what independent maps score."""

import numpy as np
import pytest
import torch
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import initialised
from red_herring.runtime.files import StudyError
from red_herring.runtime.hardware import Hardware
from red_herring.saliency import similarity as module
from red_herring.saliency.attribution import explain
from red_herring.saliency.similarity import compare, prepare, scaled, similarity
from red_herring.study.names import SIMILARITIES
from scipy.stats import pearsonr, spearmanr
from skimage.feature import hog
from skimage.metrics import structural_similarity

ON_STROKES = ["spearman_nonzero", "spearman_abs_nonzero"]


def pairs(n=6, height=28, width=28, seed=0):
    """Related maps with ties and zeros, and images of which half the pixels are 0."""
    random = np.random.default_rng(seed)
    first = random.standard_t(3, (n, height, width)).round(1).astype(np.float32)
    first[:, : height // 3] = 0
    second = (first + random.standard_normal(first.shape).round(1)).astype(np.float32)
    second[:, :, : width // 3] = 0
    return first, second, random.random(first.shape) * (random.random(first.shape) < 0.5)


# Written again, pair by pair


def min_max(map_):
    return (map_ - map_.min()) / (map_.max() - map_.min())


def clipped(map_):
    return min_max(np.clip(np.abs(map_), None, np.percentile(np.abs(map_), 99)))


def hog_of(map_):
    cells = tuple(max(1, round(side / 14)) for side in map_.shape)
    return hog(map_, orientations=9, pixels_per_cell=cells, cells_per_block=(3, 3), block_norm="L2-Hys")


def ssim_of(first, second, weights, data_range):
    """(2 m n + c)(2 cov + d) / ((m² + n² + c)(var + var + d)) in windows, averaged over those inside the image; c =
    (0.01 range)², d = (0.03 range)², (co)variances those of a sample (Wang et al. 2004).
    """
    c, d, size = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2, len(weights)
    sample = size**2 / (size**2 - 1)
    found = []
    for row in range(first.shape[0] - size + 1):
        for column in range(first.shape[1] - size + 1):
            a, b = (map_[row : row + size, column : column + size] for map_ in (first, second))
            m, n = (weights * a).sum(), (weights * b).sum()
            covariance = sample * (weights * (a - m) * (b - n)).sum()
            variances = sample * ((weights * (a - m) ** 2).sum() + (weights * (b - n) ** 2).sum())
            found.append((2 * m * n + c) * (2 * covariance + d) / ((m**2 + n**2 + c) * (variances + d)))
    return np.mean(found)


GAUSSIAN = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
WEIGHTS = {"ssim": np.ones((5, 5)), "ssim_s2": np.outer(GAUSSIAN, GAUSSIAN)}

REFERENCES = {
    "spearman": lambda a, b, image: spearmanr(a.ravel(), b.ravel()).statistic,
    "spearman_abs": lambda a, b, image: spearmanr(abs(a).ravel(), abs(b).ravel()).statistic,
    "spearman_nonzero": lambda a, b, image: spearmanr(a[image != 0], b[image != 0]).statistic,
    "spearman_abs_nonzero": lambda a, b, image: spearmanr(abs(a[image != 0]), abs(b[image != 0])).statistic,
    "ssim": lambda a, b, image: ssim_of(clipped(a), clipped(b), WEIGHTS["ssim"] / 25, 1),
    "ssim_s2": lambda a, b, image: ssim_of(
        min_max(a), min_max(b), WEIGHTS["ssim_s2"] / WEIGHTS["ssim_s2"].sum(), 2
    ),
    "hog": lambda a, b, image: pearsonr(hog_of(a / abs(a).max()), hog_of(b / abs(b).max())).statistic,
    "hog_s2": lambda a, b, image: spearmanr(hog_of(min_max(a)), hog_of(min_max(b))).statistic,
}  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(28, 28), (11, 11), (31, 40), (97, 64)])
@pytest.mark.parametrize("name", SIMILARITIES)
def test_pairs_score_as_by_the_slow_references(name, height, width):
    first, second, images = pairs(3, height, width)
    found = similarity(name, first, second, images)
    expected = [
        REFERENCES[name](a.astype(np.float64), b.astype(np.float64), image)
        for a, b, image in zip(first, second, images, strict=True)
    ]
    assert found.dtype == np.float64
    # Of 2000 ranks, some of histograms that are equal but for rounding may be exchanged.
    np.testing.assert_allclose(found, expected, atol=1e-3 if name == "hog_s2" else 1e-6)


def test_a_large_hog_is_scikit_images():
    first, second, _ = pairs(1, 224, 224)
    expected = REFERENCES["hog"](*np.concatenate([first, second]).astype(np.float64), None)
    assert similarity("hog", first, second)[0] == pytest.approx(expected, abs=1e-6)
    assert prepare("hog", first).shape == (1, 12 * 12 * 9 * 9)  # 14 x 14 cells in blocks of 3 x 3


@pytest.mark.parametrize("size", [28, 224])
def test_cells_keep_their_number(size):
    assert prepare("hog", pairs(1, size, size)[0]).shape == (1, 12 * 12 * 9 * 9)


# What holds of any pair


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_map_is_like_itself_whatever_its_scale_and_order_does_not_matter(name):
    first, second, images = pairs()
    np.testing.assert_allclose(similarity(name, first, 3 * first, images), 1, atol=1e-5)
    np.testing.assert_allclose(
        similarity(name, first, second, images), similarity(name, second, first, images), atol=1e-9
    )
    turned = similarity(name, first, -first, images)
    if name == "ssim_s2":
        assert (turned < 0.9).all()
    else:
        expected = -1 if name in ("spearman", "spearman_nonzero") else 1
        np.testing.assert_allclose(turned, expected, atol=1e-3 if name == "hog_s2" else 1e-6)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_many_pairs_are_compared_as_each_by_itself(name, monkeypatch):
    first, second, images = pairs()
    together = similarity(name, first, second, images)
    monkeypatch.setattr(module, "TOGETHER", 2 * 28 * 28)
    ready = prepare(name, first, images)
    assert ready.dtype == np.float32
    found = compare(name, ready, prepare(name, second, images))
    np.testing.assert_array_equal(found, similarity(name, first, second, images))
    np.testing.assert_allclose(found, together, rtol=1e-9)


# What is undefined


@pytest.mark.parametrize("value", [0.0, 0.3, -7.0])
@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_constant_map_is_like_nothing(name, value):
    first, second, images = pairs()
    first[2] = second[4] = value
    found = similarity(name, first, second, images)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2, 4]
    np.testing.assert_array_equal(found[:2], similarity(name, first[:2], second[:2], images[:2]))


def test_a_map_that_is_constant_when_clipped_is_like_nothing():
    first, second, _ = pairs()
    first[1] = 0
    first[1, 4, :7] = 1  # of 784 pixels less than 1 %
    assert np.isnan(similarity("ssim", first, second)).tolist() == [False, True, False, False, False, False]
    assert not np.isnan(similarity("spearman", first, second)).any()


@pytest.mark.parametrize("name", ON_STROKES)
def test_pixels_where_the_image_is_zero_do_not_count(name):
    first, second, images = pairs()
    images[3] = 0
    images[5] = 0
    images[5, 9:11, 9:20] = 0.5
    first[5, 9:11, 9:20] = 2.0
    found = similarity(name, first, second, images)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3, 5]
    np.testing.assert_allclose(similarity(name, first * (images != 0), second, images), found)
    changed = similarity(name, np.where(images == 0, 99, first), second, images)
    np.testing.assert_array_equal(changed, found)
    with pytest.raises(ValueError, match="needs the images"):
        similarity(name, first, second)


@pytest.mark.parametrize("name", ON_STROKES)
def test_maps_of_different_images_are_compared_where_neither_image_is_zero(name):
    first, second, images = pairs()
    images[5] = 0
    images[5, 20:22] = images[4, 20:22] == 0
    prepared = prepare(name, first, images), prepare(name, np.roll(second, 1, axis=0), np.roll(images, 1, axis=0))
    found = compare(name, *prepared)
    expected = []
    for row in range(6):
        both = (images[row] != 0) & (images[row - 1] != 0)
        a, b = first[row][both], second[row - 1][both]
        a, b = (np.abs(a), np.abs(b)) if "abs" in name else (a, b)
        expected.append(spearmanr(a, b).statistic if both.any() else np.nan)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(found[5]), "images 4 and 5 share no pixel"


@pytest.mark.parametrize(("name", "smallest"), [("ssim", 5), ("ssim_s2", 11), ("hog", 3), ("hog_s2", 3)])
def test_images_that_are_too_small_are_refused_in_a_sentence(name, smallest):
    first, second, _ = pairs(1, smallest, 20)
    assert np.isfinite(similarity(name, first, second)).all()
    with pytest.raises(
        StudyError, match=rf"^similarities: {name} needs images of at least {smallest} pixels a side .* leave"
    ):
        prepare(name, first[:, 1:])


# What independent maps score


def within_three_standard_errors(found, expected):
    return abs(found.mean() - expected) <= 3 * found.std(ddof=1) / len(found) ** 0.5


@pytest.mark.parametrize("name", ["spearman", "spearman_abs"])
@pytest.mark.parametrize("law", ["random", "standard_normal"])
def test_independent_noise_scores_zero_by_ranks(law, name):
    draw = getattr(np.random.default_rng(1), law)
    assert within_three_standard_errors(similarity(name, draw((50, 64, 64)), draw((50, 64, 64))), 0)


@pytest.mark.parametrize("attribution", ["gradient", "integrated_gradients", "gradient_x_input"])
def test_maps_of_a_network_against_noise_score_zero_by_ranks(attribution, tiny_data):
    random = np.random.default_rng(0)
    table = tiny_data(50).table
    data = Dataset(random.integers(1, 256, (50, 28, 28), np.uint8), np.ones((28, 28), bool), table, (0.0, 1.0))
    maps = explain(
        attribution, initialised(4, 0), data, 50, Hardware(torch.device("cpu"), "float32"), "the model", steps=4
    ).maps
    noise = random.standard_normal(maps.shape)
    for name in ("spearman", "spearman_abs"):
        assert within_three_standard_errors(similarity(name, maps, noise), 0)


@pytest.mark.parametrize(
    ("name", "law", "expected"),
    [("hog_s2", "random", 0.078), ("ssim_s2", "random", 0.023), ("ssim_s2", "standard_normal", 0.12)],
)
def test_independent_noise_scores_more_than_zero_otherwise(name, law, expected):
    """What was published of histograms of uniform noise, and what scikit-image says of scaled maps in 224 x 224."""
    draw = getattr(np.random.default_rng(2), law)
    found = similarity(name, draw((20, 224, 224)), draw((20, 224, 224)))
    assert found.mean() == pytest.approx(expected, abs=0.015)
    assert not within_three_standard_errors(found, 0)


def heavy(random):
    return random.standard_t(3, (8, 224, 224))


def sparse(random):
    return np.abs(heavy(random)) * (random.random((8, 224, 224)) < 0.05)


def in_the_middle(random):
    place = np.arange(224) - 111.5
    return np.abs(heavy(random)) * np.exp(-np.add.outer(place**2, place**2) / (2 * 50**2))


def upsampled(random):
    coarse = np.maximum(random.standard_normal((8, 7, 7)), 0)
    return torch.nn.functional.interpolate(torch.from_numpy(coarse)[None], (224, 224), mode="bilinear")[0].numpy()


@pytest.mark.parametrize(
    ("name", "maps", "expected", "tolerance"),
    [
        ("ssim", heavy, 0.015, 0.005),
        ("ssim_s2", heavy, 0.82, 0.1),
        ("ssim", in_the_middle, 0.16, 0.03),
        ("spearman_abs", heavy, 0.0, 0.01),
        ("spearman_abs", in_the_middle, 0.47, 0.03),
        ("spearman_abs", upsampled, 0.03, 0.2),
    ],
)
def test_independent_maps_share_what_all_such_maps_have(name, maps, expected, tolerance):
    random = np.random.default_rng(3)
    assert similarity(name, maps(random), maps(random)).mean() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("maps", "of_five", "of_seven", "tolerance"),
    [
        (lambda random: np.abs(heavy(random)), 0.44, 0.68, 0.12),
        (heavy, 0.55, 0.80, 0.12),
        (sparse, 0.67, 0.84, 0.12),
        (upsampled, 0.34, 0.38, 0.1),
    ],
    ids=["absolute", "signed", "sparse", "upsampled"],
)
def test_scaling_by_the_largest_value_alone_makes_heavy_tails_alike(maps, of_five, of_seven, tolerance):
    """Why `ssim` clips: with windows of 5 pixels and a range of 1, or of 7 and a range of 2."""
    random = np.random.default_rng(5)
    first, second = scaled(maps(random)), scaled(maps(random))
    for window, data_range, expected in ((5, 1, of_five), (7, 2, of_seven)):
        found = [
            structural_similarity(*pair, win_size=window, data_range=data_range)
            for pair in zip(first, second, strict=True)
        ]
        assert np.mean(found) == pytest.approx(expected, abs=tolerance)
