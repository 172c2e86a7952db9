"""Discriminators, the losses of LSGAN by hand, crops of boxes, and the pool of past fakes."""

import pytest
import torch
from red_herring.generation.discriminators import (
    CROP,
    MARGIN,
    POOL,
    Discriminator,
    Pool,
    crop_side,
    crops,
    discriminator_loss,
    generator_loss,
)


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_losses_by_hand():
    real, fake = torch.tensor([1.0, 0.5]), torch.tensor([0.0, 0.2, -1.0])
    assert discriminator_loss(real, fake).item() == pytest.approx(((0 + 0.25) / 2 + (0 + 0.04 + 1) / 3) / 2)
    assert generator_loss(fake).item() == pytest.approx((1 + 0.64 + 4) / 3)
    assert discriminator_loss(torch.ones(3), torch.zeros(3)) == 0
    assert discriminator_loss(torch.full((3,), 0.5), torch.full((3,), 0.5)) == 0.25
    assert generator_loss(torch.ones(3)) == 0


@pytest.mark.parametrize(("side", "patches"), [(16, 4), (28, 7), (64, 16), (128, 16)])
def test_a_discriminator_judges_patches(side, patches):
    assert Discriminator(side, 2)(torch.zeros(3, 1, side, side)).shape == (3, 1, patches, patches)


def test_a_patch_has_18_pixels():
    """But for instance norm, which sees all positions: it is left out here."""
    discriminator = Discriminator(64, 2)
    discriminator.layers[3] = torch.nn.Identity()
    images = torch.rand(1, 1, 64, 64, generator=numbers()).requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(images)[0, 0, 8, 8], images)
    rows, columns = gradient[0, 0].nonzero().unbind(dim=1)
    assert rows.max() - rows.min() == columns.max() - columns.min() == 17


def test_a_crop_is_the_box_with_its_margin():
    """A box whose crop has as many pixels as it covers is cut out as it is."""
    images = torch.rand(2, 1, 40, 40, generator=numbers())
    extent = CROP / MARGIN
    top, left = 20 - extent / 2, 13 - extent / 2
    boxes = torch.tensor([[top, left, top + extent, left + extent]] * 2)
    torch.testing.assert_close(crops(images, boxes), images[:, :, 12:28, 5:21])


@pytest.mark.parametrize("box", [[0, 0, 3, 5], [3, 8, 27, 20], [0, 0, 28, 28], [27, 27, 28, 28]])
def test_a_crop_of_a_ramp_is_a_ramp_and_of_one_value_that_value(box):
    boxes = torch.tensor([box])
    torch.testing.assert_close(crops(torch.full((1, 1, 28, 28), 0.3), boxes), torch.full((1, 1, CROP, CROP), 0.3))
    rows = torch.arange(28.0).view(1, 1, 28, 1).expand(1, 1, 28, 28)
    found = crops(rows, boxes)[0, 0]
    torch.testing.assert_close(found, found[:, :1].expand(-1, CROP))
    assert (found[:, 0].diff() >= 0).all()
    assert found[CROP // 2 - 1 : CROP // 2 + 1, 0].mean().item() == pytest.approx((box[0] + box[2] - 1) / 2, abs=0.3)


def test_every_pixel_of_a_large_box_is_in_its_crop():
    images = torch.zeros(1, 1, 60, 60, requires_grad=True)
    (gradient,) = torch.autograd.grad(crops(images, torch.tensor([[10, 10, 50, 50]])).sum(), images)
    assert (gradient[0, 0, 10:50, 10:50] > 0).all()


def test_crops_grow_with_the_images():
    assert [crop_side(side) for side in (28, 64, 128, 224)] == [16, 16, 32, 64]


def marked(start, count):
    """Images and boxes that hold their number."""
    values = torch.arange(start, start + count, dtype=torch.float32)
    return values.view(-1, 1, 1, 1).expand(-1, 1, 2, 2), values.view(-1, 1).expand(-1, 4)


def test_a_pool_that_is_not_full_gives_what_it_is_given():
    pool = Pool(2, torch.device("cpu"))
    for start in range(0, POOL, 10):
        images, boxes = pool.exchange(*marked(start, 10), numbers())
        assert torch.equal(images, marked(start, 10)[0])
        assert torch.equal(boxes, marked(start, 10)[1])
    assert torch.equal(pool.images[:, 0, 0, 0], torch.arange(POOL).float())


def test_a_full_pool_gives_old_images_with_their_boxes_for_half_of_the_new_and_loses_none():
    pool, drawn = Pool(2, torch.device("cpu")), numbers()
    given = []
    for start in range(0, 1050, 10):
        images, boxes = pool.exchange(*marked(start, 10), drawn)
        assert torch.equal(images[:, 0, 0, 0], boxes[:, 0])
        given.append(images[:, 0, 0, 0])
    everything = torch.cat([*given[POOL // 10 :], pool.images[:, 0, 0, 0]])
    old = sum(int((part < 10 * row).sum()) for row, part in enumerate(given))
    assert 400 < old < 600
    shown = torch.cat(given[: POOL // 10])
    assert sorted(everything.tolist()) == list(range(1050))
    assert sorted(shown.tolist()) == list(range(POOL))


def test_a_pool_is_seeded_and_goes_on_from_its_state():
    def filled(seed, restart):
        pool, drawn = Pool(2, torch.device("cpu")), numbers(seed)
        for start in range(0, 200, 10):
            if restart and start == 100:
                before, pool = pool.state_dict(), Pool(2, torch.device("cpu"))
                pool.load_state_dict(before)
            pool.exchange(*marked(start, 10), drawn)
        return pool.images

    assert torch.equal(filled(0, False), filled(0, True))
    assert not torch.equal(filled(0, False), filled(1, False))


def test_a_pool_keeps_values_and_no_gradients():
    pool = Pool(2, torch.device("cpu"))
    images = torch.zeros(1, 1, 2, 2, requires_grad=True)
    shown, _ = pool.exchange(images * 2, torch.zeros(1, 4, dtype=torch.int64), numbers())
    assert not shown.requires_grad
    assert not pool.images.requires_grad
