"""Intervals of AUCs against naive references, and how often they cover."""

import numpy as np
import pytest
from red_herring.statistics import auc
from red_herring.statistics.auc import Predictions
from scipy import stats
from sklearn.metrics import roc_auc_score


def predictions(rng, n=200, spread=1.0):
    labels = rng.integers(0, 2, n)
    return labels, np.round(labels + spread * rng.normal(size=n), 1), np.arange(n)


def test_weighted_aucs_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, scores, patients = predictions(rng, 40)
    weights = rng.integers(0, 3, (20, 40))
    found = auc._weighted_aucs(Predictions(labels, scores, patients), weights)
    expected = [roc_auc_score(labels, scores, sample_weight=row) for row in weights]
    np.testing.assert_allclose(found, expected)
    assert np.isnan(auc._weighted_aucs(Predictions(labels, scores, patients), labels[None] * 1)).all()


def delong_interval(labels, scores):
    """DeLong, DeLong and Clarke-Pearson 1988, the naive way."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = wins.mean(axis=1).var(ddof=1) / len(positives) + wins.mean(axis=0).var(ddof=1) / len(negatives)
    return wins.mean() - 1.96 * np.sqrt(variance), wins.mean() + 1.96 * np.sqrt(variance)


def test_one_image_per_patient_gives_delongs_interval():
    labels, scores, patients = predictions(np.random.default_rng(2), 400)
    found = auc.auc_interval(labels, scores, patients)
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    np.testing.assert_allclose(found[1:], delong_interval(labels, scores), atol=0.006)


def test_images_of_one_patient_say_no_more_than_one():
    labels, scores, patients = (np.repeat(part, 4) for part in predictions(np.random.default_rng(3), 150))
    found, naive = auc.auc_interval(labels, scores, patients), delong_interval(labels, scores)
    assert found.high - found.low > 1.7 * (naive[1] - naive[0]), "twice as wide, with four images each"


def test_patients_may_have_names():
    labels, scores, patients = predictions(np.random.default_rng(4))
    names = np.array([f"patient {number}" for number in patients])
    assert auc.auc_interval(labels, scores, names) == auc.auc_interval(labels, scores, patients)


def test_constant_scores_and_a_single_class():
    labels, patients = np.array([0, 1, 1, 0]), np.arange(4)
    np.testing.assert_equal(tuple(auc.auc_interval(labels, np.ones(4), patients)), (0.5, np.nan, np.nan))
    assert np.isnan(auc.auc_interval(np.ones(4), np.arange(4), patients)).all()


def test_too_many_resamples_without_a_class_make_it_undefined():
    found = auc.auc_interval(np.array([0, 0, 1, 0]), np.array([0.1, 0.5, 0.4, 0.2]), np.arange(4))
    assert found.value == pytest.approx(2 / 3)
    assert np.isnan(found[1:]).all(), "a positive is missing in a third of the resamples"


def test_seeds_add_to_the_interval_of_a_method():
    rng = np.random.default_rng(5)
    runs = [Predictions(*predictions(rng, 300, spread)) for spread in (0.3, 1.0, 3.0)]
    single = [auc.auc_interval(*run[:3]) for run in runs]
    found = auc.two_level_auc_interval(runs)
    assert found.value == pytest.approx(np.mean([interval.value for interval in single]))
    assert found.high - found.low > max(interval.high - interval.low for interval in single)


def test_the_same_patients_in_several_test_sets_say_no_more_than_once():
    """Four copies of a test set are as wide as one. Of other patients each, the mean of four resampled AUCs has 1/4 of
    the variance of one, and drawing four of them again adds (1 - 1/4) / 4 of it.
    """
    run = Predictions(*predictions(np.random.default_rng(6), 300))
    (_, low, high), same = auc.auc_interval(*run[:3]), auc.two_level_auc_interval([run] * 4)
    assert (same.high - same.low) / (high - low) == pytest.approx(1, rel=0.1)
    others = auc.two_level_auc_interval([run._replace(patients=run.patients + 300 * copy) for copy in range(4)])
    assert (others.high - others.low) / (high - low) == pytest.approx((1 / 4 + 3 / 16) ** 0.5, rel=0.1)


def test_the_interval_of_a_method_covers_its_mean_auc_where_test_sets_overlap():
    """Ten seeds test on 100 of 400 images each, so two share a quarter; some images are hard for every run, and runs
    differ. 0.987 of 300 such intervals cover the mean AUC over all images and runs, Phi(1 / sqrt(2 (hard^2 + own^2) +
    skill^2)): a little too wide, as the spread between runs holds a part of that between images too. Where patients are
    drawn anew for each run, as if no image were shared, 0.877 do. Of 100 studies the standard error is at most 0.033.
    """
    skill, hard, own = 0.25, 1.0, 0.5
    true_auc = stats.norm.cdf(1 / np.sqrt(2 * (hard**2 + own**2) + skill**2))
    rng, covered = np.random.default_rng(7), 0
    for _ in range(100):
        labels, common = np.arange(400) % 2, hard * rng.normal(size=400)
        runs = []
        for _ in range(10):
            rows = rng.permutation(400)[:100]
            scores = (1 + skill * rng.normal()) * labels[rows] + common[rows] + own * rng.normal(size=100)
            runs.append(Predictions(labels[rows], scores, rows))
        found = auc.two_level_auc_interval(runs, resamples=300)
        covered += found.low < true_auc < found.high
    assert covered >= 94
