"""V-REx against sums over environments, with some that a batch lacks."""

import pytest
import torch
from red_herring.methods import make_method
from support.small_classifier import batch_of, cross_entropies, smooth


def terms_of(batch, model, **options):
    return make_method("vrex", model, {"lr": 1e-2, "lambda": 1.0}, options).losses(batch, torch.Generator())


CASES = {
    "all cells": [0, 1, 1, 2, 3, 3, 3],
    "one missing": [0, 0, 1, 3],
    "two missing": [0, 3, 3],
    "one group": [2, 2, 3],
}


@pytest.mark.parametrize("environments", ["cells", "groups"])
@pytest.mark.parametrize("cells", CASES.values(), ids=CASES)
def test_it_is_the_variance_of_the_risks_of_the_environments_that_are_there(cells, environments):
    model, batch = smooth(), batch_of(cells)
    each = cross_entropies(model(batch.images), batch.labels)
    keys = cells if environments == "cells" else [cell // 2 for cell in cells]
    risks = []
    for environment in sorted(set(keys)):
        own = [loss for loss, key in zip(each, keys, strict=True) if key == environment]
        risks.append(sum(own) / len(own))
    mean = sum(risks) / len(risks)
    found = terms_of(batch, model, environments=environments)
    expected = sum((risk - mean) ** 2 for risk in risks) / len(risks)
    assert found["penalty"].item() == pytest.approx(expected, rel=1e-9, abs=1e-15)
    assert found["classification"].item() == pytest.approx(sum(each) / len(each), rel=1e-12)


@pytest.mark.parametrize("cells", [[0], [2, 2, 2]])
def test_one_environment_has_no_variance_and_no_gradient(cells):
    model = smooth()
    penalty = terms_of(batch_of(cells), model)["penalty"]
    assert penalty.item() == 0
    assert all(not gradient.any() for gradient in torch.autograd.grad(penalty, list(model.parameters())))


def test_by_default_the_environments_are_cells():
    model, batch = smooth(), batch_of([0, 1, 2, 3, 3])
    assert terms_of(batch, model)["penalty"] == terms_of(batch, model, environments="cells")["penalty"]


def test_what_goes_by_the_nuisance_has_one_risk_in_both_groups_and_two_in_the_cells():
    """Why: a classifier of the nuisance alone, three images in four of which go with it."""
    model = smooth()
    images = torch.zeros(8, 1, 3, 3, dtype=torch.float64)
    images[4:] = 1.0  # the nuisance
    batch = batch_of([0, 0, 0, 1, 2, 3, 3, 3], images)
    with torch.no_grad():
        model.fc.weight.copy_(torch.stack([-model.features(images)[7], model.features(images)[7]]))
        middle = model(images)[[0, 7]].mean(dim=0)
        model.fc.bias.sub_(middle)
        logits = model(images)
        assert logits[0].allclose(-logits[7])
    assert terms_of(batch, model, environments="groups")["penalty"].item() == pytest.approx(0, abs=1e-12)
    assert terms_of(batch, model)["penalty"].item() > 0.01
