"""Telling models apart: against scikit-learn with the twins exchanged by hand, and by simulation."""

from itertools import product

import numpy as np
import pytest
from red_herring.statistics.paired import t_interval
from red_herring.statistics.two_sample import SHRINKAGE, Twins, enough, tell_apart
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

IMAGES, FEATURES = 12, 10


def drawn(rng, seeds, shift=0.0, model=0.3):
    """Twins whose explanations are the image, what is each model's own, noise, and `shift` in every feature of the
    spurious one's.
    """

    def explanations(image, by):
        return image + model * rng.normal(size=FEATURES) + by + 0.5 * rng.normal(size=image.shape)

    found = []
    for seed in range(seeds):
        image = rng.normal(size=(IMAGES, FEATURES))
        names = np.array([f"{seed}/{number}" for number in range(IMAGES)])
        found.append(Twins(explanations(image, shift), explanations(image, 0), names))
    return found


def by_scikit_learn(twins):
    """The AUC of each seed by ridge regression on the explanations of the others, whose images are not of that seed."""
    aucs = []
    for test in twins:
        others = [one for one in twins if one is not test]
        kept = [~np.isin(one.images, test.images) for one in others]
        rows = np.concatenate(
            [of[rows] for one, rows in zip(others, kept, strict=True) for of in (one.own, one.normal)]
        )
        labels = np.concatenate([np.repeat([1, 0], rows.sum()) for rows in kept])
        scaler = StandardScaler().fit(rows)
        classifier = Ridge(alpha=SHRINKAGE * len(rows)).fit(scaler.transform(rows), labels)
        scores = classifier.predict(scaler.transform(np.concatenate([test.own, test.normal])))
        aucs.append(roc_auc_score(np.repeat([1, 0], len(test.own)), scores))
    return np.array(aucs)


def exchanged(twins, signs):
    return [Twins(*(one[:2] if sign > 0 else one[1::-1]), one.images) for one, sign in zip(twins, signs, strict=True)]


def test_aucs_and_p_are_those_of_scikit_learn_with_all_twins_exchanged_by_hand():
    """Two seeds share images, on which the classifier of one must not learn for the other."""
    twins = drawn(np.random.default_rng(2), 4, shift=0.05)
    twins[1].images[:5] = twins[0].images[:5]
    found = tell_apart(twins)
    np.testing.assert_allclose(found.aucs, by_scikit_learn(twins), rtol=0, atol=1e-12)
    assert found.trained.tolist() == [3 * IMAGES - 5, 3 * IMAGES - 5, 3 * IMAGES, 3 * IMAGES]
    assert found.interval == pytest.approx(t_interval(found.aucs))
    means = [by_scikit_learn(exchanged(twins, signs)).mean() for signs in product([1, -1], repeat=4)]
    assert found.p == pytest.approx(np.mean(np.array(means) >= found.aucs.mean() - 1e-12))
    assert 1 / 8 < found.p < 1, "neither end would prove little"


@pytest.mark.parametrize(("seeds", "repetitions", "level"), [(3, 250, 1 / 4), (6, 120, 1 / 32)])
def test_equal_models_have_an_auc_of_a_half_and_the_p_has_its_size(seeds, repetitions, level):
    """Within what 99.9 % of such simulations stay."""
    rng = np.random.default_rng(0)
    found = [tell_apart(drawn(rng, seeds)) for _ in range(repetitions)]
    values = np.array([one.interval.value for one in found])
    assert abs(values.mean() - 0.5) < 3 * values.std() / np.sqrt(repetitions)
    assert values.std() > 0.03, "models differ"
    assert found[0].least_p == level
    for size in {level, 1 / 4}:
        rejected = np.mean([one.p <= size for one in found])
        assert abs(rejected - size) < 3.3 * np.sqrt(size * (1 - size) / repetitions)


def test_a_shift_is_found():
    found = tell_apart(drawn(np.random.default_rng(1), 6, shift=1.0))
    assert found.interval.value > 0.9
    assert found.p == found.least_p == 1 / 32
    assert enough(found.least_p)
    few = tell_apart(drawn(np.random.default_rng(1), 5, shift=1.0))
    assert few.p == few.least_p == 1 / 16
    assert not enough(few.least_p), "five seeds prove nothing at 0.05"


def test_of_many_seeds_exchanges_are_drawn():
    found = tell_apart(drawn(np.random.default_rng(1), 14, shift=1.0))
    assert found.p == found.least_p == 1 / 2**12


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_say_nothing(seeds):
    found = tell_apart(drawn(np.random.default_rng(1), seeds, shift=1.0))
    assert len(found.aucs) == seeds
    assert np.isnan([*found.aucs, *found.interval, found.p, found.least_p]).all()
    assert not enough(found.least_p)


def test_where_all_seeds_have_the_same_images_nothing_can_be_learnt():
    twins = drawn(np.random.default_rng(1), 4, shift=1.0)
    for one in twins:
        one.images[:] = twins[0].images
    found = tell_apart(twins)
    assert np.isnan([*found.aucs, found.interval.value, found.p]).all()
    assert found.trained.tolist() == [0] * 4


def test_what_is_undefined_is_left_out():
    """An image of one of the twins, and a feature of one model, such as the score of a concept that was refused."""
    twins = drawn(np.random.default_rng(3), 4, shift=0.3)
    without = [Twins(one.own[:, 1:], one.normal[:, 1:], one.images) for one in twins]
    without[2] = Twins(*(of[1:] for of in without[2]))
    twins[2].normal[0, 5] = np.nan
    twins[3].own[:, 0] = np.nan
    found, expected = tell_apart(twins), tell_apart(without)
    np.testing.assert_array_equal(found.aucs, expected.aucs)
    assert found.images.tolist() == [IMAGES, IMAGES, IMAGES - 1, IMAGES]
    assert found.p == expected.p


def test_a_model_that_explains_nothing_is_a_seed_less():
    twins = drawn(np.random.default_rng(3), 4, shift=0.3)
    twins[1].own[:] = np.nan
    found, expected = tell_apart(twins), tell_apart([twins[0], *twins[2:]])
    np.testing.assert_array_equal(found.aucs, np.insert(expected.aucs, 1, np.nan))
    assert found.interval == expected.interval
    assert (found.p, found.least_p) == (expected.p, expected.least_p)


def test_explanations_that_are_all_the_same_are_ranked_by_nobody():
    same = [Twins(np.ones((4, 3)), np.ones((4, 3)), np.arange(4) + 4 * seed) for seed in range(3)]
    assert tell_apart(same).aucs.tolist() == [0.5] * 3
    undefined = [Twins(np.full((4, 3), np.nan), np.full((4, 3), np.nan), one.images) for one in same]
    assert np.isnan(tell_apart(undefined).aucs).all()
