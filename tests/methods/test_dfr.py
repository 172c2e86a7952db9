"""DFR against logistic regressions fitted by hand, and the use that is made of the validation images."""

import numpy as np
import torch
from conftest import make_tiny_data
from hypothesis import given
from hypothesis import strategies as st
from red_herring.methods import dfr, make_method
from red_herring.networks.resnet import Batch, ResNet18
from sklearn.linear_model import LogisticRegression


def method_of(model, inverse_strength=0.5):
    return make_method("dfr", model, {"lr": 1e-3, "C": inverse_strength})


def batch_of(cells, seed=0, size=12, dtype=torch.float64):
    """Noise that is brighter for label 1 in its upper half, and for group 1 in its lower."""
    cells = torch.tensor(cells)
    images = torch.randn(len(cells), 1, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    images[:, :, : size // 2] += (cells % 2).view(-1, 1, 1, 1)
    images[:, :, size // 2 :] += (cells // 2).view(-1, 1, 1, 1)
    return Batch(images, cells % 2, torch.zeros_like(images, dtype=torch.bool), cells // 2)


def model_of(seed=0, width=2):
    """In float64, with running statistics that are no longer those of a new one."""
    torch.manual_seed(seed)
    model = ResNet18(width).double()
    model(batch_of([0, 1, 2, 3] * 4, seed).images)
    return model


CELLS = [0] * 9 + [1] * 6 + [2] * 5 + [3] * 12


def test_the_last_layer_is_the_mean_of_logistic_regressions_on_balanced_images():
    """Fitted here by scikit-learn to features that are standardised by hand; logits of other images agree to 1e-9."""
    model, batch, others = model_of(), batch_of(CELLS), batch_of([0, 1, 2, 3] * 5, seed=1)
    with torch.no_grad():
        features, of_others = (model.eval().features(some.images).numpy() for some in (batch, others))
    method = method_of(model.train())
    method.finish([batch], seed=3)

    mean, deviation = features.mean(axis=0), features.std(axis=0)
    random, cells, decisions = np.random.default_rng([3, *b"dfr"]), np.array(CELLS), []
    for _ in range(20):
        rows = np.concatenate([random.choice(np.flatnonzero(cells == cell), 5, replace=False) for cell in range(4)])
        regression = LogisticRegression(l1_ratio=1, C=0.5, solver="liblinear", random_state=0)
        regression.fit((features[rows] - mean) / deviation, cells[rows] % 2)
        decisions.append(regression.decision_function((of_others - mean) / deviation))
    with torch.no_grad():
        logits = model(others.images).numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], np.mean(decisions, axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(logits[:, 1], -logits[:, 0], atol=1e-12)
    assert np.std(np.mean(decisions, axis=0)) > 0.1, "or nothing is compared"
    assert method.notes == {"fits": 20, "images_of_each_cell": 5}


def test_nothing_but_the_last_layer_changes_and_batches_do_not_matter():
    model, again = model_of(), model_of()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batch = batch_of(CELLS)
    method_of(model).finish([batch], seed=0)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"fc.weight", "fc.bias"}
    parts = [
        Batch(*(part[rows] for part in (batch.images, batch.labels, batch.masks, batch.groups)))
        for rows in (slice(0, 7), slice(7, None))
    ]
    method_of(again).finish(parts, seed=0)
    torch.testing.assert_close(again.fc.weight, model.fc.weight, rtol=1e-6, atol=1e-9)


def test_it_depends_on_the_groups_and_on_the_seed():
    weights = []
    for cells, seed in (
        (CELLS, 0),
        (CELLS, 0),
        ([3 - cell if cell in (0, 2) else cell for cell in CELLS], 0),
        (CELLS, 1),
    ):
        model = model_of()
        given = batch_of(CELLS)
        groups = torch.tensor(cells) // 2
        method_of(model).finish([Batch(given.images, given.labels, given.masks, groups)], seed)
        weights.append(model.fc.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], weights[3])


def test_a_feature_that_is_always_the_same_has_no_weight():
    model = model_of()
    with torch.no_grad():
        model.layer4[1].bn2.weight[3], model.layer4[1].bn2.bias[3] = 0, 0
        model.layer4[0].bn2.weight[3], model.layer4[0].bn2.bias[3] = 0, 0
        model.layer4[0].downsample[1].weight[3], model.layer4[0].downsample[1].bias[3] = 0, 0
    method_of(model).finish([batch_of(CELLS)], seed=0)
    assert model.fc.weight[:, 3].tolist() == [0, 0]
    assert model.fc.weight.isfinite().all()


@given(cells=st.lists(st.integers(0, 3), max_size=40), seed=st.integers(0, 20))
def test_a_subsample_has_as_many_of_each_cell_and_no_image_twice(cells, seed):
    cells = np.array([0, 1, 2, 3, *cells])
    rows = dfr._balanced(cells, np.random.default_rng(seed))
    assert len(set(rows)) == len(rows) == 4 * np.bincount(cells).min()
    assert set(np.bincount(cells[rows])) == {np.bincount(cells).min()}


def test_it_trains_as_classification():
    data = make_tiny_data(8, 12)
    found = []
    for name in ("dfr", "classification"):
        torch.manual_seed(0)
        model = ResNet18(1)
        make_method(name, model, {"lr": 1e-3, "C": 1.0}).update(data.batch(slice(None)), torch.Generator())
        found.append(model.state_dict())
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())
