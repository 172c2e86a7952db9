"""Shuffling the pixels outside the mask."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from red_herring.methods.base import shuffle_outside


def images_and_masks(n=8, size=12, seed=0, share=0.4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 1, size, size, generator=generator), torch.rand(n, 1, size, size, generator=generator) < share


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 1000), share=st.floats(0, 1), n=st.integers(1, 6), size=st.integers(1, 20))
def test_the_inside_stays_and_every_image_keeps_its_pixels(seed, share, n, size):
    images, masks = images_and_masks(n, size, seed, share)
    shuffled = shuffle_outside(images, masks, torch.Generator().manual_seed(seed))
    assert torch.equal(shuffled[masks], images[masks])
    assert torch.equal(shuffled.flatten(1).sort(1).values, images.flatten(1).sort(1).values)


def test_every_image_and_every_presentation_has_a_permutation_of_its_own():
    images = torch.arange(100.0).view(1, 1, 10, 10).repeat(3, 1, 1, 1)
    masks = torch.zeros_like(images, dtype=torch.bool)
    generator = torch.Generator().manual_seed(0)
    first, second = shuffle_outside(images, masks, generator), shuffle_outside(images, masks, generator)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


def test_all_permutations_are_equally_likely():
    images = torch.tensor([1.0, 2.0, 3.0, 9.0]).view(1, 1, 2, 2).repeat(6000, 1, 1, 1)
    masks = (images == 9).clone()
    shuffled = shuffle_outside(images, masks, torch.Generator().manual_seed(0)).flatten(1)
    orders, counts = torch.unique(shuffled, dim=0, return_counts=True)
    assert len(orders) == 6
    # Each is binomial(6000, 1/6): standard deviation 29, so five of them.
    assert (counts - 1000).abs().max() < 145


def test_a_full_or_empty_mask():
    images, _ = images_and_masks()
    everywhere = torch.ones_like(images, dtype=torch.bool)
    assert torch.equal(shuffle_outside(images, everywhere, torch.Generator()), images)
    assert not torch.equal(shuffle_outside(images, ~everywhere, torch.Generator()), images)
