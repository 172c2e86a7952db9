"""Concept activation vectors: on networks with a known answer, and against a slow computation of our own."""

import os
import tempfile

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.data.dataset import Dataset
from red_herring.networks.resnet import initialised
from red_herring.saliency.concepts import LinearClassifier, Tapped, Vector, accuracy, activations, vectors
from scipy.optimize import minimize
from torch import nn

CPU = torch.device("cpu")
SIZE = 14


class Squares(nn.Module):
    """y1 is half the sum of the squares in the upper left corner of what the layer gives, so its gradient is that corner."""

    def __init__(self):
        super().__init__()
        self.layer3 = nn.Identity()

    def forward(self, x):
        corner = self.layer3(x)[:, 0, :4, :4]
        score = corner.square().sum(dim=(1, 2)) / 2
        return torch.stack([-score, score], dim=1)


def dataset(levels):
    table = pd.DataFrame({"label": 0, "nuisance": 0, "image": [f"i{row}" for row in range(len(levels))]})
    return Dataset(np.asarray(levels, np.uint8), np.zeros((SIZE, SIZE), bool), table, (-1.0, 1.0))


def noise(n, seed, corner=0):
    """Levels around the middle, which is 0; `corner` is added in the upper left one."""
    levels = np.random.default_rng(seed).integers(100, 156, (n, SIZE, SIZE))
    levels[:, :4, :4] += corner
    return dataset(levels)


def resnet():
    torch.manual_seed(0)
    network = initialised(2, 1)
    nn.init.normal_(network.fc.bias)
    return network.folded()


def test_a_score_is_the_share_of_images_whose_logit_rises_along_the_vector():
    """The gradient is the corner itself: light in seven images of ten, dark in the others, as the concept is light."""
    scored = dataset(np.concatenate([np.full((7, SIZE, SIZE), 200), np.full((3, SIZE, SIZE), 50)]))
    sets = {"light": noise(12, 0, corner=60), "plain": noise(12, 1), "dark": noise(12, 2, corner=-60)}
    tapped = Tapped(Squares(), ["layer3"])
    pairs = [("light", "plain"), ("dark", "plain"), ("plain", "light")]
    for target, share in ((1, 0.7), (0, 0.3)):
        found = vectors(tapped, target, scored, sets, pairs, CPU)["layer3"]
        assert [found[pair].score for pair in pairs] == pytest.approx([share, 1 - share, 1 - share])
    assert (
        accuracy(
            found["light", "plain"], *(activations(tapped, noise(9, *of), CPU)["layer3"] for of in ((3, 60), (4,)))
        )
        == 1
    )


def penalised(inputs, labels):
    """The vector and the intercept of logistic regression with a ridge of 1, by a general solver."""
    centre = inputs.mean(axis=0)
    scale = np.sqrt(((inputs - centre) ** 2).mean())
    x, signs = (inputs - centre) / scale, 2.0 * labels - 1

    def loss(weights):
        margins = signs * (x @ weights[:-1] + weights[-1])
        slope = -signs / (1 + np.exp(margins))
        value = np.logaddexp(0, -margins).sum() + weights[:-1] @ weights[:-1] / 2
        return value, np.append(x.T @ slope + weights[:-1], slope.sum())

    found = minimize(
        loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15}
    ).x
    return found[:-1] / scale, found[-1] - found[:-1] @ centre / scale


def by_hand(network, layer, target, scored, sets, pairs):
    """Scores and vectors, with whole activations in blocks of two by two pixels and gradients by autograd."""

    def at(images, answered):
        kept = {}
        handle = network.get_submodule(layer).register_forward_hook(lambda *of: kept.update(h=of[2]))
        logits = network(images.requires_grad_())
        handle.remove()
        found = torch.autograd.grad(logits[:, target].sum(), kept["h"])[0] if answered else kept["h"]
        n, channels, height, width = found.shape
        blocks = found.detach().double().view(n, channels, height // 2, 2, width // 2, 2)
        reduced = blocks.sum(dim=(3, 5)) if answered else blocks.mean(dim=(3, 5))
        return reduced.flatten(1).numpy()

    gradients = at(scored.batch(slice(None)).images, True)
    of = {name: at(data.batch(slice(None)).images, False) for name, data in sets.items()}
    found = {}
    for first, second in pairs:
        labels = np.repeat([1.0, 0.0], [len(of[first]), len(of[second])])
        weights, intercept = penalised(np.concatenate([of[first], of[second]]), labels)
        found[first, second] = Vector(np.mean([gradient @ weights > 0 for gradient in gradients]), weights, intercept)
    return found


def test_more_than_sixteen_vectors_are_those_of_a_slow_computation_each_in_its_place():
    """Captum gives the scores of 17 sets or more in another order."""
    random = np.random.default_rng(0)

    def images(n):
        levels = random.integers(0, 256, (n, 28, 28)).astype(np.uint8)
        table = pd.DataFrame({"label": 0, "nuisance": 0, "image": range(n)})
        return Dataset(levels, np.zeros((28, 28), bool), table, (0.0, 1.0))

    sets = {str(number): images(5) for number in range(19)}
    pairs = [("18", str(number)) for number in range(18)]
    network, scored = resnet(), images(30)
    found = vectors(Tapped(network, ["layer1"]), 1, scored, sets, pairs, CPU)["layer1"]
    expected = by_hand(network, "layer1", 1, scored, sets, pairs)
    assert len({vector.score for vector in expected.values()}) > 8, "an order that can be told"
    for pair in pairs:
        size = np.abs(expected[pair].weights).max()
        np.testing.assert_allclose(found[pair].weights, expected[pair].weights, atol=2e-3 * size, err_msg=str(pair))
        assert found[pair].intercept == pytest.approx(expected[pair].intercept, abs=0.02)
        assert found[pair].score == pytest.approx(expected[pair].score, abs=1 / 30 + 1e-9), pair


@pytest.mark.parametrize("size", [56, 60], ids=["whole blocks", "blocks that overlap"])
@pytest.mark.parametrize(("layer", "shrunk"), [("layer1", 1), ("layer2", 2)], ids=["below another tap", "above it"])
def test_taps_leave_the_answers_as_they_are_and_move_activations_in_blocks(size, layer, shrunk):
    network = resnet().double()
    images = torch.rand(3, 1, size, size, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    tapped = Tapped(network, ["layer1", "layer2"])
    means = {}
    tapped.taps[layer].register_forward_hook(lambda *of: means.update(h=of[2]))
    logits = tapped(images.requires_grad_())
    torch.testing.assert_close(logits, network(images), rtol=0, atol=0)
    assert means["h"].shape == (3, 2 * shrunk, 14, 14)
    (gradient,) = torch.autograd.grad(logits[:, 1].sum(), means["h"])
    towards = torch.rand(means["h"].shape[1:], dtype=torch.double, generator=torch.Generator().manual_seed(1))

    def moved(step):
        blocks = nn.functional.interpolate(step * towards[None], size=(size // shrunk, size // shrunk))
        handle = network.get_submodule(layer).register_forward_hook(lambda *of: of[2] + blocks)
        with torch.no_grad():
            found = network(images)[:, 1]
        handle.remove()
        return found

    slope = (moved(1e-6) - moved(-1e-6)) / 2e-6
    torch.testing.assert_close((gradient * towards).sum(dim=(1, 2, 3)), slope, rtol=1e-4, atol=1e-8)


def test_no_file_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sets = {"light": noise(4, 0, corner=60), "plain": noise(4, 1)}
    vectors(Tapped(Squares(), ["layer3"]), 1, noise(3, 2), sets, [("light", "plain")], CPU)
    assert os.listdir(tmp_path) == []


def test_accuracy_counts_both_kinds_alike():
    vector = Vector(0.5, np.array([1.0, 0.0]), -0.5)
    with_concept, others = np.array([[1.0, 0], [0, 9]]), np.array([[0.0, 0], [0, 0], [0, 3], [2, 0]])
    assert accuracy(vector, with_concept, others) == (1 / 2 + 3 / 4) / 2


def test_activations_that_never_vary_have_no_direction():
    classifier = LinearClassifier()
    stats = classifier.train_and_eval(
        [(torch.ones(2, 3), torch.tensor([4, 4])), (torch.ones(2, 3), torch.tensor([7, 7]))]
    )
    assert classifier.classes() == [4, 7]
    assert not classifier.weights().any()
    assert stats["intercepts"] == pytest.approx([0, 0])
