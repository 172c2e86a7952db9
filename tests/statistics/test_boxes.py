"""Average precision against a slow reference and by hand; one box per image; intervals over patients."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.statistics.boxes import (
    COLUMNS,
    THRESHOLDS,
    average_precision,
    average_precisions,
    detection_measures,
    iobb,
    iou,
    match,
    overlaps_of_best,
)

NOTHING = (np.zeros((0, 4)), np.zeros(0))
A, B, FAR = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]


def of(*boxes):
    return np.array(boxes, np.float64).reshape(-1, 4)


def said(*pairs):
    return of(*[box for box, _ in pairs]), np.array([score for _, score in pairs])


def ap(predictions, truths):
    return average_precision(match(predictions, truths))


def slow(predictions, truths):
    """With loops and fractions: for each threshold the precision and recall of the boxes that reach it."""
    total = sum(len(true) for true in truths)
    points = []
    for threshold in sorted({float(score) for _, scores in predictions for score in scores}, reverse=True):
        found, shown = 0, 0
        for (boxes, scores), true in zip(predictions, truths, strict=True):
            overlaps = iou(boxes, true)
            for j in range(len(true)):
                goes = [
                    i for i in range(len(boxes))
                    if scores[i] >= threshold and overlaps[i].argmax() == j and overlaps[i, j] >= 0.5
                ]  # fmt: skip
                found += len(goes) > 0
            shown += sum(float(score) >= threshold for score in scores)
        points.append((Fraction(found, total), Fraction(found, shown)))
    area, before = Fraction(0), Fraction(0)
    for number, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[number:])
        before = recall
    return float(area)


@pytest.mark.parametrize(
    ("predictions", "truths", "expected"),
    [
        ([said((A, 0.9))], [of(A)], 1.0),
        ([said((A, 0.9), (A, 0.8))], [of(A)], 1.0),  # a duplicate after it costs nothing more
        ([said((A, 0.9), (A, 0.8), (B, 0.7))], [of(A, B)], 0.5 + 0.5 * 2 / 3),  # but before another one it does
        ([said((FAR, 0.9), (A, 0.8))], [of(A)], 0.5),
        ([said((FAR, 0.5), (A, 0.5))], [of(A)], 0.5),  # equal scores are one point
        ([said((A, 0.5), (FAR, 0.5))], [of(A)], 0.5),
        ([said((A, 0.9))], [of(A, B)], 0.5),
        ([NOTHING], [of(A)], 0.0),
        ([said((FAR, 0.9))], [of(A)], 0.0),
        ([said((A, 0.9)), said((A, 0.95))], [of(A), of()], 0.5),  # an image without objects
        ([NOTHING, said((A, 0.9))], [of(A), of(A)], 0.5),
        ([said(([0, 0, 10, 5], 0.9))], [of(A)], 1.0),  # IoU of exactly one half
        ([said(([0, 0, 10, 4.9], 0.9))], [of(A)], 0.0),
    ],
)
def test_average_precision_by_hand(predictions, truths, expected):
    assert ap(predictions, truths) == pytest.approx(expected)
    if sum(len(true) for true in truths):
        assert slow(predictions, truths) == pytest.approx(expected)


def test_without_a_true_box_it_is_undefined():
    assert math.isnan(ap([said((A, 0.9))], [of()]))
    assert math.isnan(ap([NOTHING], [of()]))


def test_of_equal_scores_the_larger_overlap_finds_and_order_counts_for_nothing():
    near = [0, 0, 10, 8]
    for pairs in ([(A, 0.5), (near, 0.5)], [(near, 0.5), (A, 0.5)]):
        matches = match([said(*pairs)], [of(A)])
        assert matches.hits.tolist() == [True, False]


coordinates = st.integers(0, 6)
box = st.tuples(coordinates, coordinates, st.integers(1, 5), st.integers(1, 5)).map(
    lambda values: [values[0], values[1], values[0] + values[2], values[1] + values[3]]
)
image = st.tuples(st.lists(st.tuples(box, st.sampled_from([0.25, 0.5, 0.75])), max_size=5), st.lists(box, max_size=3))


@settings(max_examples=60, deadline=None)
@given(st.lists(image, min_size=1, max_size=4), st.randoms())
def test_average_precision_is_that_of_the_slow_reference_in_any_order(drawn, random):
    predictions = [said(*pairs) if pairs else NOTHING for pairs, _ in drawn]
    truths = [of(*true) for _, true in drawn]
    found = ap(predictions, truths)
    if not sum(map(len, truths)):
        assert math.isnan(found)
        return
    assert found == pytest.approx(slow(predictions, truths))
    order = random.sample(range(len(drawn)), len(drawn))
    mixed = [(boxes[::-1], scores[::-1]) for boxes, scores in (predictions[row] for row in order)]
    assert ap(mixed, [truths[row] for row in order]) == pytest.approx(found)


def test_a_weight_is_a_copy_of_the_image():
    predictions, truths = [said((A, 0.9), (FAR, 0.8)), said((FAR, 0.85), (B, 0.3))], [of(A), of(B)]
    weighed = average_precisions(match(predictions, truths), np.array([[1.0, 3.0], [2.0, 0.0], [0.0, 0.0]]))
    thrice = ap([predictions[0], *[predictions[1]] * 3], [truths[0], *[truths[1]] * 3])
    assert weighed == pytest.approx([thrice, ap(predictions[:1], truths[:1]), math.nan], nan_ok=True)


def test_weights_are_copies_of_random_images_too():
    """500 resamples are more than are held at once."""
    rng = np.random.default_rng(0)
    truths = [of(*[A, B][: rng.integers(0, 3)]) for _ in range(8)]
    predictions = [
        said(*[([A, B, FAR][rng.integers(3)], rng.integers(1, 5) / 4) for _ in range(rng.integers(1, 4))])
        for _ in truths
    ]
    weights = rng.integers(0, 3, (500, 8))
    found = average_precisions(match(predictions, truths), weights.astype(float))
    for row in range(0, 500, 25):
        copies = np.repeat(np.arange(8), weights[row])
        expected = ap([predictions[copy] for copy in copies], [truths[copy] for copy in copies])
        assert found[row] == pytest.approx(expected, nan_ok=True)


def test_overlaps_by_hand():
    large, small = np.array([[0, 0, 4, 4], [0, 2, 4, 6], [4, 4, 6, 6]]), np.array([[1, 1, 3, 3]])
    assert iou(large[:1], large).tolist() == [[1, pytest.approx(1 / 3), 0]]
    assert iobb(small, large).tolist() == [[1, 0.5, 0]]
    assert iobb(large, small).tolist() == [[0.25], [0.125], [0]]


def test_the_one_box_is_that_of_the_highest_score_of_equal_ones_the_first():
    predictions = [said((FAR, 0.3), (A, 0.9)), said((A, 0.5), (FAR, 0.5)), NOTHING, said((A, 0.9))]
    truths = [of(B, [0, 0, 10, 5]), of(A), of(A), of()]
    assert overlaps_of_best(predictions, truths, iou) == pytest.approx([0.5, 1.0, 0.0, math.nan], nan_ok=True)
    small = [said(([0, 0, 2, 2], 0.5))]
    assert overlaps_of_best(small, [of(A)], iobb) == pytest.approx([1.0])
    assert overlaps_of_best(small, [of(A)], iou) == pytest.approx([0.04])


def test_a_perfect_detector_scores_1_everywhere():
    truths = [of(A), of(A, B), of(FAR), of()]
    predictions = [(true, np.linspace(0.9, 0.8, len(true))) for true in truths]
    found = detection_measures(predictions, truths, ["a", "a", "b", "c"], resamples=50)
    assert list(found) == COLUMNS
    assert len(found) == 1 + 2 * len(THRESHOLDS)
    assert (found["value"] == 1).all()
    assert (found[["low", "high"]].iloc[1:].dropna() == 1).all(axis=None)
    assert found[["images", "patients"]].to_numpy().tolist() == [[4, 3]] + [[3, 2]] * 14


def test_thresholds_of_one_box():
    found = detection_measures([said(([0, 0, 10, 5], 1.0))], [of(A)], ["a"], resamples=2)
    assert found[found["measure"] == "iou"]["value"].tolist() == [1] * 5 + [0] * 2
    assert found[found["measure"] == "iobb"]["value"].tolist() == [1] * 7


def test_without_true_boxes_nothing_is_defined():
    found = detection_measures([said((A, 1.0))], [of()], ["a"], resamples=5)
    assert found[["value", "low", "high"]].isna().all(axis=None)


def test_the_interval_of_half_right_of_thirty_patients_is_the_binomial_one():
    predictions = [said((A if number % 2 else FAR, 0.5)) for number in range(30)]
    found = detection_measures(predictions, [of(A)] * 30, range(30)).set_index(["measure", "threshold"])
    value, low, high = found.loc[("iou", 0.5), ["value", "low", "high"]]
    assert value == 0.5
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(0.5 * 0.5 / 30), abs=0.02)


def test_images_of_one_patient_are_drawn_together():
    """All images of one patient: no resample is another one."""
    predictions = [said((A if number % 2 else FAR, 0.5)) for number in range(30)]
    one = detection_measures(predictions, [of(A)] * 30, ["a"] * 30, resamples=20)
    assert (one["low"] == one["high"]).all()
    few = detection_measures(predictions, [of(A)] * 30, [number % 4 for number in range(30)], resamples=200)
    many = detection_measures(predictions, [of(A)] * 30, range(30), resamples=200)
    width = [(table["high"] - table["low"])[5] for table in (few, many)]
    assert width[0] > 1.5 * width[1]


def test_the_same_seed_gives_the_same_interval():
    predictions = [said((A if number % 3 else FAR, number / 30)) for number in range(30)]
    a, b = (detection_measures(predictions, [of(A)] * 30, range(30), resamples=50, seed=4) for _ in range(2))
    assert a.equals(b)
