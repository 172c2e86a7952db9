"""Label randomisation: which networks are compared, on which images, and what they had learnt."""

import numpy as np
import pytest
import torch
from red_herring.analyses import label_randomisation
from support.paired_runs import SETTINGS, gradients, run_of, spearman

OWN = ["test"] * 6 + ["train"] * 7
OTHER = ["train", *["test"] * 12]


@pytest.fixture(scope="module")
def runs():
    other = run_of(2, OTHER, seed=4, task="base")
    base = run_of(1, OWN, task="base", other=other)
    return {"own": run_of(5, OWN, base=base), "base": base, "other": other}


@pytest.fixture(scope="module")
def analysed(runs):
    return label_randomisation.analyse(runs["own"], SETTINGS)


@pytest.mark.parametrize(
    ("pair", "first", "second"),
    [("permuted", "base", "own"), ("permuted_other_seed", "other", "own"), ("other_seed", "base", "other")],
)
def test_each_pair_is_of_its_two_networks_on_images_that_all_have_not_seen(runs, analysed, pair, first, second):
    data = runs["base"].test.subset(np.arange(1, 6))
    maps = [gradients(runs[which], data) for which in (first, second)]
    values = [spearman(one, two) for one, two in zip(*maps, strict=True)]
    rows = analysed.table.query("attribution == 'gradient' and similarity == 'spearman'").set_index("pair")
    assert rows.loc[pair, "images"] == 5
    assert rows.loc[pair, "value"] == pytest.approx(np.mean(values), abs=1e-6)
    images = analysed.per_image.query("attribution == 'gradient' and pair == @pair")
    assert dict(zip(images["image"], images["spearman"], strict=True)) == pytest.approx(
        dict(zip(data.table["image"], values, strict=True)), abs=1e-6
    )


def test_the_line_is_of_the_network_of_true_labels(runs, analysed):
    maps = gradients(runs["base"], runs["base"].test.subset(np.arange(1, 6)))
    line = [spearman(maps[i], maps[j]) for i in range(5) for j in range(i)]
    row = analysed.table.query("attribution == 'gradient' and similarity == 'spearman' and pair == 'cross_image'")
    assert row["value"].item() == pytest.approx(np.mean(line), abs=1e-6)


def test_a_network_is_held_to_the_labels_that_it_was_trained_on(runs, analysed):
    def share(run, data, labels):
        with torch.no_grad():
            said = run.model(data.batch(slice(None)).images).argmax(dim=1).numpy()
        return (said == labels).mean()

    train, test = (runs["own"].data(split) for split in ("train", "test"))
    order = np.random.default_rng([3, *b"labels"]).permutation(7)
    of_true = share(runs["own"], train, train.labels.numpy())
    expected = {
        "train_accuracy": share(runs["own"], train, train.labels.numpy()[order]),
        "test_accuracy": share(runs["own"], test, test.labels.numpy()),
        "base_train_accuracy": share(runs["base"], train, train.labels.numpy()),
        "base_test_accuracy": share(runs["base"], test, test.labels.numpy()),
    }
    assert expected["train_accuracy"] != of_true, "else this would show nothing"
    for name, value in expected.items():
        np.testing.assert_allclose(analysed.table[name], value, rtol=1e-6, err_msg=name)
