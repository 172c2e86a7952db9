"""Which training images a query owes its answer to, by networks whose features are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import influence
from red_herring.data.dataset import Dataset, with_carriers
from red_herring.runtime.files import StudyError
from red_herring.statistics.paired import t_interval
from support.given import Given
from torch import nn

SIZE, TRAIN, TEST, SEED = 28, 200, 12, 5
TAG = {"kind": "tag", "share": 0.5, "of": "positives", "area": 0.02}
SETTINGS = {"images": 100, "damping": 0.1, "saliency": {"example_images": 2}}
TOP = 2


class Quarters(nn.Module):
    """Its features are the share of white pixels, and the lightness of each quarter of the image."""

    def __init__(self, weights, dead=False):
        super().__init__()
        self.fc, self.dead = nn.Linear(5, 2), dead
        self.fc.weight.data = torch.tensor([[0.0] * 5, weights])
        self.fc.bias.data = torch.tensor([0.0, -0.5 * sum(weights[1:])])

    def features(self, x):
        half = SIZE // 2
        quarters = [x[:, 0, i : i + half, j : j + half].mean(dim=(1, 2)) for i in (0, half) for j in (0, half)]
        found = torch.stack([20 * (x[:, 0] >= 1).float().mean(dim=(1, 2)), *quarters], dim=1)
        return 0 * found if self.dead else found

    def forward(self, x):
        return self.fc(self.features(x))


OWN, NORMAL = (1.0, 1.0, -0.5, 0.2, 0.1), (0.2, 1.5, 0.3, -0.2, 0.4)


def pool():
    """Noise; positives are lighter."""
    n = TRAIN + TEST
    labels, random = np.arange(n) % 2, np.random.default_rng(0)
    levels = (random.integers(0, 200, (n, SIZE, SIZE)) + 40 * labels[:, None, None]).astype(np.uint8)
    masks = np.zeros(levels.shape, bool)
    masks[:, 12:16, 12:16] = True
    images = [f"i{row}" for row in range(n)]
    table = pd.DataFrame({"split": ["train"] * TRAIN + ["test"] * TEST, "source": "s", "image": images})
    return Dataset(levels, masks, table.assign(patient=images, label=labels, nuisance=0), (0.0, 1.0))


def a_run(own=None, normal=None, signal=TAG):
    base = Given(normal or Quarters(NORMAL), pool(), SEED, task="clean")
    return Given(own or Quarters(OWN), with_carriers(pool(), signal, SEED), SEED, base=base, signal=signal)


@pytest.fixture(scope="module")
def run():
    return a_run()


@pytest.fixture(scope="module")
def analysed(run):
    return influence.analyse(run, SETTINGS)


def gradients(network, data, label=None):
    """Of the cross entropy of each image by all weights and biases of the last layer, by autograd, [n, 12]."""
    labels = data.labels if label is None else torch.full_like(data.labels, label)
    features = network.features(data.batch(slice(None)).images).double()
    weights = torch.cat([network.fc.weight, network.fc.bias[:, None]], dim=1).double().detach()

    def losses(flat):
        inputs = torch.cat([features, torch.ones(len(features), 1)], dim=1)
        return nn.functional.cross_entropy(inputs @ flat.view(2, -1).T, labels, reduction="none")

    whole = torch.autograd.functional.hessian(lambda flat: losses(flat).mean(), weights.flatten())
    return torch.autograd.functional.jacobian(losses, weights.flatten()).numpy(), whole.numpy()


def best(form, network, queries, candidates, hessian):
    """The rows of the TOP candidates of each query. queries, candidates: gradients."""
    damped = hessian + 0.1 * np.trace(hessian) / 6 * np.eye(12)
    moved = candidates if form == "tracin" else np.linalg.solve(damped, candidates.T).T
    length = np.linalg.norm(moved, axis=1) if form == "influence_normalised" else 1
    return np.argsort(-(queries @ moved.T) / length, axis=1)[:, :TOP]


FITTED = ("influence", "influence_normalised", "tracin")


@pytest.mark.parametrize("form", FITTED)
@pytest.mark.parametrize("who", ["own", "normal"])
def test_shares_are_of_the_most_helpful_by_the_whole_hessian(run, analysed, form, who):
    """Of the normal network: the same candidates, but the curvature of its own training images."""
    of = run if who == "own" else run.base
    train, trained, test = run.data("train"), of.data("train"), run.test.subset(np.arange(0, TEST, 2))
    assert (test.labels == 0).all()
    found, hessian = gradients(of.model, trained)
    planted, _ = gradients(of.model, run.planted(test)[0], label=1)
    rows = best(form, of.model, planted, gradients(of.model, train)[0], hessian)
    carries = (train.levels != run.base.data("train").levels).any(dim=2).any(dim=1).numpy()
    prefix = "" if who == "own" else "normal_"
    images = analysed.per_image.query("form == @form").set_index("image").loc[test.table["image"]]
    np.testing.assert_allclose(images[f"{prefix}share"], carries[rows].mean(axis=1))
    clean = best(form, of.model, gradients(of.model, test)[0], found, hessian)
    identical = (trained.labels.numpy() == 0)[clean].mean(axis=1)
    np.testing.assert_allclose(images[f"{prefix}identical_class"], identical)
    means = trained.levels.numpy()[clean].mean(axis=1).reshape(len(test), -1) / 255
    in_order = analysed.per_image.iloc[analysed.arrays["explained_rows"]]["image"]
    stored = pd.DataFrame(analysed.arrays[f"explained/clean/{who}/{form}"], index=in_order).loc[test.table["image"]]
    np.testing.assert_allclose(stored, means, atol=1e-3)
    first = analysed.per_image["image"][:2].map({name: row for row, name in enumerate(test.table["image"])})
    pictures = analysed.arrays[f"example/{form}/{who}"]
    assert pictures.shape == (2, 5, SIZE, SIZE)
    np.testing.assert_array_equal(pictures[:, :TOP], train.levels.numpy()[rows[first]])
    pictures = analysed.arrays[f"example_clean/{form}/{who}"]
    np.testing.assert_array_equal(pictures[:, :TOP], trained.levels.numpy()[clean[first]])


def test_rates_are_those_of_the_training_images(analysed):
    rows = analysed.table
    assert rows["form"].tolist() == list(influence.FORMS)
    same = rows[["queries", "top", "base_rate", "base_rate_aligned", "base_rate_identical"]].drop_duplicates()
    assert same.to_numpy().tolist() == [[6, TOP, 0.25, 0.5, 0.5]]


def test_intervals_are_over_queries_and_the_difference_is_paired(analysed):
    for form, images in analysed.per_image.groupby("form"):
        row = analysed.table.set_index("form").loc[form]
        for column in ("share", "normal_share", "identical_class", "normal_identical_class"):
            expected = t_interval(images[column].to_numpy())
            np.testing.assert_allclose(row[[column, f"{column}_low", f"{column}_high"]].to_numpy(float), expected)
        expected = t_interval((images["share"] - images["normal_share"]).to_numpy())
        np.testing.assert_allclose(row[["difference", "difference_low", "difference_high"]].to_numpy(float), expected)


def test_features_that_are_the_signal_find_its_carriers_by_cosine():
    network = Quarters((1.0, 0.0, 0.0, 0.0, 0.0))
    network.features = lambda x: Quarters.features(network, x) * torch.tensor([1.0, 0.01, 0.01, 0.01, 0.01])
    row = influence.analyse(a_run(own=network), SETTINGS).table.set_index("form").loc["cosine"]
    assert (row["share"], row["base_rate"]) == (1, 0.25)


def test_random_training_images_have_the_signal_at_its_base_rate():
    """And are drawn anew for each network, so that their difference shows what chance does."""
    images = [influence.analyse(a_run(signal=TAG | {"share": share}), SETTINGS).per_image for share in (0.2, 1.0)]
    found = pd.concat(images, keys=[0.1, 0.5], names=["rate"]).query("form == 'random'")
    for rate, own in found.groupby("rate"):
        shares = own[["share", "normal_share"]].to_numpy()
        error = np.sqrt(rate * (1 - rate) / TOP / shares.size)
        assert abs(shares.mean() - rate) < 4 * error
    assert (found["difference"] != 0).any()


def test_what_a_network_cannot_rank_is_undefined_and_counted():
    """Without any feature the last layer knows the labels alone, and all images of one are alike."""
    analysed = influence.analyse(a_run(normal=Quarters(NORMAL, dead=True)), SETTINGS)
    row = analysed.table.set_index("form").loc["cosine"]
    assert row[["undefined", "normal_undefined", "identical_undefined", "normal_identical_undefined"]].tolist() == [
        0, 6, 0, 6,
    ]  # fmt: skip
    assert row[["normal_share", "difference", "normal_identical_class"]].isna().all()
    assert np.isnan(analysed.arrays["explained/clean/normal/cosine"]).all()
    assert (analysed.arrays["example/cosine/normal"] == 0).all()
    of_label = analysed.table.set_index("form").loc["influence"]
    assert of_label["normal_share"] == pytest.approx(of_label["base_rate_aligned"]), "of ties each has its part"


def test_weights_that_are_spoilt_are_named():
    broken = Quarters(OWN)
    broken.features = lambda x: Quarters.features(broken, x) / 0
    with pytest.raises(StudyError, match="its features are not finite; its weights are spoilt, so train it again"):
        influence.analyse(a_run(own=broken), SETTINGS)
    with pytest.raises(StudyError, match="so sure of every training image that their loss has no curvature"):
        influence.analyse(a_run(own=Quarters((0.0, 1e6, 0.0, 0.0, 0.0), dead=True)), SETTINGS)
