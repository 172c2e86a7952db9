"""Influence of training points against retraining without each, and against Captum's."""

import numpy as np
import pytest
import torch
from captum.influence import NaiveInfluenceFunction, TracInCP
from red_herring.statistics import influence as ours
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import spearmanr
from support.small_classifier import smooth
from torch import nn
from torch.utils.data import TensorDataset

PENALTY = 0.1


def drawn(n, seed, d=4):
    """Features and labels that a linear classifier gets right for the most part."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, d))
    return features, (features @ np.arange(1, d + 1) + 2 * random.normal(size=n) > 0.5).astype(int)


def loss(weights, features, labels):
    """Cross entropy of each point by softmax of two logits, whose weights and biases are `weights` in a row."""
    logits = np.column_stack([features, np.ones(len(features))]) @ weights.reshape(2, -1).T
    return np.logaddexp(logits[:, 0], logits[:, 1]) - logits[np.arange(len(labels)), labels]


def fitted(features, labels, n, start=None):
    """Weights of the least sum of losses / n and ridge penalty."""

    def objective(weights):
        return loss(weights, features, labels).sum() / n + PENALTY / 2 * (weights**2).sum()

    def slope(weights):
        inputs = np.column_stack([features, np.ones(len(features))])
        wrong = softmax(inputs @ weights.reshape(2, -1).T, axis=1) - np.eye(2)[labels]
        return (wrong.T @ inputs).ravel() / n + PENALTY * weights

    start = np.zeros(2 * (features.shape[1] + 1)) if start is None else start
    return minimize(objective, start, jac=slope, method="BFGS", options={"gtol": 1e-9}).x


def points(weights, features, labels):
    logits = np.column_stack([features, np.ones(len(features))]) @ weights.reshape(2, -1).T
    return ours.Points(features, logits[:, 1] - logits[:, 0], labels)


@pytest.fixture(scope="module")
def retrained():
    """Training points, queries, and how much the loss of each query rises without each training point."""
    (features, labels), (asked, answers) = drawn(100, seed=0), drawn(5, seed=1)
    n, whole = len(labels), fitted(features, labels, len(labels))
    rises = np.empty((len(answers), n))
    for left_out in range(n):
        others = np.arange(n) != left_out
        without = fitted(features[others], labels[others], n, whole)
        rises[:, left_out] = loss(without, asked, answers) - loss(whole, asked, answers)
    return points(whole, features, labels), points(whole, asked, answers), rises


def test_influence_is_what_retraining_without_a_point_does(retrained):
    train, queries, rises = retrained
    found = ours.influence(queries, train, ours.hessian(train) + PENALTY * np.eye(5)) / len(rises[0])
    for own, rise in zip(found, rises, strict=True):
        assert spearmanr(own, rise).statistic > 0.99
        assert np.polyfit(own, rise, 1)[0] == pytest.approx(1, abs=0.15), "in its units, to first order"


def test_the_highest_score_is_of_the_point_without_which_the_loss_rises_most(retrained):
    """With Koh and Liang's sign it is the lowest; TracIn's is ours."""
    train, queries, rises = retrained
    first = np.arange(len(rises))
    for scores in (
        ours.influence(queries, train, ours.hessian(train) + PENALTY * np.eye(5)),
        ours.tracin(queries, train),
    ):
        assert (rises[first, scores.argmax(axis=1)] > 0).all()
        assert (rises[first, scores.argmin(axis=1)] < 0).all()


def gradients(weights, features, labels):
    """Of each point's loss by all weights of both logits, [n, 2 (d + 1)], and the Hessian of the mean, by autograd."""
    of = torch.from_numpy(np.column_stack([features, np.ones(len(features))]))
    targets = torch.from_numpy(labels)

    def losses(flat):
        return nn.functional.cross_entropy(of @ flat.view(2, -1).T, targets, reduction="none")

    at = torch.from_numpy(weights)
    whole = torch.autograd.functional.hessian(lambda flat: losses(flat).mean(), at)
    return torch.autograd.functional.jacobian(losses, at).numpy(), whole.numpy()


@pytest.fixture(scope="module")
def by_autograd():
    weights = np.random.default_rng(2).normal(size=10)
    (features, labels), (asked, answers) = drawn(30, seed=3), drawn(4, seed=4)
    of_train, whole = gradients(weights, features, labels)
    of_queries, _ = gradients(weights, asked, answers)
    return points(weights, features, labels), points(weights, asked, answers), of_train, of_queries, whole


def test_the_whole_hessian_has_no_inverse_without_damping(by_autograd):
    train, *_, whole = by_autograd
    values = np.linalg.eigvalsh(whole)
    np.testing.assert_allclose(values[:5], 0, atol=1e-15)
    np.testing.assert_allclose(values[5:], np.linalg.eigvalsh(ours.hessian(train)), rtol=1e-9)
    assert np.linalg.matrix_rank(whole) == 5, "of 10"


@pytest.mark.parametrize("damping", [1e-6, 0.01, 10])
def test_scores_are_those_of_the_whole_hessian(by_autograd, damping):
    train, queries, of_train, of_queries, whole = by_autograd
    moved = np.linalg.inv(whole + damping * np.eye(10)) @ of_train.T
    curvature = ours.hessian(train) + damping * np.eye(5)
    np.testing.assert_allclose(ours.influence(queries, train, curvature), of_queries @ moved, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        ours.influence_normalised(queries, train, curvature),
        of_queries @ moved / np.linalg.norm(moved, axis=0),
        rtol=1e-6,
        atol=1e-9,
    )
    np.testing.assert_allclose(ours.tracin(queries, train), of_queries @ of_train.T, rtol=1e-9, atol=1e-12)


def test_without_damping_a_dead_feature_has_no_inverse(by_autograd):
    train, queries, *_ = by_autograd
    dead = train._replace(features=train.features * [1, 1, 1, 0])
    curvature = ours.hessian(dead)
    with pytest.raises(np.linalg.LinAlgError):
        ours.influence(queries, dead, curvature)
    assert np.isfinite(ours.influence(queries, dead, ours.damped(curvature, 1e-3))).all()


def test_damping_goes_by_the_mean_eigenvalue(by_autograd):
    """So features of another unit have the same ranks."""
    curvature = ours.hessian(by_autograd[0])
    more = 0.1 * np.linalg.eigvalsh(curvature).mean()
    np.testing.assert_allclose(ours.damped(curvature, 0.1), curvature + more * np.eye(5), rtol=1e-12)


def test_a_point_that_is_fitted_to_the_last_digit_has_a_direction():
    """Its gradient is next to 0, and so is its influence, but not that by the length of its step."""
    train = ours.Points(np.eye(3), np.array([800.0, -0.5, 0.5]), np.array([1, 0, 1]))
    query = ours.Points(np.eye(3)[:1], np.array([-1.0]), np.array([1]))
    curvature = ours.damped(ours.hessian(train), 0.1)
    assert ours.influence(query, train, curvature)[0, 0] == 0
    assert ours.influence_normalised(query, train, curvature)[0].argmax() == 0
    near = train._replace(margins=np.array([40.0, -0.5, 0.5]))
    assert near.residuals[0] == pytest.approx(-np.exp(-40)), "as 1 - 1 / (1 + e^-40) would not be"


class Halves(nn.Module):
    """A small classifier whose last layer is called `fc`, as Captum has a layer by its name."""

    def __init__(self):
        super().__init__()
        self.network = smooth(3)
        self.fc = self.network.fc

    def forward(self, x):
        return self.fc(self.network.features(x))


@pytest.fixture(scope="module")
def captums(tmp_path_factory):
    model, random = Halves(), torch.Generator().manual_seed(5)
    images = torch.randn(44, 1, 3, 3, generator=random, dtype=torch.float64)
    labels = torch.randint(2, (44,), generator=random)
    weights = tmp_path_factory.mktemp("captum") / "weights.pt"
    torch.save(model.state_dict(), weights)
    with torch.no_grad():
        features = model.network.features(images).numpy()
        logits = model(images).numpy()
    margins = logits[:, 1] - logits[:, 0]
    train, queries = (
        ours.Points(features[part], margins[part], labels[part].numpy()) for part in (slice(40), slice(40, 44))
    )
    asked = {
        "model": model,
        "train_dataset": TensorDataset(images[:40], labels[:40]),
        "layers": ["fc"],
        "batch_size": 40,
    }
    return (
        asked | {"loss_fn": nn.CrossEntropyLoss(reduction="none")},
        str(weights),
        (images[40:], labels[40:]),
        train,
        queries,
    )


def test_influence_is_captums(captums):
    asked, weights, batch, train, queries = captums
    """Whose Hessian is of the sum of the losses, where ours is of their mean."""
    n, damping = len(train.labels), 0.01
    every = {"projection_dim": 12, "hessian_inverse_tol": 0}
    theirs = NaiveInfluenceFunction(**asked, **every, checkpoint=weights, hessian_reg=n * damping).influence(batch)
    found = ours.influence(queries, train, ours.hessian(train) + damping * np.eye(6))
    np.testing.assert_allclose(found, n * theirs.numpy(), rtol=1e-4, atol=1e-6)


def test_tracin_is_captums_of_one_checkpoint(captums):
    asked, weights, batch, train, queries = captums
    theirs = TracInCP(**asked, checkpoints=[weights]).influence(batch)
    np.testing.assert_allclose(ours.tracin(queries, train), theirs.numpy(), rtol=1e-6)


def test_cosine_is_of_features_and_undefined_for_none():
    train = ours.Points(np.array([[3.0, 0], [1, 1], [0, 0]]), np.zeros(3), np.zeros(3, int))
    found = ours.cosine(train, train)
    np.testing.assert_allclose(found[:2, :2], [[1, 0.5**0.5], [0.5**0.5, 1]])
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()


def test_the_top_has_ties_in_equal_parts():
    scores = np.array([[4.0, 3, 2, 1], [4, 2, 2, 2], [1, 1, 1, 0], [np.nan, 1, 0, 2]])
    np.testing.assert_allclose(
        ours.top(scores, 2), [[0.5, 0.5, 0, 0], [0.5, 1 / 6, 1 / 6, 1 / 6], [1 / 3, 1 / 3, 1 / 3, 0], [0, 0.5, 0, 0.5]]
    )


def test_what_ranks_nothing_has_no_top():
    scores = np.array([[1.0, 1, 1, 1], [np.nan] * 4, [np.nan, np.nan, np.nan, 1], [1, 2, 3, 4]])
    assert np.isnan(ours.top(scores, 2)).all(axis=1).tolist() == [True, True, True, False]
