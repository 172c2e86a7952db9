"""Detection of a planted signal by maps that are known: products of the image and the weights of a sum."""

import numpy as np
import pytest
import torch
from red_herring.analyses import signal_detection
from red_herring.data.signals import names_of, plant
from red_herring.runtime.files import StudyError
from scipy import stats
from scipy.special import expit
from skimage.metrics import structural_similarity
from sklearn.metrics import average_precision_score
from support.given import Given
from support.paired_runs import SIZE, pool
from torch import nn

TAG = {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.04}
SETTINGS = {
    "images": 100,
    "saliency": {
        "attributions": ["gradient_x_input", "edges"], "steps": 16, "smoothing_sigma": 0.0, "example_images": 2,
    },
}  # fmt: skip
OWN, OTHER = ["test"] * 13 + ["train"], ["test"] * 12 + ["train"] * 2
SEEN = [0, 2, 4, 6, 8, 10]
"""Rows of the negatives that no network has seen."""


class Weighted(nn.Module):
    """y1 is a weighted sum of the pixels: its gradient is the weights."""

    def __init__(self, seed, scale=1.0):
        super().__init__()
        weights = np.random.default_rng(seed).standard_t(3, (SIZE, SIZE)) * scale
        self.weights = torch.tensor(weights, dtype=torch.float32)

    def forward(self, x):
        score = (x.squeeze(1) * self.weights).sum(dim=(1, 2))
        return torch.stack([0 * score, score], dim=1)


WHO = {"own": 1, "normal": 2, "other_normal": 3, "untrained": 4}


def a_run(own=None, signal=TAG):
    other = Given(Weighted(WHO["other_normal"]), pool(OTHER), seed=8, task="base")
    base = Given(Weighted(WHO["normal"]), pool(OWN), seed=7, task="base", other=other)
    base.__dict__["untrained"] = Weighted(WHO["untrained"])
    beside = Given(Weighted(5), pool(OTHER), seed=8)
    return Given(own or Weighted(WHO["own"]), pool(OWN), seed=7, base=base, other=beside, signal=signal)


@pytest.fixture(scope="module")
def analysed():
    return signal_detection.analyse(a_run(), SETTINGS)


@pytest.fixture(scope="module")
def expected(analysed):
    """Maps of each network by hand, in the order of the analysis, and the signal's pixels."""
    table = analysed.per_image.query("attribution == 'edges'")
    images = pool(OWN)
    row_of = {name: row for row, name in enumerate(images.table["image"])}
    rows = [row_of[image] for image in table["image"]]
    levels, masks = images.levels.numpy()[rows], images.masks.numpy()[rows]
    planted = plant(levels, masks, names_of(images.table.iloc[rows]), TAG)
    stored = {"clean": levels, "planted": planted.levels}
    weights = {who: Weighted(seed).weights.double().numpy() for who, seed in WHO.items()}
    maps = {(kind, who): stored[kind] / 255 * weights[who] for kind in stored for who in WHO}
    return {"maps": maps, "truth": planted.truth, "levels": stored, "weights": weights, "rows": rows}


def of(analysed, name="gradient_x_input"):
    return analysed.table.set_index("attribution").loc[name]


def ap(maps, truth):
    return np.array(
        [average_precision_score(t.ravel(), abs(m).ravel()) - t.mean() for m, t in zip(maps, truth, strict=True)]
    )


def mass(maps, truth):
    return np.array([abs(m)[t].sum() / abs(m).sum() / t.mean() for m, t in zip(maps, truth, strict=True)])


def by_ssim(maps, others):
    def clipped(map_):
        map_ = np.minimum(abs(map_), np.percentile(abs(map_), 99))
        return (map_ - map_.min()) / np.ptp(map_)

    pairs = zip(maps, others, strict=True)
    return np.array([structural_similarity(clipped(a), clipped(b), win_size=5, data_range=1) for a, b in pairs])


def test_the_images_are_clean_ones_of_the_class_without_the_signal_that_no_network_has_seen(analysed, expected):
    assert sorted(expected["rows"]) == SEEN
    assert of(analysed)["images"] == 6
    assert (analysed.per_image["label"] == 0).all()
    few = signal_detection.analyse(a_run(), SETTINGS | {"images": 4})
    assert few.per_image["image"][:4].tolist() == analysed.per_image["image"][:4].tolist()
    assert (few.table["images"] == 4).all()


def test_k_ssd_is_of_the_maps_of_planted_images_and_fam_gt_that_of_the_normal_network(analysed, expected):
    maps, truth, row = expected["maps"], expected["truth"], of(analysed)
    assert row["area"] == pytest.approx(9 / SIZE**2)
    for form, by in {"ap": ap, "mass": mass}.items():
        kssd, famgt = by(maps["planted", "own"], truth), by(maps["planted", "normal"], truth)
        for measure, values in {"kssd": kssd, "famgt": famgt, "difference": kssd - famgt}.items():
            low, high = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
            found = [row[f"{measure}_{form}{end}"] for end in ("", "_low", "_high")]
            assert found == pytest.approx([values.mean(), low, high], rel=1e-4, abs=1e-6), (measure, form)
    assert row["untrained_ap"] == pytest.approx(ap(maps["planted", "untrained"], truth).mean(), abs=1e-6)


def test_the_peers_measures_are_of_the_map_with_the_signal_and_of_both(analysed, expected):
    maps, truth, row = expected["maps"], expected["truth"], of(analysed)
    count = 0.1 * SIZE**2
    for who, prefix in (("own", ""), ("normal", "normal_")):
        values = []
        for map_, inside in zip(maps["planted", who], truth, strict=True):
            place = stats.rankdata(-abs(map_).ravel(), "ordinal")
            part = np.clip(count - place + 1, 0, 1)  # 25 pixels whole and 0.6 of the next
            values.append(part[inside.ravel()].sum() / inside.sum())
        assert row[f"{prefix}sensitivity"] == pytest.approx(np.mean(values), abs=1e-6)
        pairs = zip(maps["clean", who], maps["planted", who], strict=True)
        alike = [stats.pearsonr(clean.ravel(), planted.ravel()).statistic for clean, planted in pairs]
        assert row[f"{prefix}ncc"] == pytest.approx(np.mean(alike), rel=1e-5)


@pytest.mark.parametrize(
    ("measure", "first", "second", "shift"),
    [
        ("ccm", ("clean", "normal"), ("clean", "own"), 0),
        ("fam", ("planted", "normal"), ("planted", "own"), 0),
        ("ccm_ceiling", ("clean", "normal"), ("clean", "other_normal"), 0),
        ("fam_ceiling", ("planted", "normal"), ("planted", "other_normal"), 0),
        ("ccm_floor", ("clean", "normal"), ("clean", "normal"), 1),
        ("ccm_independent", ("clean", "own"), ("clean", "normal"), 1),
    ],
)
def test_ccm_and_fam_and_what_they_stand_beside_are_of_these_maps(analysed, expected, measure, first, second, shift):
    maps = expected["maps"]
    others = np.concatenate([maps[second][shift:], maps[second][:shift]])
    images = analysed.per_image.query("attribution == 'gradient_x_input'")
    np.testing.assert_allclose(images[measure], by_ssim(maps[first], others), atol=1e-5)
    assert of(analysed)[measure] == pytest.approx(images[measure].mean())


def test_a_control_knows_no_network_but_sees_the_signal(analysed):
    row = of(analysed, "edges")
    assert row["difference_ap"] == row["difference_mass"] == 0
    assert row["kssd_ap"] == row["famgt_ap"] == row["untrained_ap"] != 0
    assert row[["ccm", "fam", "ccm_ceiling", "fam_ceiling"]].tolist() == pytest.approx([1] * 4)
    assert row["ncc"] == row["normal_ncc"] < 1


def test_a_map_of_zeros_is_undefined_and_counted_and_says_nothing_to_a_reader():
    blank = signal_detection.analyse(a_run(Weighted(1, scale=0.0)), SETTINGS)
    row = of(blank)
    counted = [
        "undefined",
        "kssd_undefined",
        "ccm_undefined",
        "fam_undefined",
        "ccm_independent_undefined",
        "ncc_undefined",
    ]
    assert row[counted].tolist() == [6] * 6
    assert row[["kssd_ap", "kssd_mass", "kssd_ssim", "random_ssim", "sensitivity", "ccm", "fam", "ncc"]].isna().all()
    assert row[["difference_ap", "difference_ap_low"]].isna().all()
    assert row[["famgt_undefined", "untrained_undefined", "ccm_ceiling_undefined", "normal_ncc_undefined"]].eq(0).all()
    assert row[["famgt_ap", "normal_sensitivity", "ccm_floor"]].notna().all()
    assert (blank.arrays["explained/planted/own/gradient_x_input"] == 0).all()
    assert (blank.arrays["example/planted/own/gradient_x_input"] == 0).all()


def test_maps_are_kept_as_shares_of_their_sum(analysed, expected):
    maps, rows = expected["maps"], analysed.arrays["explained_rows"]
    kept = analysed.per_image.loc[rows, ["source", "image"]]
    assert kept["image"].tolist() == pool(OWN).table["image"][expected["rows"]].tolist()
    for kind in ("clean", "planted"):
        for who in ("own", "normal"):
            absolute = np.abs(maps[kind, who]).reshape(6, -1)
            found = analysed.arrays[f"explained/{kind}/{who}/gradient_x_input"]
            assert (found.dtype, found.shape) == (np.float16, (6, SIZE**2))
            np.testing.assert_allclose(found, absolute / absolute.sum(axis=1, keepdims=True), rtol=2e-3, atol=1e-6)


def test_examples_are_the_first_images_with_the_signal_its_pixels_and_what_the_networks_say(analysed, expected):
    arrays, maps = analysed.arrays, expected["maps"]
    np.testing.assert_array_equal(arrays["example_truth"], expected["truth"][:2].astype(np.uint8))
    for kind, levels in expected["levels"].items():
        np.testing.assert_array_equal(arrays[f"example_{kind}"], levels[:2])
        for who in ("own", "normal"):
            probabilities = expit((levels[:2] / 255 * expected["weights"][who]).sum(axis=(1, 2)))
            np.testing.assert_allclose(arrays[f"example_probability/{kind}/{who}"], probabilities, rtol=1e-4)
            absolute = np.abs(maps[kind, who][:2])
            found = arrays[f"example/{kind}/{who}/gradient_x_input"].astype(float)
            np.testing.assert_allclose(found, 255 * absolute / absolute.max(axis=(1, 2), keepdims=True), atol=0.51)
    assert not any("other_normal" in name for name in arrays)


def test_fewer_images_than_an_interval_needs_are_refused():
    run = a_run()
    run.base.other.pool.table.loc[SEEN[:-2], "split"] = "valid"
    run.other.pool.table.loc[SEEN[:-2], "split"] = "valid"
    with pytest.raises(StudyError, match="t, seed 7: has 2 shifted test images of label 0 that no compared run"):
        signal_detection.analyse(run, SETTINGS)
