"""ROI masks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.data.masks import dilate, ellipse, guide
from red_herring.runtime.files import StudyError


def test_the_papers_ellipse_covers_half_of_the_image():
    mask = ellipse(224, 0.4)
    assert mask.mean() == pytest.approx(np.pi * 0.16, abs=0.002)  # 0.503; the edge is cut into pixels
    np.testing.assert_array_equal(mask, mask[::-1])
    np.testing.assert_array_equal(mask, mask.T)


@pytest.mark.parametrize(("sigma", "radius"), [(0, 0), (0.1, 0), (0.5, 2), (1.0, 4), (1.5, 6)])
def test_a_blurred_pixel_grows_to_a_square_that_ends_at_four_sigma(sigma, radius):
    masks = np.zeros((2, 31, 31), bool)
    masks[0, 15, 15] = True
    grown = dilate(masks, sigma)
    expected = np.zeros((31, 31), bool)
    expected[15 - radius : 16 + radius, 15 - radius : 16 + radius] = True
    np.testing.assert_array_equal(grown[0], expected)
    assert not grown[1].any()


def masked(rows, side=32, seed=0):
    """`rows` masks: a rectangle of random place and size for True, nothing for False."""
    random = np.random.default_rng(seed)
    masks = np.zeros((len(rows), side, side), bool)
    for mask, has in zip(masks, rows, strict=True):
        top, left, height, width = random.integers(2, 12, 4)
        mask[top : top + height, left : left + width] = has
    return masks


PLAIN = {"negatives": "empty", "control": "none", "budget": 1.0, "blur_sigma": 0.0}
LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0])
BOXES = masked([True, True, True, False, False, False, False, False])
"""As in a box data set: three positives with a mask, one without, four negatives."""


def guided(masks=BOXES, labels=LABELS, seed=0, **changes):
    return guide(masks, labels, PLAIN | changes, seed)


def test_the_papers_guidance_takes_masks_as_they_are_and_negatives_as_all_outside():
    out = guided()
    np.testing.assert_array_equal(out[:3], BOXES[:3])
    assert out[3].all(), "a positive without a mask has no say"
    assert not out[4:].any()


def test_negatives_can_go_without_guidance():
    out = guided(negatives="skip")
    assert out[3:].all()
    np.testing.assert_array_equal(out[:3], BOXES[:3])


def test_negatives_can_get_the_masks_of_positives():
    out = guided(negatives="matched")
    for mask in out[4:]:
        assert any(np.array_equal(mask, box) for box in BOXES[:3])
    np.testing.assert_array_equal(out[:3], BOXES[:3])
    with pytest.raises(StudyError, match="no positive training image has a mask to match"):
        guided(masks=np.zeros_like(BOXES), negatives="matched")


def test_random_masks_have_the_same_area_elsewhere():
    out = guided(control="random")
    np.testing.assert_array_equal(out[:3].sum(axis=(1, 2)), BOXES[:3].sum(axis=(1, 2)))
    assert not (out[:3] == BOXES[:3]).all(axis=(1, 2)).any()
    assert not out[4:].any(), "what has no area stays empty"
    # Blobs, not noise: most neighbours of an inside pixel are inside, while of noise only the share of the area is.
    neighbours = np.roll(out[0], 1, axis=0)[out[0]].mean()
    assert neighbours > 0.5 > 2 * BOXES[0].mean()


def test_other_masks_are_of_another_image_each():
    out = guided(control="other")
    for own, mask in zip(BOXES[:3], out[:3], strict=True):
        assert not np.array_equal(own, mask)
    assert sorted(m.tobytes() for m in out[:3]) == sorted(m.tobytes() for m in BOXES[:3])
    with pytest.raises(StudyError, match="fewer than two training images have a mask"):
        guided(masks=masked([True] + [False] * 7), control="other")


def test_inverted_masks_are_the_outside():
    out = guided(control="inverted")
    np.testing.assert_array_equal(out[:3], ~BOXES[:3])
    assert not out[4:].any(), "the inverse of no mask is not all of the image, which would be no guidance"


def test_masks_are_dilated_before_a_control_replaces_them():
    wide = dilate(BOXES, 0.5)
    np.testing.assert_array_equal(guided(blur_sigma=0.5)[:3], wide[:3])
    np.testing.assert_array_equal(guided(blur_sigma=0.5, control="inverted")[:3], ~wide[:3])
    random = guided(blur_sigma=0.5, control="random")
    np.testing.assert_array_equal(random[:3].sum(axis=(1, 2)), wide[:3].sum(axis=(1, 2)))


@settings(deadline=None, max_examples=60)
@given(
    has=st.lists(st.booleans(), min_size=4, max_size=20),
    budget=st.floats(0, 1),
    seed=st.integers(0, 1000),
    negatives=st.sampled_from(["empty", "skip"]),
    control=st.sampled_from(["none", "random"]),
)
def test_a_budget_keeps_its_share_and_a_larger_one_keeps_those_of_a_smaller(has, budget, seed, negatives, control):
    labels = np.arange(len(has)) % 2
    masks = masked(has, seed=seed)
    before = masks.copy()

    def guiding(share):
        out = guide(masks, labels, PLAIN | {"negatives": negatives, "control": control, "budget": share}, seed)
        return ~out.all(axis=(1, 2)), out

    whole, all_of_them = guiding(1.0)
    some, out = guiding(budget)
    assert some.sum() == int(np.floor(budget * whole.sum() + 0.5))
    assert not (some & ~whole).any()
    np.testing.assert_array_equal(out[some], all_of_them[some])
    assert not (some & ~guiding(min(1.0, budget + 0.3))[0]).any()
    assert not guiding(0.0)[0].any()
    np.testing.assert_array_equal(masks, before)


def test_what_negatives_get_does_not_change_the_order_in_which_positives_are_kept():
    has = [True] * 20 + [False] * 20
    masks, labels = masked(has), np.repeat([1, 0], 20)

    def kept(negatives, budget):
        out = guide(masks, labels, PLAIN | {"negatives": negatives, "budget": budget}, 0)
        return set(np.flatnonzero(~out.all(axis=(1, 2)))) & set(range(20))

    few, many = sorted([kept("skip", 0.5), kept("empty", 0.5)], key=len)
    assert few <= many


def test_another_seed_keeps_other_masks():
    masks, labels = masked([True] * 40), np.arange(40) % 2
    kept = [~guide(masks, labels, PLAIN | {"budget": 0.5}, seed).all(axis=(1, 2)) for seed in (1, 2)]
    assert not np.array_equal(*kept)


def test_one_ellipse_for_all_is_not_copied_unless_it_must_be():
    one = np.broadcast_to(ellipse(64, 0.4), (1000, 64, 64))
    labels = np.arange(1000) % 2
    assert guide(one, labels, PLAIN, 0) is one
    wide = guide(one, labels, PLAIN | {"blur_sigma": 1.0}, 0)
    assert wide.strides[0] == 0
    np.testing.assert_array_equal(wide[7], dilate(one[:1].copy(), 1.0)[0])
    half = guide(one, labels, PLAIN | {"budget": 0.5}, 0)
    assert (~half.all(axis=(1, 2))).sum() == 500
