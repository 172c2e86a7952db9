"""The generator: it changes the pixels of the box and no others, and first next to nothing."""

import pytest
import torch
from red_herring.generation.boxes import mask_of
from red_herring.generation.generator import Generator, coordinates, fold_of, of_weights
from red_herring.runtime.files import StudyError

BOXES = torch.tensor([[2, 3, 9, 8], [0, 0, 28, 28], [20, 27, 28, 28]])


def drawn(n, side=28, seed=0):
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def made(side=28, channels=4, strength=1.0, seed=0):
    torch.manual_seed(seed)
    generator = Generator(side, channels)
    with torch.no_grad():
        generator.last.weight.mul_(strength)
    return generator


@pytest.mark.parametrize("boxes", [BOXES, BOXES.float()])
def test_pixels_outside_the_box_are_the_same_to_the_bit_and_all_inside_change(boxes):
    images = drawn(3)
    changed = made(strength=100)(images, boxes, drawn(3, seed=1)) != images
    assert torch.equal(changed, mask_of(boxes, 28))


def test_no_gradient_comes_from_outside_the_box():
    generator = made(strength=100)
    outside = (generator(drawn(3), BOXES, drawn(3, seed=1)) * ~mask_of(BOXES, 28)).sum()
    assert not any(gradient.any() for gradient in torch.autograd.grad(outside, list(generator.parameters())))


def test_at_first_next_to_nothing_changes_and_every_weight_has_a_gradient():
    generator, images = made(), drawn(3)
    found = generator(images, BOXES, drawn(3, seed=1))
    assert (found - images).abs().mean() < 0.02
    (found - drawn(3, seed=2)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in generator.parameters())


@pytest.mark.parametrize("strength", [1.0, 1e4])
def test_images_stay_within_their_range(strength):
    found = made(strength=strength)(drawn(3), BOXES, drawn(3, seed=1))
    assert found.abs().max() <= 1


def test_the_noise_the_image_and_the_place_matter():
    generator, images, noise = made(strength=100), drawn(1), drawn(1, seed=1)
    box = torch.tensor([[4, 4, 12, 12]])
    shown = generator(images, box, noise)[0, 0, 4:12, 4:12]
    assert not torch.equal(shown, generator(images, box, drawn(1, seed=2))[0, 0, 4:12, 4:12])
    assert not torch.equal(shown, generator(images, torch.tensor([[4, 4, 12, 13]]), noise)[0, 0, 4:12, 4:12])
    around = torch.where(mask_of(box, 28), images, -images)
    assert not torch.equal(shown, generator(around, box, noise)[0, 0, 4:12, 4:12])


def test_images_of_a_batch_do_not_depend_on_each_other():
    generator, images, noise = made(strength=100), drawn(3), drawn(3, seed=1)
    alone = torch.cat([generator(*(part[i : i + 1] for part in (images, BOXES, noise))) for i in range(3)])
    torch.testing.assert_close(generator(images, BOXES, noise), alone)


def test_coordinates_go_from_edge_to_edge_of_the_box():
    rows, columns = coordinates(torch.tensor([[2, 1, 6, 3]]), drawn(1, side=8))[0]
    assert rows[2:6, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert columns[0, 1:3].tolist() == [-0.5, 0.5]
    assert (rows == rows[:, :1]).all()
    assert (columns == columns[:1]).all()


@pytest.mark.parametrize(("side", "fold"), [(28, 1), (64, 1), (128, 2), (224, 4), (512, 8)])
def test_large_images_are_folded_to_at_most_64_positions(side, fold):
    assert fold_of(side) == fold


def test_a_folded_image_changes_in_the_box_only():
    images, boxes = drawn(1, side=128), torch.tensor([[3, 5, 40, 28]])
    found = made(side=128, channels=2, strength=100)(images, boxes, drawn(1, side=128, seed=1))
    assert torch.equal(found != images, mask_of(boxes, 128))


def test_a_side_that_cannot_be_folded_is_refused():
    with pytest.raises(StudyError, match="is 99, and above 64 px it must be a multiple of 2"):
        fold_of(99)


@pytest.mark.parametrize("side", [28, 128])
def test_a_generator_made_from_weights_does_the_same_and_is_frozen(side):
    first, given = made(side, 2, strength=100), (drawn(3, side), BOXES, drawn(3, side, seed=1))
    again = of_weights(first.state_dict(), side)
    assert torch.equal(again(*given), first(*given))
    assert not any(parameter.requires_grad for parameter in again.parameters())
