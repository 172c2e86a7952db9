"""CORAL and MMD against sums over images and pairs, and what they do with cells that a batch or the training lacks."""

import math
from itertools import product

import pytest
import torch
from red_herring.data.sampling import draw_order
from red_herring.methods import make_method
from red_herring.methods.mmd import WIDTHS
from red_herring.runtime.files import StudyError
from support.small_classifier import SIZE, Classifier, batch_of, smooth

NAMES = ["coral", "mmd"]


def method_of(name, model=None):
    return make_method(name, model or smooth(), {"lr": 1e-2, "lambda": 1.0})


def terms_of(name, batch, model):
    return method_of(name, model).losses(batch, torch.Generator())


def coral(one, other):
    """Entry by entry, of lists of features."""

    def mean(rows, i):
        return sum(row[i] for row in rows) / len(rows)

    def covariance(rows, i, j):
        return sum((row[i] - mean(rows, i)) * (row[j] - mean(rows, j)) for row in rows) / (len(rows) - 1)

    d = len(one[0])
    means = sum((mean(one, i) - mean(other, i)) ** 2 for i in range(d)) / d
    entries = product(range(d), repeat=2)
    return means + sum((covariance(one, i, j) - covariance(other, i, j)) ** 2 for i, j in entries) / d**2


def kernel(x, y):
    squared = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    return sum(math.exp(-width * squared) for width in (0.001, 0.01, 0.1, 1, 10, 100, 1000))


def mmd(one, other):
    """Pair by pair, of lists of features."""

    def within(rows):
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(x, y) for x in one for y in other]
    return within(one) + within(other) - 2 * sum(between) / len(between)


REFERENCE = {"coral": coral, "mmd": mmd}


def expected(name, batch, model, classes):
    features, cells = model.features(batch.images).tolist(), batch.cells.tolist()
    of_cells = [[row for row, own in zip(features, cells, strict=True) if own == cell] for cell in range(4)]
    return sum(REFERENCE[name](of_cells[label], of_cells[2 + label]) for label in classes) / len(classes)


CASES = {
    "both classes": ([0, 0, 1, 1, 1, 2, 2, 2, 3, 3], [0, 1]),
    "one image of a group of class 0": ([0, 1, 1, 2, 2, 3, 3, 3], [1]),
    "none of a group of class 1": ([0, 0, 1, 1, 1, 2, 2], [0]),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("cells", "classes"), CASES.values(), ids=CASES)
def test_it_is_the_mean_over_the_classes_of_the_distance_of_the_groups(name, cells, classes):
    model, batch = smooth(), batch_of(cells)
    found = terms_of(name, batch, model)
    assert found["penalty"].item() == pytest.approx(expected(name, batch, model, classes), rel=1e-9)
    plain = make_method("classification", model, {"lr": 1e-2}).losses(batch, torch.Generator())
    assert found["classification"].item() == pytest.approx(plain["classification"].item(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cells", [[0, 0, 3, 3], [0, 1, 2, 3], [1]])
def test_without_a_class_to_compare_a_step_is_one_of_classification(name, cells):
    batch, found = batch_of(cells), []
    for method in (method_of(name), make_method("classification", smooth(), {"lr": 1e-2})):
        terms = method.update(batch, torch.Generator())
        assert terms.get("penalty", torch.zeros(())).item() == 0
        found.append(torch.cat([weight.flatten() for weight in method.model.parameters()]))
    assert torch.equal(*found)


@pytest.mark.parametrize("name", NAMES)
def test_training_with_fewer_than_two_images_of_a_cell_is_refused_before_it_starts(name):
    method_of(name).start(torch.tensor([0, 1, 2, 3] * 2))
    with pytest.raises(
        StudyError, match=rf"^{name}: compares .* no training image of label 1 is of group 0, of 2 that"
    ):
        method_of(name).start(torch.tensor([0, 2, 3] * 2))
    with pytest.raises(StudyError, match=rf"^{name}: compares .* but 1 training image of label 1 is of group 0, of 2"):
        method_of(name).start(torch.tensor([0, 2, 3, 0, 1, 2, 3]))


def test_groups_of_the_same_features_have_no_distance_by_coral():
    half = torch.randn(4, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = batch_of([0, 0, 1, 1, 2, 2, 3, 3], torch.cat([half, half]))
    assert terms_of("coral", batch, smooth())["penalty"].item() == pytest.approx(0, abs=1e-25)


def test_the_estimator_of_mmd_is_unbiased():
    """The mean over all draws of two of either, with repetition, is what all of both give, each kernel's pairs i = j too."""
    one = torch.tensor([[0.0, 0.1], [1.0, 0.3], [0.2, -0.4]], dtype=torch.float64)
    other = torch.tensor([[0.5, 0.5], [-0.7, 0.1], [0.9, 1.2]], dtype=torch.float64)
    distance = method_of("mmd").distance
    draws = list(product(range(3), repeat=2))
    drawn = [distance(one[list(rows)], other[list(others)]).item() for rows, others in product(draws, draws)]

    def mean(x, y):
        return sum(kernel(a, b) for a in x.tolist() for b in y.tolist()) / (len(x) * len(y))

    truth = mean(one, one) + mean(other, other) - 2 * mean(one, other)
    assert sum(drawn) / len(drawn) == pytest.approx(truth, rel=1e-10)
    assert min(drawn) < 0
    assert len(WIDTHS) == 7


@pytest.mark.parametrize("name", NAMES)
def test_copies_of_an_image_count_once(name):
    model, cells = smooth(), torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    images = batch_of(cells.tolist()).images
    rows = [5, 0, 1, 4, 2, 3, 0, 6, 7, 8, 9, 10, 11, 7, 7, 5]
    batch = batch_of(cells[rows].tolist(), images[rows])
    found = terms_of(name, batch, model)["penalty"].item()
    assert found == pytest.approx(expected(name, batch_of(cells.tolist(), images), model, [0, 1]), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_copies_of_one_image_have_no_spread(name):
    cells = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    images = batch_of(cells).images
    images[7] = images[6]
    model, batch = smooth(), batch_of(cells, images)
    assert terms_of(name, batch, model)["penalty"].item() == pytest.approx(expected(name, batch, model, [1]), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_pixels_in_two_cells_are_two_images(name):
    half = torch.randn(4, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model, batch = smooth(), batch_of([0, 0, 1, 1, 2, 2, 3, 3], torch.cat([half, half]))
    found = terms_of(name, batch, model)["penalty"].item()
    assert found == pytest.approx(expected(name, batch, model, [0, 1]), rel=1e-9, abs=1e-12)


class Means(Classifier):
    """One feature, the mean of an image."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(1, 2)

    def features(self, x):
        return x.mean(dim=(2, 3))


def test_groups_of_one_distribution_have_no_distance_by_mmd_where_rare_cells_are_repeated():
    """Two and three images of the rare cells, shown as often as the common ones; the mean is 0 to within its error."""
    cells, random, found = torch.tensor([0] * 247 + [1] * 3 + [2] * 2 + [3] * 248), torch.Generator().manual_seed(0), []
    method = method_of("mmd", Means().double())
    for _ in range(800):
        levels = torch.randn(500, 1, 1, 1, generator=random, dtype=torch.float64)
        rows = draw_order("groups", cells, random)[:16]
        batch = batch_of(cells[rows].tolist(), levels[rows].expand(-1, 1, SIZE, SIZE).clone())
        found.append(method.losses(batch, torch.Generator())["penalty"].item())
    found = torch.tensor(found)
    assert abs(found.mean()) < 4 * found.std() / len(found) ** 0.5
    assert found.std() / len(found) ** 0.5 < 0.05, "or it would not tell a bias"
