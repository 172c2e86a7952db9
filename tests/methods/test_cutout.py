"""Cutout: which pixels are hidden, by what, and how they are drawn."""

import pytest
import torch
from red_herring.methods import make_method
from red_herring.methods.cutout import cut_out
from support.small_classifier import batch_of, cross_entropies, smooth


def noise(n=20, height=9, width=9):
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(5)) + 1


def hidden(images, side, seed=0):
    """Which pixels changed, having checked that they have the image's mean."""
    cut = cut_out(images, side, torch.Generator().manual_seed(seed))
    changed = cut != images
    means = images.mean(dim=(1, 2, 3))
    for image, places, mean in zip(cut, changed, means, strict=True):
        assert image[places].tolist() == pytest.approx([mean.item()] * int(places.sum()))
    return changed[:, 0]


@pytest.mark.parametrize(("side", "length"), [(1 / 9, 1), (0.01, 1), (0.33, 3), (0.5, 4), (0.6, 5), (1.0, 9)])
def test_it_hides_a_square_of_that_side_less_what_lies_outside_the_image(side, length):
    """And whole where the centre is far enough from the border."""
    lengths = set()
    for places in hidden(noise(200), side):
        rows, columns = places.any(dim=1), places.any(dim=0)
        assert torch.equal(places, rows[:, None] & columns[None, :]), "a rectangle"
        for line in (rows, columns):
            inside = line.nonzero().flatten()
            assert len(inside) == inside[-1] - inside[0] + 1, "in one piece"
            cut = inside[0] == 0 or inside[-1] == 8
            assert len(inside) == length or (cut and len(inside) < length)
            lengths.add(len(inside))
    assert max(lengths) == length
    assert min(lengths) == max(1, length - length // 2 if length % 2 else length // 2), "with the centre in a corner"


def test_every_pixel_is_as_often_the_centre_as_another():
    """With a square of one pixel: 2000 draws of 81 places, chi squared with 80 degrees of freedom."""
    counts = hidden(noise(2000), 1 / 9).sum(dim=0).flatten().double()
    expected = 2000 / 81
    assert 40 < ((counts - expected) ** 2 / expected).sum().item() < 130, "outside with a chance below 0.001"


def test_images_that_are_not_square_have_a_rectangle_of_their_proportions():
    places = hidden(noise(100, height=8, width=16), 0.5)
    assert max(int(one.any(dim=1).sum()) for one in places) == 4
    assert max(int(one.any(dim=0).sum()) for one in places) == 8


def test_squares_are_drawn_anew_for_every_image_and_batch_with_the_generator():
    images, generator = noise(2).repeat(10, 1, 1, 1), torch.Generator().manual_seed(0)
    first, second = (cut_out(images, 0.5, generator) for _ in range(2))
    assert not torch.equal(first, second)
    assert len({tuple(image.flatten().tolist()) for image in first[::2]}) > 5, "of one image ten times"
    assert torch.equal(first, cut_out(images, 0.5, torch.Generator().manual_seed(0)))


def test_the_loss_is_that_of_the_images_that_are_left():
    model, batch = smooth(), batch_of([0, 1, 2, 3])
    cut = cut_out(batch.images, 0.4, torch.Generator().manual_seed(3))
    assert not torch.equal(cut, batch.images)
    method = make_method("cutout", model, {"lr": 1e-2, "side": 0.4})
    found = method.losses(batch, torch.Generator().manual_seed(3))
    each = cross_entropies(model(cut), batch.labels)
    assert found["classification"].item() == pytest.approx(sum(each) / 4, rel=1e-12)
    assert set(found) == {"classification"}
